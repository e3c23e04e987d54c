"""Orders of the shop as `OrderNotification`s: recent ones, named ones, and newly confirmed ones behind a cursor.

A new order is not a new row: the row is inserted when a checkout begins and becomes an order by a row in
`order_history`, which is append-only. The first row there with a status above 0 that is not the void status confirms
an order; core 4.1 writes void rows for checkouts never finished and before every edit. Knows no sums.
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
from meschain.opencart.marketplace_links import NO_LINK, MarketplaceLinks
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

GAP_SECONDS: Final = 10.0
"""How long a missing history id is looked for again: inserts that run side by side may become visible out of order."""
GAP_LIMIT: Final = 1000
"""Missing history ids kept in memory at most; more than that are a deletion or a replication step, not a late
insert."""

_FOLLOW_LIMIT: Final = 1000
"""Changed orders looked at one by one; after more changes than that one scan is cheaper."""


@dataclass(frozen=True, slots=True)
class _Confirmation:
    status: int
    date: str | None


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
        self._gaps: dict[int, float] = {}

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
        links = MarketplaceLinks(schema)
        key = (limit, None if marketplaces is None else tuple(sorted(set(marketplaces))))
        async with self._database.connect() as connection:
            newest = await _newest_history_id(connection, schema)
            rows = await self._follow(connection, schema, settings, links, key, newest)
            if rows is None:
                rows = await self._scan(connection, schema, settings, links, key)
                self._followed[key] = _Followed([], newest, self._clock.monotonic())
            self._followed[key].order_ids = [row.order_id for row in rows]
            self._followed[key].history_id = newest
            return await self._notifications(connection, schema, settings, links, rows)

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
            return await self._notifications(connection, schema, settings, MarketplaceLinks(schema), rows)

    async def confirmed_since(self, history_id: int, limit: int) -> tuple[int, Sequence[OrderNotification]]:
        """Orders whose first confirming row is among the next `limit` rows behind the cursor, or in a gap filled
        late."""
        settings = await self._settings.read()
        schema = await self._database.schema()
        history = schema.tables.order_history
        async with self._database.connect() as connection:
            selected = select(
                history.c.order_history_id, history.c.order_id, history.c.order_status_id, history.c.date_added
            ).order_by(history.c.order_history_id)
            rows = (
                await connection.execute(selected.where(history.c.order_history_id > history_id).limit(limit))
            ).all()
            late_ids = self._late(history_id)
            late = (
                (await connection.execute(selected.where(history.c.order_history_id.in_(late_ids)))).all()
                if late_ids
                else []
            )
            confirming: dict[int, _Confirmation] = {}
            looked_at: set[int] = set()
            for row in (*late, *rows):
                if row.order_status_id > 0 and row.order_status_id != settings.void_status:
                    confirming.setdefault(row.order_id, _Confirmation(row.order_status_id, row.date_added))
                    looked_at.add(row.order_history_id)
            found: list[OrderNotification] = []
            if confirming:
                # order_history has no index on the order, so this reads the table: once per batch that has a candidate.
                earlier = await connection.scalars(
                    select(history.c.order_id)
                    .distinct()
                    .where(
                        history.c.order_id.in_(sorted(confirming)),
                        history.c.order_history_id <= history_id,
                        history.c.order_history_id.not_in(sorted(looked_at)),
                        history.c.order_status_id > 0,
                        history.c.order_status_id != settings.void_status,
                    )
                )
                for order_id in earlier:
                    confirming.pop(order_id, None)
                order = schema.tables.order
                orders = await _rows(connection, schema, order.c.order_id.in_(sorted(confirming)))
                place = {order_id: position for position, order_id in enumerate(confirming)}
                orders.sort(key=lambda row: place[row.order_id])
                found = await self._notifications(
                    connection, schema, settings, MarketplaceLinks(schema), orders, confirming
                )
        # Only now, so that a failure above leaves the late ones to the next attempt.
        self._note_gaps(history_id, [row.order_history_id for row in rows], [row.order_history_id for row in late])
        return (rows[-1].order_history_id if rows else history_id), found

    def _late(self, history_id: int) -> list[int]:
        now = self._clock.monotonic()
        self._gaps = {gap: until for gap, until in self._gaps.items() if until > now and gap <= history_id}
        return sorted(self._gaps)

    def _note_gaps(self, history_id: int, seen: Sequence[int], late: Sequence[int]) -> None:
        for found in late:
            self._gaps.pop(found, None)
        if not seen or seen[-1] - history_id - len(seen) > GAP_LIMIT:
            return
        until = self._clock.monotonic() + GAP_SECONDS
        present = set(seen)
        missing = [gap for gap in range(history_id + 1, seen[-1]) if gap not in present]
        for gap in missing[: max(0, GAP_LIMIT - len(self._gaps))]:
            self._gaps[gap] = until

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
        links: MarketplaceLinks,
        rows: Sequence[AnyRow],
        confirmed: Mapping[int, _Confirmation] | None = None,
    ) -> list[OrderNotification]:
        ids = [row.order_id for row in rows]
        if not ids:
            return []
        item = schema.tables.order_product
        counted = await connection.execute(
            select(item.c.order_id, func.sum(item.c.quantity)).where(item.c.order_id.in_(ids)).group_by(item.c.order_id)
        )
        items = {order_id: int(quantity) for order_id, quantity in counted}
        found = await links.find(connection, ids)
        received_at = iso_utc(self._clock.now())
        notifications: list[OrderNotification] = []
        for row in rows:
            link = found.get(row.order_id, NO_LINK)
            status: int = row.order_status_id
            date: str | None = row.date_added
            word = _word(settings, status)
            if confirmed is not None:
                # Since then it may have been voided for an edit: what happened is its confirmation.
                confirmation = confirmed[row.order_id]
                date = confirmation.date
                word = "created"
                if status <= 0 or status == settings.void_status:
                    status = confirmation.status
            occurred = parse_local(date, settings.zone)
            total, places = buyers_total(settings, row.total, row.currency_code, row.currency_value)
            notifications.append(
                OrderNotification(
                    event_id=f"order:{row.order_id}",
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
                    item_count=items.get(row.order_id, 0),
                    occurred_at=iso_utc(occurred) if occurred is not None else "",
                    received_at=received_at,
                )
            )
        return notifications


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
