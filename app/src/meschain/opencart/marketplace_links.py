"""Which marketplace an order came from, as the old extension's tables say; never from the order's comment.

Three generations of these tables exist and none has a unique key, so several rows for one order are normal: the
newest row of the first table that knows the order wins. Knows no figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    String,
    Table,
    and_,
    column,
    func,
    literal,
    null,
    or_,
    select,
    table,
    type_coerce,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.opencart.detection import ShopSchema

SHOP: Final = "shop"
"""The shop's own counter: an order that no marketplace brought."""

LONGEST_CODE: Final = 32
"""Characters of a code that are kept; ours have ten at most, and what else stands there names no group."""

_CHUNK: Final = 500
"""Ids per IN list."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where an order came from."""

    marketplace: str
    marketplace_order_id: str


NO_LINK: Final = Link(SHOP, "")


@dataclass(frozen=True, slots=True)
class _LinkTable:
    """One generation: what to select from, and which of its columns mean what."""

    name: str
    rows: FromClause
    order_id: ColumnElement[Any]
    code: ColumnElement[Any]
    number: ColumnElement[Any]
    newest: ColumnElement[Any]


class MarketplaceLinks:
    """The link tables of one shop; whichever exist."""

    def __init__(self, schema: ShopSchema) -> None:
        self._tables = [found for found in (_mapping(schema), _core(schema), _trendyol(schema)) if found is not None]

    @property
    def source(self) -> str:
        """The tables in use, or `none`."""
        return ", ".join(link.name for link in self._tables) or "none"

    async def find(self, connection: AsyncConnection, order_ids: Sequence[int]) -> Mapping[int, Link]:
        """The links of those orders that have one."""
        found: dict[int, Link] = {}
        for start in range(0, len(order_ids), _CHUNK):
            wanted = set(order_ids[start : start + _CHUNK])
            for link in self._tables:
                if not wanted:
                    break
                rows = await connection.execute(
                    select(link.order_id, link.code, link.number)
                    .select_from(link.rows)
                    .where(link.order_id.in_(sorted(wanted)))
                    .order_by(link.newest)
                )
                for order_id, code, number in rows:
                    if code:
                        found[order_id] = Link(str(code).strip().lower()[:LONGEST_CODE], str(number or ""))
                wanted -= found.keys()
        return found

    def joined(self, order: Table, first_id: int) -> tuple[FromClause, ColumnElement[str | None]]:
        """The orders with the code of each one's marketplace as a column; NULL where no table names one.

        By the same rule as `find`, for statements that read too many orders to ask for each.

        Args:
            first_id: The lowest order id that is read; links of earlier orders are passed over.
        """
        orders: FromClause = order
        codes: list[ColumnElement[Any]] = []
        for place, link in enumerate(self._tables):
            wanted = and_(link.order_id >= first_id, link.code.is_not(None), link.code != "")
            newest = (
                select(link.order_id.label("order_id"), func.max(link.newest).label("newest"))
                .select_from(link.rows)
                .where(wanted)
                .group_by(link.order_id)
                .subquery(f"newest{place}")
            )
            # Grouped once more: a table without a key may hold several rows that are the newest.
            named = (
                select(link.order_id.label("order_id"), func.max(link.code).label("code"))
                .select_from(
                    link.rows.join(newest, and_(newest.c.order_id == link.order_id, newest.c.newest == link.newest))
                )
                .where(wanted)
                .group_by(link.order_id)
                .subquery(f"named{place}")
            )
            orders = orders.outerjoin(named, named.c.order_id == order.c.order_id)
            codes.append(func.substr(func.lower(func.trim(named.c.code)), 1, LONGEST_CODE, type_=String))
        if not codes:
            return orders, type_coerce(null(), String)
        return orders, codes[0] if len(codes) == 1 else func.coalesce(*codes)

    def mentions(self, order_id: ColumnElement[int], codes: Sequence[str]) -> ColumnElement[bool]:
        """A condition that holds for every order of these marketplaces, and for some others: check with `find`."""
        # Not EXISTS: these tables have no index on the order, and a correlated search would read them once per order.
        return or_(
            literal(False),
            *(
                order_id.in_(select(link.order_id).select_from(link.rows).where(func.lower(link.code).in_(codes)))
                for link in self._tables
            ),
        )


def _mapping(schema: ShopSchema) -> _LinkTable | None:
    columns = ("opencart_order_id", "marketplace", "marketplace_order_id")
    name = schema.extension_table("meschain_order_mapping", *columns)
    if name is None:
        return None
    key = schema.catalogue.keys.get(name, columns[0])
    rows = table(name, *(column(each) for each in dict.fromkeys((*columns, key))))
    return _LinkTable(
        name, rows, rows.c.opencart_order_id, rows.c.marketplace, rows.c.marketplace_order_id, rows.c[key]
    )


def _core(schema: ShopSchema) -> _LinkTable | None:
    columns = ("meschain_order_id", "order_id", "marketplace_id", "marketplace_order_id")
    name = schema.extension_table("meschain_order", *columns)
    names = schema.extension_table("meschain_marketplace", "marketplace_id", "code")
    if name is None or names is None:
        return None
    links = table(name, *(column(each) for each in columns))
    marketplaces = table(names, column("marketplace_id"), column("code"))
    return _LinkTable(
        name,
        links.join(marketplaces, links.c.marketplace_id == marketplaces.c.marketplace_id),
        links.c.order_id,
        marketplaces.c.code,
        links.c.marketplace_order_id,
        links.c.meschain_order_id,
    )


def _trendyol(schema: ShopSchema) -> _LinkTable | None:
    columns = ("opencart_order_id", "order_number")
    name = schema.extension_table("trendyol_orders", *columns)
    if name is None:
        return None
    key = schema.catalogue.keys.get(name, columns[0])
    rows = table(name, *(column(each) for each in dict.fromkeys((*columns, key))))
    return _LinkTable(name, rows, rows.c.opencart_order_id, literal("trendyol"), rows.c.order_number, rows.c[key])
