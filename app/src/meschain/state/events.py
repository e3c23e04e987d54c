"""The store of events on our own database: in one order without holes, each id once. Knows nobody who is told.

Numbers that a database counts by itself are given out before their rows can be seen, so a reader may pass by one that
is committed late. Here whoever stores events locks one row, the head, and numbers them from it: positions have no
holes, and become visible in their order. It costs that events are stored one transaction after the other: whoever has
many gives them together.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Row, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.domain.events import NewEvent, StoredEvent
from meschain.services.ports import Clock
from meschain.state import tables
from meschain.state.database import Database
from meschain.state.pruning import STEP
from meschain.state.sharing import SharedRead, SharedReads

PUBLISHED: Final = "events.published"
"""The cursor of whoever tells them; behind a dot that of another way to the clients."""

_RECENT: Final = 1_000
"""Events kept in memory, those of a second in a burst; some megabyte."""
_KNOWN_STEP: Final = 500
"""Ids asked for in one statement; SQLite takes some thousands of parameters at most."""

# Made once, as in `login_sessions`.
_BEHIND: Final = (
    select(tables.events)
    .where(tables.events.c.position > bindparam("after"))
    .order_by(tables.events.c.position)
    .limit(bindparam("limit"))
)
_HEAD: Final = select(tables.event_head.c.position)
_OLDEST: Final = select(func.min(tables.events.c.position))
_MOVE_CURSOR: Final = update(tables.cursors).where(tables.cursors.c.name == bindparam("cursor"))
_PUBLISHED: Final = select(tables.cursors).where(tables.cursors.c.name.in_(bindparam("names", expanding=True)))
_KNOWN: Final = select(tables.events.c.event_id).where(tables.events.c.event_id.in_(bindparam("ids", expanding=True)))
_STORE: Final = insert(tables.events)
_CURSORS: Final = select(tables.cursors.c.name).where(tables.cursors.c.name.in_(bindparam("names", expanding=True)))
_POSITION: Final = select(tables.cursors.c.position).where(tables.cursors.c.name == bindparam("name"))


class SqlEventStore:
    """`services.ports.KeptEvents` in the table of events."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        # Those of this process wait here and not in the database, where they would hold connections.
        self._turn = asyncio.Lock()
        # Each client that catches up asks for these, from about the same position.
        self._behind = SharedReads(self._read_behind)
        self._newest = SharedRead(self._read_newest)
        self._recent: deque[StoredEvent] = deque(maxlen=_RECENT)

    async def append(self, events: Sequence[NewEvent], cursors: Mapping[str, str] = MappingProxyType({})) -> None:
        async with self.transaction() as connection:
            stored = await self.add(connection, events)
            await _save_cursors(connection, cursors)
        self._remember(stored)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction for a change that events tell of: `add` them last, and both are stored or neither.

        Everybody else who stores events waits for its end. Not to be opened within another transaction.
        """
        async with self._turn, self._database.begin() as connection:
            if connection.dialect.name != "sqlite":  # which has locked all of it
                # First of all: what is read after it is what the one before us committed, in all that MySQL shows.
                await connection.execute(_HEAD.with_for_update())
            yield connection

    async def add(self, connection: AsyncConnection, given: Sequence[NewEvent]) -> Sequence[StoredEvent]:
        """Store events in that transaction; returns the new ones. Until it ends nobody else stores any."""
        head = int((await connection.execute(_HEAD.with_for_update())).scalar_one())
        first_of_each = {event.event_id: event for event in reversed(given)}
        known = await _known(connection, list(first_of_each))
        fresh = [event for event in given if event.event_id not in known and first_of_each[event.event_id] is event]
        if not fresh:
            return ()
        now = self._clock.now()
        stored = [StoredEvent(position, event) for position, event in enumerate(fresh, head + 1)]
        await connection.execute(_STORE, [_values(each, now) for each in stored])
        await connection.execute(update(tables.event_head).values(position=head + len(fresh)))
        return stored

    async def behind(self, position: int, limit: int) -> Sequence[StoredEvent]:
        if self._recent and self._recent[0].position <= position + 1 <= self._recent[-1].position:
            first = position + 1 - self._recent[0].position
            return list(islice(self._recent, first, first + limit))
        return await self._behind.get((limit, position))

    def _remember(self, stored: Sequence[StoredEvent]) -> None:
        """Keep what was committed just now for those who tell it: it need not be read again to be known."""
        if stored and self._recent and self._recent[-1].position + 1 != stored[0].position:
            self._recent.clear()  # others have stored some in between
        self._recent.extend(stored)

    async def _read_behind(self, asked: Sequence[tuple[int, int]]) -> Mapping[tuple[int, int], Sequence[StoredEvent]]:
        """Args: asked: limit and position of each."""
        found: dict[tuple[int, int], Sequence[StoredEvent]] = {}
        rows: Sequence[StoredEvent] = ()
        last: tuple[int, int] | None = None
        for limit, position in sorted(asked):
            if last is None or last[0] != limit or len(rows) == limit:
                async with self._database.connect() as connection:
                    answer = await connection.execute(_BEHIND, {"after": position, "limit": limit})
                    rows = [_event(row) for row in answer]
                last = limit, position
            # What was read with the same limit from a lower position to the end holds all that is behind this one.
            found[limit, position] = rows[bisect_right(rows, position, key=lambda row: row.position) :]
        return found

    async def newest(self) -> int:
        return await self._newest()

    async def _read_newest(self) -> int:
        async with self._database.connect() as connection:
            return int((await connection.execute(_HEAD)).scalar_one())

    async def published(self, way: str = "") -> int:
        async with self._database.connect() as connection:
            names = (await connection.execute(_PUBLISHED, {"names": [PUBLISHED, _cursor_of(way)]})).all()
        positions = {row.name: int(row.position) for row in names}
        return positions.get(_cursor_of(way), positions.get(PUBLISHED, 0))

    async def mark_published(self, position: int, way: str = "") -> None:
        name = _cursor_of(way)

        async def mark(connection: AsyncConnection) -> None:
            told = await connection.scalar(_POSITION.with_for_update(), {"name": name})
            if told is None or int(told) < position:
                await _save_cursors(connection, {name: str(position)})

        # Two ways that are marked for the first time may each lock the gap that the other one writes into.
        await self._database.run(mark)

    async def forget_way(self, way: str) -> None:
        async with self._database.begin() as connection:
            await connection.execute(delete(tables.cursors).where(tables.cursors.c.name == _cursor_of(way)))

    async def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        """As the port: never what was not told yet, and always from the first on, so that positions keep no holes."""
        position = tables.events.c.position
        told = await self.published()
        too_many = min(told, await self.newest() - keep)
        old = or_(and_(position <= told, tables.events.c.stored_at < before), position <= too_many)
        query = select(func.max(position)).where(old)
        async with self._database.connect() as connection:
            last = await connection.scalar(query)
            first = await connection.scalar(_OLDEST)
        while last is not None and first is not None and first <= last:
            up_to = min(first + STEP - 1, last)
            async with self._database.begin() as connection:
                deleted = (await connection.execute(delete(tables.events).where(position <= up_to))).rowcount
            while self._recent and self._recent[0].position <= up_to:
                self._recent.popleft()
            yield deleted
            first = up_to + 1


def _cursor_of(way: str) -> str:
    return f"{PUBLISHED}.{way}" if way else PUBLISHED


async def _known(connection: AsyncConnection, ids: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(ids), _KNOWN_STEP):
        some = ids[start : start + _KNOWN_STEP]
        known.update((await connection.scalars(_KNOWN, {"ids": some})).all())
    return known


async def _save_cursors(connection: AsyncConnection, cursors: Mapping[str, str]) -> None:
    """All together: a burst of sales moves a hundred of them, and each statement is a visit to the driver's thread."""
    there: set[str] = set()
    names = list(cursors)
    for start in range(0, len(names), _KNOWN_STEP):
        some = names[start : start + _KNOWN_STEP]
        there.update((await connection.scalars(_CURSORS, {"names": some})).all())
    if there:
        await connection.execute(_MOVE_CURSOR, [{"cursor": name, "position": cursors[name]} for name in sorted(there)])
    if new := [{"name": name, "position": cursors[name]} for name in names if name not in there]:
        await connection.execute(insert(tables.cursors), new)


def _values(stored: StoredEvent, stored_at: datetime) -> dict[str, object]:
    event = stored.event
    return {
        "position": stored.position,
        "event_id": event.event_id,
        "kind": event.kind,
        "event_key": event.key,
        "marketplace": event.marketplace,
        "payload": dict(event.payload),
        "occurred_at": event.occurred_at,
        "stored_at": stored_at,
    }


def _event(row: Row[Any]) -> StoredEvent:
    event = NewEvent(row.event_id, row.kind, row.event_key, row.marketplace, dict(row.payload), row.occurred_at)
    return StoredEvent(row.position, event)
