"""Which marketplace an order came from, as the old extension's tables say; never from the order's comment.

Three generations of these tables exist and none has a unique key, so several rows for one order are normal: the
newest row of the first table that knows the order wins. Knows no figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, column, func, literal, or_, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.opencart.detection import ShopSchema

SHOP: Final = "shop"
"""The shop's own counter: an order that no marketplace brought."""

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
                        found[order_id] = Link(str(code).strip().lower(), str(number or ""))
                wanted -= found.keys()
        return found

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
