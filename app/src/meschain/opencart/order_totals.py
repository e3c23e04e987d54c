"""Sums over all orders that were ever bought, in the shop's default currency. Knows no marketplaces.

A reading looks at every order, for none of its columns has an index that helps; whoever shows such sums keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import func, select

from meschain.opencart.connection import ShopDatabase
from meschain.opencart.exact_sum import exact_sum
from meschain.opencart.figures import is_order
from meschain.opencart.settings_table import SettingsTable


@dataclass(frozen=True, slots=True)
class OrderTotals:
    """What there is altogether."""

    revenue: Decimal
    orders: int
    pending: int
    """Accepted, in one of the shop's processing statuses, and not complete."""


class OrderTotalsReader:
    """Reads them."""

    def __init__(self, database: ShopDatabase, settings: SettingsTable) -> None:
        self._database = database
        self._settings = settings

    async def totals(self) -> OrderTotals:
        """Raises: ShopUnavailable."""
        settings = await self._settings.read()
        schema = await self._database.schema()
        order = schema.tables.order
        found: dict[int, tuple[int, Decimal]] = {}
        async with self._database.connect() as connection:
            query = select(order.c.order_status_id, func.count(), exact_sum(order.c.total))
            for status, count, total in await connection.execute(query.group_by(order.c.order_status_id)):
                found[status] = (int(count), total)
        bought = {status: each for status, each in found.items() if is_order(settings, status)}
        waiting = settings.processing_statuses - settings.complete_statuses
        return OrderTotals(
            revenue=sum((total for _, total in bought.values()), Decimal(0)),
            orders=sum(count for count, _ in bought.values()),
            pending=sum(count for status, (count, _) in bought.items() if status in waiting),
        )

    async def amounts(self, order_ids: Sequence[int]) -> Mapping[int, Decimal]:
        """The totals of single orders by id. Raises: ShopUnavailable."""
        schema = await self._database.schema()
        order = schema.tables.order
        query = select(order.c.order_id, order.c.total).where(order.c.order_id.in_(order_ids))
        async with self._database.connect() as connection:
            return {order_id: total for order_id, total in await connection.execute(query)}
