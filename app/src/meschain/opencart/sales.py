"""Months of the shop: revenue and orders by marketplace, and how many checkouts became orders. Knows no stock.

One statement groups the orders by month, marketplace and status. They have no index on dates: the lowest order id of
the first month is looked up now and then (`DayFloor`), and from there they are read by primary key.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from sqlalchemy import Column, FromClause, String, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from meschain.opencart.connection import AnyRow, ShopDatabase
from meschain.opencart.detection import ShopSchema
from meschain.opencart.exact_sum import exact_sum
from meschain.opencart.figures import NO_SOURCE, DayFloor, counts, is_order
from meschain.opencart.marketplace_links import SHOP, MarketplaceLinks
from meschain.opencart.options import RevenueRule, ShopOptions
from meschain.opencart.settings_table import SettingsTable, ShopSettings
from meschain.opencart.store_time import store_months
from meschain.services.ports import Clock, MonthOfCheckouts, MonthOfSales, SalesHistory

_RULES: Final[dict[RevenueRule, str]] = {
    "gross": "by month, status > 0 and not void",
    "net": "by month, processing and complete statuses",
    "opencart": "by month, status > 0",
}


@dataclass(slots=True)
class _Month:
    orders: int = 0
    revenue: Decimal = Decimal(0)


class SalesReader:
    """Reads `SalesHistory`."""

    def __init__(self, database: ShopDatabase, settings: SettingsTable, clock: Clock, options: ShopOptions) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._rule = options.revenue_rule
        self._floor = DayFloor(clock, options.day_scan_seconds)

    async def read(self, months: int) -> SalesHistory:
        """Raises: ShopUnavailable."""
        settings = await self._settings.read()
        schema = await self._database.schema()
        names, start, end = store_months(self._clock.now(), settings.zone, months)
        links = MarketplaceLinks(schema)
        order = schema.tables.order
        async with self._database.connect() as connection:
            floor = await self._floor.find(connection, order, order.c.order_id, start)
            within = and_(order.c.order_id >= floor, order.c.date_added >= start, order.c.date_added < end)
            rows, code = links.joined(order, floor)
            groups = await _groups(connection, schema, rows, code, within)
            if schema.version.is_4:
                checkouts = _checkouts(groups, settings)
            else:
                checkouts = await _checkouts_by_buyer(connection, schema, settings, rows, code, within)
        zone_note = f" ({settings.zone_note})" if settings.zone_note else ""
        return SalesHistory(
            currency=settings.currency,
            currency_decimals=settings.currency_decimals,
            months=names,
            sales=_sales(groups, settings, self._rule),
            checkouts=checkouts,
            sources={
                "revenue": f"order.total: {_RULES[self._rule]}{zone_note}",
                "orders": f"order: {_RULES[self._rule]}{zone_note}",
                "marketplaces": links.source,
                "conversion": _conversion_source(schema, checkouts),
            },
        )


def _conversion_source(schema: ShopSchema, checkouts: dict[str, MonthOfCheckouts]) -> str:
    if not checkouts:
        return NO_SOURCE
    by_buyer = "" if schema.version.is_4 else ", by buyer"
    return f"order: confirmed / begun checkouts of the shop itself, by month{by_buyer}"


def _month(order: FromClause) -> ColumnElement[str]:
    """Dates are the store's own time already."""
    return func.substr(order.c.date_added, 1, 7, type_=String)


async def _groups(
    connection: AsyncConnection,
    schema: ShopSchema,
    rows: FromClause,
    code: ColumnElement[str | None],
    within: ColumnElement[bool],
) -> list[AnyRow]:
    """Rows of `month`, `code`, `status`, `count`, `total`."""
    order = schema.tables.order
    status: Column[int] = order.c.order_status_id
    month = _month(order)
    statement = (
        select(
            month.label("month_name"),
            code.label("link_code"),
            status,
            func.count().label("order_count"),
            exact_sum(order.c.total).label("order_sum"),
        )
        .select_from(rows)
        .where(within)
        .group_by("month_name", "link_code", status)
    )
    return list((await connection.execute(statement)).all())


def _sales(groups: list[AnyRow], settings: ShopSettings, rule: RevenueRule) -> list[MonthOfSales]:
    found: defaultdict[tuple[str, str], _Month] = defaultdict(_Month)
    for month, code, status, count, total in groups:
        if counts(settings, rule, status):
            entry = found[month, code or SHOP]
            entry.orders += count
            entry.revenue += total
    return [MonthOfSales(month, code, each.orders, each.revenue) for (month, code), each in sorted(found.items())]


def _checkouts(groups: list[AnyRow], settings: ShopSettings) -> dict[str, MonthOfCheckouts]:
    begun: defaultdict[str, int] = defaultdict(int)
    confirmed: defaultdict[str, int] = defaultdict(int)
    for month, code, status, count, _ in groups:
        if code is None:
            begun[month] += count
            confirmed[month] += count if is_order(settings, status) else 0
    return {month: MonthOfCheckouts(count, confirmed[month]) for month, count in begun.items()}


async def _checkouts_by_buyer(
    connection: AsyncConnection,
    schema: ShopSchema,
    settings: ShopSettings,
    rows: FromClause,
    code: ColumnElement[str | None],
    within: ColumnElement[bool],
) -> dict[str, MonthOfCheckouts]:
    """3.x adds a row for every visit of the confirm page, so buyers are counted, not rows."""
    order = schema.tables.order
    buyer = func.coalesce(func.nullif(order.c.email, ""), order.c.ip)
    bought = and_(order.c.order_status_id > 0, order.c.order_status_id != settings.void_status)
    statement = (
        select(
            _month(order).label("month_name"),
            func.count(func.distinct(buyer)),
            func.count(func.distinct(case((bought, buyer)))),
        )
        .select_from(rows)
        .where(within, code.is_(None))
        .group_by("month_name")
    )
    return {
        month: MonthOfCheckouts(begun, confirmed) for month, begun, confirmed in await connection.execute(statement)
    }
