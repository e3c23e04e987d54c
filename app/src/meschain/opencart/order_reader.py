"""Orders of the shop as `OrderNotification`s: recent ones, named ones, and as they were when something happened.

What counts as an order has a status above 0 that is not the void status: the row is inserted when a checkout begins,
and core 4.1 voids checkouts that are not finished. What happened is `capture`'s business. Knows no sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.domain.payloads import OrderNotification
from meschain.opencart.connection import AnyRow, ShopDatabase
from meschain.opencart.detection import ShopSchema
from meschain.opencart.marketplace_links import NO_LINK, Link, MarketplaceLinks
from meschain.opencart.options import ShopOptions
from meschain.opencart.settings_table import SettingsTable, ShopSettings
from meschain.opencart.store_time import iso_utc, parse_local
from meschain.services.ports import Clock

STATUS_WORDS: Final[Mapping[int, str]] = {
    1: "created",
    2: "picking",
    3: "shipped",
    5: "delivered",
    7: "cancelled",
    8: "cancelled",
    9: "created",
    10: "cancelled",
    11: "returned",
    12: "returned",
    13: "returned",
    14: "cancelled",
    15: "picking",
    16: "cancelled",
}
"""The product's word for the statuses that OpenCart brings; a shop's own statuses are `delivered` if complete, else
`created`."""

_FOLLOW_LIMIT: Final = 1000
"""Changed orders looked at one by one; after more changes than that one scan is cheaper."""


@dataclass(frozen=True, slots=True)
class OrderMoment:
    """Something that happened to an order, as its history tells."""

    event_id: str
    order_id: int
    status: int
    """Since then it may have been changed again: what happened is this."""
    word: str
    """Ours for that status; empty: by the status alone."""
    date: str | None
    """In the store's time."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What other tables say of some orders."""

    items: Mapping[int, int]
    links: Mapping[int, Link]
    received_at: str

    def notification(
        self, settings: ShopSettings, row: AnyRow, *, event_id: str, status: int, word: str, date: str | None
    ) -> OrderNotification:
        link = self.links.get(row.order_id, NO_LINK)
        occurred = parse_local(date, settings.zone)
        total, places = buyers_total(settings, row.total, row.currency_code, row.currency_value)
        return OrderNotification(
            event_id=event_id,
            marketplace=link.marketplace,
            order_number=link.marketplace_order_id or str(row.order_id),
            order_id=row.order_id,
            marketplace_order_id=link.marketplace_order_id,
            customer=f"{row.firstname} {row.lastname}".strip(),
            status=word,
            shop_status=settings.status_names.get(status, str(status)),
            total=float(total),
            currency=row.currency_code or settings.currency,
            currency_decimals=places,
            item_count=self.items.get(row.order_id, 0),
            occurred_at=iso_utc(occurred) if occurred is not None else "",
            received_at=self.received_at,
        )


@dataclass(slots=True)
class _Followed:
    """Recent orders of one filter, and up to which history row they are known to be right."""

    order_ids: list[int]
    history_id: int
    scanned_at: float


