"""The store of the inbox on our own database, beside the log of events. Knows no vendor, and not what a delivery means.

The unique key of vendor, store and dedupe key decides what is new, also between processes. Finished rows are deleted by
age and count (`prune`), those that wait never.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    bindparam,
    func,
    insert,
    literal,
    null,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.domain.events import NewEvent
from meschain.services.ports import Clock
from meschain.services.webhook_ports import (
    Arrival,
    Attempt,
    Backlog,
    Delivery,
    Settled,
    SettledElsewhere,
    Status,
    StoredDelivery,
    Worked,
)
from meschain.state.database import Database
from meschain.state.events import SqlEventStore
from meschain.state.pruning import delete_in_steps, prune_rows
from meschain.state.tables import inbox, inbox_objects, inbox_told

_ATTEMPTS: Final = 5
"""Of storing deliveries beside another process that stores the same ones; each needs it to commit in between."""
_STEP: Final = 300
"""Keys in one statement, and rows looked at in one transaction; SQLite takes some thousand parameters."""
_NOTE_CHARACTERS: Final = 1_000
_TRIES: Final = 20
"""Attempts remembered of one delivery: those until it is given up, and some after a replay."""

# Made once, as in `login_sessions`; changes go for a whole batch in one visit to the driver.
_KEY: Final = (inbox.c.vendor, inbox.c.store, inbox.c.dedupe_key)
_STORED: Final = select(*_KEY).where(tuple_(*_KEY).in_(bindparam("keys", expanding=True)))
_STORE: Final = insert(inbox)
_DUE: Final = (
    select(inbox)
    .where(
        inbox.c.status == Status.WAITING,
        inbox.c.vendor.in_(bindparam("vendors", expanding=True)),
        inbox.c.next_attempt_at <= bindparam("now"),
    )
    .order_by(inbox.c.sequence)
    .limit(bindparam("limit"))
)
_TRIES_OF: Final = select(inbox.c.sequence, inbox.c.tries).where(
    inbox.c.sequence.in_(bindparam("numbers", expanding=True))
)
_FINISH: Final = update(inbox).where(inbox.c.sequence == bindparam("number"), inbox.c.status == Status.WAITING)
_TOLD: Final = select(inbox_told.c.event_id).where(inbox_told.c.event_id.in_(bindparam("ids", expanding=True)))
_TELL: Final = insert(inbox_told)
_NEWEST: Final = select(inbox_objects.c.object_key, inbox_objects.c.newest_at).where(
    inbox_objects.c.object_key.in_(bindparam("keys", expanding=True))
)
_BEGIN: Final = insert(inbox_objects)
_ADVANCE: Final = update(inbox_objects).where(inbox_objects.c.object_key == bindparam("key"))


class SqlInboxStore:
    """`services.webhook_ports.InboxStore` in its three tables.

    Args:
        events: the log in the same database.
    """

    def __init__(self, database: Database, clock: Clock, events: SqlEventStore) -> None:
        self._database = database
        self._events = events
        self._clock = clock
        # Those of this process wait here and not in the database, where they would hold connections.
        self._turn = asyncio.Lock()

    async def add(self, arrivals: Sequence[Arrival]) -> Sequence[bool]:
        async def store(connection: AsyncConnection) -> Sequence[bool]:
            return await _add(connection, arrivals, self._clock.now())

        for attempt in range(_ATTEMPTS):
            try:
                async with self._turn:
                    return await self._database.run(store)
            except IntegrityError:
                # Another process has stored one of them between our look and our insert: look again.
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def due(self, vendors: Sequence[str], now: datetime, limit: int) -> Sequence[StoredDelivery]:
        given = {"vendors": list(vendors), "now": now, "limit": limit}
        async with self._database.connect() as connection:
            return [_stored(row) for row in await connection.execute(_DUE, given)]

    async def next_due(self, vendors: Sequence[str]) -> datetime | None:
        query = select(func.min(inbox.c.next_attempt_at)).where(
            inbox.c.status == Status.WAITING, inbox.c.vendor.in_(vendors)
        )
        async with self._database.connect() as connection:
            found: datetime | None = await connection.scalar(query)
            return found

    async def settled(self, event_ids: Sequence[str], objects: Sequence[str]) -> Settled:
        told: set[str] = set()
        newest: dict[str, datetime] = {}
        async with self._database.connect() as connection:
            for ids in _steps(event_ids):
                told.update((await connection.scalars(_TOLD, {"ids": ids})).all())
            for keys in _steps(objects):
                newest |= await _newest(connection, keys)
        return Settled(frozenset(told), newest)

    async def finish(
        self,
        worked: Sequence[Worked],
        told: Sequence[str],
        newest: Mapping[str, datetime],
        events: Sequence[NewEvent] = (),
    ) -> None:
        now = self._clock.now()
        transaction = self._events.transaction() if events else self._database.begin()
        # Whoever stores events waits for others who do. Those who only acknowledge must not wait for that as well.
        async with nullcontext() if events else self._turn, transaction as connection:
            if worked:
                tries = await _tries(connection, [each.number for each in worked])
                await connection.execute(_FINISH, [_finished(each, tries.get(each.number, ()), now) for each in worked])
            await _insert_told(connection, told, now)
            await _advance(connection, newest, now)
            if events:
                await self._events.add(connection, events)

    async def erase(self, vendors: Sequence[str], text: str) -> int:
        wanted, erased, after = text.encode(), 0, 0
        while True:
            async with self._turn, self._database.begin() as connection:
                rows = (
                    await connection.execute(
                        select(inbox.c.sequence, inbox.c.body)
                        .where(inbox.c.sequence > after, inbox.c.vendor.in_(vendors), inbox.c.status != Status.WAITING)
                        .order_by(inbox.c.sequence)
                        .limit(_STEP)
                    )
                ).all()
                if not rows:
                    return erased
                after = rows[-1].sequence
                # Searched here and not in SQL: the three databases differ in how they search bytes.
                found = [row.sequence for row in rows if wanted in row.body]
                if found:
                    await connection.execute(update(inbox).where(inbox.c.sequence.in_(found)).values(body=b""))
                    erased += len(found)

    async def get(self, number: int) -> StoredDelivery | None:
        async with self._database.connect() as connection:
            row = (await connection.execute(select(inbox).where(inbox.c.sequence == number))).one_or_none()
        return None if row is None else _stored(row)

    async def list(
        self, status: str | None, vendor: str | None, before: int | None, limit: int
    ) -> Sequence[StoredDelivery]:
        empty: dict[str, ColumnElement[Any]] = {"body": literal(b"").label("body"), "tries": null().label("tries")}
        query = (
            select(*[empty.get(column.name, column) for column in inbox.c])
            .order_by(inbox.c.sequence.desc())
            .limit(limit)
        )
        if status is not None:
            query = query.where(inbox.c.status == status)
        if vendor is not None:
            query = query.where(inbox.c.vendor == vendor)
        if before is not None:
            query = query.where(inbox.c.sequence < before)
        async with self._database.connect() as connection:
            return [_stored(row) for row in await connection.execute(query)]

    async def replay(self, number: int, now: datetime) -> bool:
        values = {"status": Status.WAITING, "attempts": 0, "next_attempt_at": now, "note": "", "finished_at": None}
        return await self._change(number, values, but_not=Status.DROPPED)

    async def drop(self, number: int, now: datetime) -> bool:
        return await self._change(number, {"status": Status.DROPPED, "body": b"", "finished_at": now})

    async def _change(self, number: int, values: Mapping[str, object], but_not: str = "") -> bool:
        async def change(connection: AsyncConnection) -> bool:
            query = select(inbox.c.status).where(inbox.c.sequence == number).with_for_update()
            status = await connection.scalar(query)
            if status is None or status == but_not:
                return False
            await connection.execute(update(inbox).where(inbox.c.sequence == number).values(**values))
            return True

        async with self._turn:
            return await self._database.run(change)

    async def backlog(self) -> Backlog:
        query = select(inbox.c.status, func.count(), func.min(inbox.c.received_at)).where(
            inbox.c.status.in_((Status.WAITING, Status.DEAD))
        )
        async with self._database.connect() as connection:
            rows = {row[0]: (row[1], row[2]) for row in await connection.execute(query.group_by(inbox.c.status))}
        waiting, oldest = rows.get(Status.WAITING, (0, None))
        return Backlog(waiting, rows.get(Status.DEAD, (0, None))[0], oldest)

    async def latest(self, vendor: str, store: str) -> datetime | None:
        query = (
            select(inbox.c.received_at)
            .where(inbox.c.vendor == vendor, inbox.c.store == store)
            .order_by(inbox.c.sequence.desc())
            .limit(1)
        )
        async with self._database.connect() as connection:
            found: datetime | None = await connection.scalar(query)
            return found

    async def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        """As the port, of finished deliveries; and of what was told, whose ids keep repeats from being told again."""
        async for deleted in prune_rows(
            self._database,
            inbox,
            key=[inbox.c.sequence],
            order=inbox.c.sequence,
            moment=inbox.c.received_at,
            before=before,
            keep=keep,
            needless=inbox.c.status != Status.WAITING,
            turn=self._turn,
        ):
            yield deleted
        for table, key in ((inbox_told, inbox_told.c.event_id), (inbox_objects, inbox_objects.c.object_key)):
            async for deleted in delete_in_steps(
                self._database,
                table,
                key=[key],
                order=table.c.told_at,
                condition=table.c.told_at < before,
                turn=self._turn,
            ):
                yield deleted


async def _add(connection: AsyncConnection, arrivals: Sequence[Arrival], now: datetime) -> Sequence[bool]:
    keys = [(each.delivery.vendor, each.delivery.store, each.delivery.key) for each in arrivals]
    known: set[tuple[str, str, str]] = set()
    for step in _steps(keys):
        known.update((row[0], row[1], row[2]) for row in await connection.execute(_STORED, {"keys": step}))
    is_new: list[bool] = []
    for key in keys:
        is_new.append(key not in known)
        known.add(key)
    rows = [_values(arrival, now) for arrival, new in zip(arrivals, is_new, strict=True) if new]
    if rows:
        await connection.execute(_STORE, rows)
    return is_new


async def _tries(connection: AsyncConnection, numbers: Sequence[int]) -> dict[int, list[dict[str, str]]]:
    tries: dict[int, list[dict[str, str]]] = {}
    for step in _steps(numbers):
        found = await connection.execute(_TRIES_OF, {"numbers": step})
        tries.update({row.sequence: row.tries or [] for row in found})
    return tries


async def _insert_told(connection: AsyncConnection, told: Sequence[str], now: datetime) -> None:
    for ids in _steps(list(dict.fromkeys(told))):
        if (await connection.scalars(_TOLD, {"ids": ids})).first() is not None:
            raise SettledElsewhere
        await connection.execute(_TELL, [{"event_id": each, "told_at": now} for each in ids])


async def _advance(connection: AsyncConnection, newest: Mapping[str, datetime], now: datetime) -> None:
    for keys in _steps(list(newest)):
        known = await _newest(connection, keys)
        rows = [{"object_key": key, "newest_at": newest[key], "told_at": now} for key in keys if key not in known]
        if rows:
            await connection.execute(_BEGIN, rows)
        if any(newest[key] < moment for key, moment in known.items()):
            raise SettledElsewhere
        if known:
            await connection.execute(
                _ADVANCE, [{"key": key, "newest_at": newest[key], "told_at": now} for key in known]
            )


async def _newest(connection: AsyncConnection, keys: Sequence[str]) -> dict[str, datetime]:
    return {row.object_key: row.newest_at for row in await connection.execute(_NEWEST, {"keys": keys})}


def _steps(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + _STEP] for start in range(0, len(items), _STEP)]


def _values(arrival: Arrival, now: datetime) -> dict[str, object]:
    delivery = arrival.delivery
    return {
        "vendor": delivery.vendor,
        "store": delivery.store,
        "dedupe_key": delivery.key,
        "kind": delivery.kind,
        "method": delivery.method,
        "path": delivery.path,
        "headers": dict(delivery.headers),
        "body": delivery.body,
        "status": arrival.status,
        "attempts": 0,
        "next_attempt_at": now,
        "note": arrival.note[:_NOTE_CHARACTERS],
        "received_at": delivery.received_at,
        "finished_at": None if arrival.status == Status.WAITING else now,
    }


def _finished(worked: Worked, tries: Sequence[Mapping[str, str]], now: datetime) -> dict[str, object]:
    note = worked.note[:_NOTE_CHARACTERS]
    attempt = {"at": now.isoformat(), "status": worked.status, "note": note}
    return {
        "number": worked.number,
        "status": worked.status,
        "attempts": worked.attempts,
        "next_attempt_at": worked.next_attempt_at,
        "note": note,
        "finished_at": None if worked.status == Status.WAITING else now,
        "tries": [*tries, attempt][-_TRIES:],
    }


def _stored(row: Row[Any]) -> StoredDelivery:
    delivery = Delivery(
        vendor=row.vendor,
        store=row.store,
        key=row.dedupe_key,
        kind=row.kind,
        method=row.method,
        path=row.path,
        headers=dict(row.headers),
        body=bytes(row.body),
        received_at=row.received_at,
    )
    tries = tuple(Attempt(datetime.fromisoformat(each["at"]), each["status"], each["note"]) for each in row.tries or ())
    return StoredDelivery(
        row.sequence, delivery, row.status, row.attempts, row.next_attempt_at, row.note, row.finished_at, tries
    )
