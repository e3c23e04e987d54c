"""The open connections of all processes, on our own database. Knows no hub.

Where a service holds them for us, they are as its events told: an end is written even where no beginning was, so that a
beginning that comes late finds it. Where a process holds them itself, it writes down what it knows. What has ended is
deleted after a while, by `prune`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.domain.roles import Identity, Role
from meschain.services.audiences import joined, parted
from meschain.services.ports import NOBODY, Clock, ConnectionKey, OnlineConnection, OpenConnection
from meschain.services.text import clip
from meschain.state.database import Database
from meschain.state.gathering import GatheredWrites
from meschain.state.keys import by_first, one_of
from meschain.state.pruning import prune_rows
from meschain.state.tables import connections

_OPEN: Final[ColumnElement[bool]] = connections.c.ended_at.is_(None)
_KEY: Final = (connections.c.hub, connections.c.connection_id)
_STEP: Final = 500
"""Rows of one transaction: a thousand clients that come at once are two."""
_NAME_CHARACTERS: Final = 190
"""The columns' width."""

# Made once, as in `login_sessions`.
_OF_LOG_IN: Final = select(connections).where(connections.c.log_in == bindparam("log_in"), _OPEN)
_LOG_INS: Final = (
    select(connections.c.log_in)
    .distinct()
    .where(connections.c.log_in > bindparam("after"), _OPEN)
    .order_by(connections.c.log_in)
    .limit(bindparam("limit"))
)
_COUNT: Final = select(func.count()).select_from(connections).where(_OPEN)
_UNSEEN: Final = (
    select(connections)
    .where(_OPEN, connections.c.seen_at < bindparam("before"))
    .order_by(connections.c.seen_at)
    .limit(bindparam("limit"))
)
_HELD: Final = select(*_KEY).where(connections.c.node == bindparam("held_by"), _OPEN)
_NODES: Final = select(connections.c.node).distinct().where(_OPEN)
_ONLINE: Final = (
    select(connections).where(_OPEN, connections.c.user_id != "").order_by(connections.c.opened_at.desc(), *_KEY)
)
_PEOPLE: Final = (
    select(connections.c.user_id, connections.c.user_name, connections.c.role)
    .distinct()
    .where(_OPEN, connections.c.user_id != "", connections.c.role != Role.SERVICE.value)
    .order_by(connections.c.user_id, connections.c.user_name, connections.c.role)
)
_IDLE: Final = (
    select(connections)
    .where(_OPEN, connections.c.active_at < bindparam("before"))
    .order_by(connections.c.active_at)
    .limit(bindparam("limit"))
)
_SOME: Final = (
    connections.c.hub == bindparam("of_hub"),
    connections.c.connection_id.in_(bindparam("ids", expanding=True)),
)
_KNOWN: Final = select(*_KEY).where(*_SOME)
_AMONG: Final = select(connections).where(*_SOME, _OPEN, connections.c.user_id != "")
_END: Final = update(connections).where(*_SOME, _OPEN).values(ended_at=bindparam("moment"))
_BEGIN: Final = insert(connections)
_ACTIVE: Final = (
    update(connections)
    .where(connections.c.hub == bindparam("of_hub"), connections.c.connection_id == bindparam("of_id"), _OPEN)
    .values(active_at=bindparam("moment"))
)


@dataclass(frozen=True, slots=True)
class _Change:
    """What a service's event told: that a connection was opened, or that it ended."""

    connection: OpenConnection
    at: datetime
    has_ended: bool