class OrderReader:
    """Reads orders."""

    def __init__(self, database: ShopDatabase, settings: SettingsTable, clock: Clock, options: ShopOptions) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._options = options
        self._followed: dict[tuple[int, tuple[str, ...] | None], _Followed] = {}
        self._links: tuple[ShopSchema, MarketplaceLinks] | None = None

    async def newest_history_id(self) -> int:
        schema = await self._database.schema()
        async with self._database.connect() as connection:
            return await _newest_history_id(connection, schema)

    async def recent(self, limit: int, marketplaces: Sequence[str] | None) -> Sequence[OrderNotification]:
        """The latest by date that count as orders.

        Finding them reads the whole table, which has no index on dates. Between two such scans the list is followed:
        only orders named by new history rows, and the known ones, are looked at again.
        """
        if limit < 1 or (marketplaces is not None and not marketplaces):
            return []
        settings = await self._settings.read()
        schema = await self._database.schema()
        links = self._links_of(schema)
        key = (limit, None if marketplaces is None else tuple(sorted(set(marketplaces))))
        async with self._database.connect() as connection:
            newest = await _newest_history_id(connection, schema)
            rows = await self._follow(connection, schema, settings, links, key, newest)
            if rows is None:
                rows = await self._scan(connection, schema, settings, links, key)
                self._followed[key] = _Followed([], newest, self._clock.monotonic())
            self._followed[key].order_ids = [row.order_id for row in rows]
            self._followed[key].history_id = newest
            return await self._notifications(connection, schema, settings, rows)

    async def named(self, order_ids: Sequence[int]) -> Sequence[OrderNotification]:
        """Those that exist and count as orders, by ascending id."""
        if not order_ids:
            return []
        settings = await self._settings.read()
        schema = await self._database.schema()
        order = schema.tables.order
        async with self._database.connect() as connection:
            rows = await _rows(
                connection, schema, and_(order.c.order_id.in_(sorted(set(order_ids))), _is_order(schema, settings))
            )
            rows.sort(key=lambda row: int(row.order_id))
            return await self._notifications(connection, schema, settings, rows)

    async def moments(self, moments: Sequence[OrderMoment]) -> Sequence[OrderNotification]:
        """What to tell of each, in their order; those whose order is gone are left out."""
        settings = await self._settings.read()
        schema = await self._database.schema()
        order = schema.tables.order
        wanted = sorted({moment.order_id for moment in moments})
        async with self._database.connect() as connection:
            rows = await _rows(connection, schema, order.c.order_id.in_(wanted))
            facts = await self._facts(connection, schema, [row.order_id for row in rows])
        found = {row.order_id: row for row in rows}
        return [
            facts.notification(
                settings,
                found[moment.order_id],
                event_id=moment.event_id,
                status=moment.status,
                word=moment.word or _word(settings, moment.status),
                date=moment.date,
            )
            for moment in moments
            if moment.order_id in found
        ]

    async def _follow(
        self,
        connection: AsyncConnection,
        schema: ShopSchema,
        settings: ShopSettings,
        links: MarketplaceLinks,
        key: tuple[int, tuple[str, ...] | None],
        newest: int,
    ) -> list[AnyRow] | None:
        """The list brought up to date by the history alone; None: the table has to be read."""
        followed = self._followed.get(key)
        limit, codes = key
        age = self._options.history_scan_seconds
        if followed is None or newest < followed.history_id or self._clock.monotonic() - followed.scanned_at >= age:
            return None
        candidates = set(followed.order_ids)
        if newest > followed.history_id:
            history = schema.tables.order_history
            candidates.update(
                await connection.scalars(
                    select(history.c.order_id).distinct().where(history.c.order_history_id > followed.history_id)
                )
            )
        if not candidates:
            return []
        if len(candidates) > _FOLLOW_LIMIT:
            return None
        order = schema.tables.order
        rows = await _rows(
            connection, schema, and_(order.c.order_id.in_(sorted(candidates)), _is_order(schema, settings))
        )
        rows = await _only(connection, links, rows, codes)
        rows.sort(key=lambda row: (row.date_added or "", row.order_id), reverse=True)
        if len(rows) < min(limit, len(followed.order_ids)):
            return None  # one of them no longer counts, and what comes after it is not known
        return rows[:limit]

    async def _scan(
        self,
        connection: AsyncConnection,
        schema: ShopSchema,
        settings: ShopSettings,
        links: MarketplaceLinks,
        key: tuple[int, tuple[str, ...] | None],
    ) -> list[AnyRow]:
        limit, codes = key
        order = schema.tables.order
        condition = _is_order(schema, settings)
        if codes is not None:
            condition = and_(condition, links.mentions(order.c.order_id, codes))
        asked = limit
        while True:
            found = await _rows(connection, schema, condition, asked)
            rows = await _only(connection, links, found, codes)
            if len(rows) >= limit or len(found) < asked:
                return rows[:limit]
            asked *= 4  # a table of lower rank named some of them, one of higher rank says otherwise

    async def _notifications(
        self,
        connection: AsyncConnection,
        schema: ShopSchema,
        settings: ShopSettings,
        rows: Sequence[AnyRow],
    ) -> list[OrderNotification]:
        facts = await self._facts(connection, schema, [row.order_id for row in rows])
        return [
            facts.notification(
                settings,
                row,
                event_id=f"order:{row.order_id}",
                status=row.order_status_id,
                word=_word(settings, row.order_status_id),
                date=row.date_added,
            )
            for row in rows
        ]

    def _links_of(self, schema: ShopSchema) -> MarketplaceLinks:
        """Made once for each schema: a burst asks many times a second."""
        if self._links is None or self._links[0] is not schema:
            self._links = schema, MarketplaceLinks(schema)
        return self._links[1]

    async def _facts(self, connection: AsyncConnection, schema: ShopSchema, ids: Sequence[int]) -> _Facts:
        received_at = iso_utc(self._clock.now())
        if not ids:
            return _Facts({}, {}, received_at)
        item = schema.tables.order_product
        counted = await connection.execute(
            select(item.c.order_id, func.sum(item.c.quantity)).where(item.c.order_id.in_(ids)).group_by(item.c.order_id)
        )
        items = {order_id: int(quantity) for order_id, quantity in counted}
        return _Facts(items, await self._links_of(schema).find(connection, ids), received_at)


def buyers_total(settings: ShopSettings, total: Decimal, code: str, rate: Decimal) -> tuple[Decimal, int]:
    """The total as the buyer saw it, and its decimals: rows hold the store's currency, the buyer's is total x rate."""
    places = settings.decimals.get(code or settings.currency, 2)
    shown = total * (rate if rate > 0 else Decimal(1))
    return shown.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP), places


async def _newest_history_id(connection: AsyncConnection, schema: ShopSchema) -> int:
    history = schema.tables.order_history
    return int(await connection.scalar(select(func.max(history.c.order_history_id))) or 0)


def _is_order(schema: ShopSchema, settings: ShopSettings) -> ColumnElement[bool]:
    status = schema.tables.order.c.order_status_id
    return and_(status > 0, status != settings.void_status)


async def _rows(
    connection: AsyncConnection, schema: ShopSchema, condition: ColumnElement[bool], limit: int | None = None
) -> list[AnyRow]:
    order = schema.tables.order
    statement = select(
        order.c.order_id,
        order.c.firstname,
        order.c.lastname,
        order.c.total,
        order.c.order_status_id,
        order.c.currency_code,
        order.c.currency_value,
        order.c.date_added,
    ).where(condition)
    if limit is not None:
        statement = statement.order_by(order.c.date_added.desc(), order.c.order_id.desc()).limit(limit)
    return list((await connection.execute(statement)).all())


async def _only(
    connection: AsyncConnection, links: MarketplaceLinks, rows: list[AnyRow], codes: Sequence[str] | None
) -> list[AnyRow]:
    if codes is None or not rows:
        return rows
    found = await links.find(connection, [row.order_id for row in rows])
    return [row for row in rows if found.get(row.order_id, NO_LINK).marketplace in codes]


def _word(settings: ShopSettings, status: int) -> str:
    word = STATUS_WORDS.get(status)
    if word is not None:
        return word
    return "delivered" if status in settings.complete_statuses else "created"