class SqlConnectionStore:
    """`services.ports.StoredConnections` and `WrittenConnections` in the table of connections."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._changes = GatheredWrites(database, _write)

    # As a service's events tell

    async def opened(self, connection: OpenConnection) -> None:
        await self._changes.add(_Change(connection, self._clock.now(), has_ended=False))

    async def ended(self, hub: str, connection_id: str) -> None:
        now = self._clock.now()
        # Where its beginning is not known, this is what is written.
        unknown = OpenConnection(hub, connection_id, "", NOBODY, now)
        await self._changes.add(_Change(unknown, now, has_ended=True))

    async def of_log_in(self, log_in: str) -> Sequence[OpenConnection]:
        return await self._read(_OF_LOG_IN, log_in=log_in)

    async def log_ins(self, after: str, limit: int) -> Sequence[str]:
        async with self._database.connect() as connection:
            return list((await connection.scalars(_LOG_INS, {"after": after, "limit": limit})).all())

    async def among(self, hub: str, connection_ids: Sequence[str]) -> Sequence[OpenConnection]:
        found = await self._read(_AMONG, of_hub=hub, ids=list(connection_ids))
        # One that was cut off would be another user.
        return [each for each in found if len(each.who.user_id) < _NAME_CHARACTERS]

    async def count(self) -> int:
        async with self._database.connect() as connection:
            return int(await connection.scalar(_COUNT) or 0)

    async def unseen(self, before: datetime, limit: int) -> Sequence[OpenConnection]:
        return await self._read(_UNSEEN, before=before, limit=limit)

    async def seen(self, connection: OpenConnection) -> None:
        command = update(connections).where(*_is(connection.hub, connection.connection_id), _OPEN)
        async with self._database.begin() as database:
            await database.execute(command.values(seen_at=self._clock.now()))

    # As the process knows that holds them

    async def write(self, opened: Sequence[OpenConnection], ended: Sequence[ConnectionKey]) -> None:
        now = self._clock.now()
        for start in range(0, len(opened), _STEP):
            some = opened[start : start + _STEP]
            async with self._database.begin() as database:
                await database.execute(delete(connections).where(one_of(_KEY, [_key(each) for each in some])))
                await database.execute(insert(connections), [_values(each, now, None) for each in some])
        for start in range(0, len(ended), _STEP):
            command = update(connections).where(one_of(_KEY, ended[start : start + _STEP]), _OPEN)
            async with self._database.begin() as database:
                await database.execute(command.values(ended_at=now))

    async def write_active(self, moments: Mapping[ConnectionKey, datetime]) -> None:
        rows = [{"of_hub": key[0], "of_id": key[1], "moment": moment} for key, moment in moments.items()]
        for start in range(0, len(rows), _STEP):
            async with self._database.begin() as database:
                await database.execute(_ACTIVE, rows[start : start + _STEP])

    async def held_by(self, node: str) -> Sequence[ConnectionKey]:
        async with self._database.connect() as connection:
            return [(row.hub, row.connection_id) for row in await connection.execute(_HELD, {"held_by": node})]

    async def nodes(self) -> Sequence[str]:
        async with self._database.connect() as connection:
            return list((await connection.scalars(_NODES)).all())

    async def end_node(self, node: str, unseen_since: datetime | None = None) -> int:
        command = update(connections).where(connections.c.node == node, _OPEN).values(ended_at=self._clock.now())
        if unseen_since is not None:
            command = command.where(connections.c.seen_at < unseen_since)
        async with self._database.begin() as database:
            return (await database.execute(command)).rowcount

    # For whoever looks

    async def online(self) -> Sequence[OnlineConnection]:
        async with self._database.connect() as connection:
            return [_online(row) for row in await connection.execute(_ONLINE)]

    async def people(self) -> Sequence[Identity]:
        async with self._database.connect() as connection:
            return [Identity(row.user_id, row.user_name, _role(row.role)) for row in await connection.execute(_PEOPLE)]

    async def idle(self, before: datetime, limit: int) -> Sequence[OpenConnection]:
        return await self._read(_IDLE, before=before, limit=limit)

    def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        return prune_rows(
            self._database,
            connections,
            key=_KEY,
            moment=connections.c.ended_at,
            before=before,
            keep=keep,
            needless=connections.c.ended_at.is_not(None),
        )

    async def _read(self, query: Select[Any], **parameters: object) -> Sequence[OpenConnection]:
        async with self._database.connect() as connection:
            return [_connection(row) for row in await connection.execute(query, parameters)]


async def _write(connection: AsyncConnection, changes: Sequence[_Change]) -> None:
    known: set[ConnectionKey] = set()
    for hub, ids in by_first(_key(change.connection) for change in changes).items():
        rows = await connection.execute(_KNOWN, {"of_hub": hub, "ids": ids})
        known.update((row.hub, row.connection_id) for row in rows)
    new: dict[ConnectionKey, dict[str, object]] = {}
    ended: dict[ConnectionKey, datetime] = {}
    for change in changes:
        key = _key(change.connection)
        if key in known:
            if change.has_ended:
                ended[key] = change.at
        elif key not in new:
            new[key] = _values(change.connection, change.at, change.at if change.has_ended else None)
        elif change.has_ended and new[key]["ended_at"] is None:
            new[key]["ended_at"] = change.at
    # Sorted: two processes that lock the same rows lock them in one order.
    for hub, ids in by_first(sorted(ended)).items():
        await connection.execute(_END, {"of_hub": hub, "ids": ids, "moment": max(ended.values())})
    if new:
        await connection.execute(_BEGIN, [new[key] for key in sorted(new)])


def _is(hub: str, connection_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return connections.c.hub == hub, connections.c.connection_id == connection_id


def _key(connection: OpenConnection) -> ConnectionKey:
    return connection.hub, connection.connection_id


def _values(connection: OpenConnection, now: datetime, ended_at: datetime | None) -> dict[str, object]:
    opened_at = connection.opened_at or now
    return {
        "hub": connection.hub,
        "connection_id": connection.connection_id,
        "log_in": connection.log_in,
        "seen_at": now,
        "ended_at": ended_at,
        # Another issuer's may be longer than what can be indexed; nobody is kept out for that.
        "user_id": clip(connection.who.user_id, _NAME_CHARACTERS),
        "user_name": clip(connection.who.name, _NAME_CHARACTERS),
        "role": connection.who.role.value,
        "marketplaces": joined(connection.who.marketplaces),
        "opened_at": opened_at,
        "active_at": opened_at,
        "node": connection.node,
    }


def _connection(row: Row[Any]) -> OpenConnection:
    who = Identity(row.user_id, row.user_name, _role(row.role), parted(row.marketplaces)) if row.user_id else NOBODY
    return OpenConnection(row.hub, row.connection_id, row.log_in, who, row.opened_at, row.node)


def _online(row: Row[Any]) -> OnlineConnection:
    return OnlineConnection(_connection(row), row.active_at or row.seen_at)


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:  # written by a newer version
        return Role.USER
