"""On which side connections are held during a roll-out, and what each side's counts are, on our own database."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.domain.roles import Identity, Role
from meschain.domain.rollout import Side
from meschain.services.ports import Clock, ConnectionKey, OpenConnection
from meschain.services.rollout_ports import PlacedConnection, SideCounts
from meschain.state.database import Database
from meschain.state.gathering import GatheredWrites
from meschain.state.keys import by_first
from meschain.state.pruning import prune_rows
from meschain.state.tables import rollout_connections, rollout_counts

_C: Final = rollout_connections.c
_PAGE: Final = (
    select(rollout_connections)
    .where(or_(_C.hub > bindparam("hub"), and_(_C.hub == bindparam("hub"), _C.connection_id > bindparam("after"))))
    .order_by(_C.hub, _C.connection_id)
)
_KEY: Final = (_C.hub, _C.connection_id)
_SOME: Final = (_C.hub == bindparam("of_hub"), _C.connection_id.in_(bindparam("ids", expanding=True)))
_OPEN: Final = select(*_KEY).where(*_SOME)
_END: Final = delete(rollout_connections).where(*_SOME)
_BEGIN: Final = insert(rollout_connections)
_USER_CHARACTERS: Final = 190
"""The column's width."""
_FIELDS: Final = tuple(asdict(SideCounts()))
_SUMS: Final = tuple(func.sum(rollout_counts.c[name]).label(name) for name in _FIELDS)


@dataclass(frozen=True, slots=True)
class _Change:
    """What happened to a connection: its row, or None where it has ended."""

    key: ConnectionKey
    values: Mapping[str, object] | None


class SqlPlacedConnections:
    """`services.rollout_ports.PlacedConnections` in a table of its own, which has rows during roll-outs only."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._changes = GatheredWrites(database, _write)

    async def opened(self, connection: PlacedConnection) -> None:
        identity = connection.identity
        if len(identity.user_id) > _USER_CHARACTERS:
            return  # another issuer's; it stays where it is, since a part of the name would tell another side
        values = {
            "hub": connection.hub,
            "connection_id": connection.connection_id,
            "side": connection.side.value,
            "user_id": identity.user_id,
            "role": identity.role.value,
            "marketplaces": list(identity.marketplaces),
            "seen_at": self._clock.now(),
        }
        await self._changes.add(_Change((connection.hub, connection.connection_id), values))

    async def ended(self, hub: str, connection_id: str) -> None:
        await self._changes.add(_Change((hub, connection_id), None))

    async def open_among(self, keys: Sequence[ConnectionKey]) -> set[ConnectionKey]:
        async with self._database.connect() as open_database:
            return await _open_among(open_database, keys)

    async def page(self, after: tuple[str, str], limit: int) -> Sequence[PlacedConnection]:
        async with self._database.connect() as open_database:
            rows = await open_database.execute(_PAGE.limit(limit), {"hub": after[0], "after": after[1]})
            return [_placed(row) for row in rows]

    async def count(self) -> Mapping[Side, int]:
        query = select(_C.side, func.count().label("open")).group_by(_C.side)
        async with self._database.connect() as open_database:
            found = {Side(row.side): int(row.open) for row in await open_database.execute(query)}
        return {side: found.get(side, 0) for side in Side}

    async def unseen(self, before: datetime, limit: int) -> Sequence[OpenConnection]:
        query = select(rollout_connections).where(_C.seen_at < before).order_by(_C.seen_at).limit(limit)
        async with self._database.connect() as open_database:
            return [OpenConnection(row.hub, row.connection_id, "") for row in await open_database.execute(query)]

    async def seen(self, connection: OpenConnection) -> None:
        command = update(rollout_connections).where(
            _C.hub == connection.hub, _C.connection_id == connection.connection_id
        )
        async with self._database.begin() as open_database:
            await open_database.execute(command.values(seen_at=self._clock.now()))


async def _open_among(connection: AsyncConnection, keys: Sequence[ConnectionKey]) -> set[ConnectionKey]:
    found: set[ConnectionKey] = set()
    for hub, ids in by_first(keys).items():
        rows = await connection.execute(_OPEN, {"of_hub": hub, "ids": ids})
        found.update((row.hub, row.connection_id) for row in rows)
    return found


async def _write(connection: AsyncConnection, changes: Sequence[_Change]) -> None:
    last = {change.key: change.values for change in changes}
    known = await _open_among(connection, list(last))
    # Sorted: two processes that lock the same rows lock them in one order.
    ended = sorted(key for key, values in last.items() if values is None and key in known)
    for hub, ids in by_first(ended).items():
        await connection.execute(_END, {"of_hub": hub, "ids": ids})
    if new := [values for key, values in sorted(last.items()) if values is not None and key not in known]:
        await connection.execute(_BEGIN, new)


class SqlCountStore:
    """`services.rollout_ports.CountStore` in the table of counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, node: str, second: int, counts: Mapping[Side, SideCounts]) -> None:
        rows = [{"second": second, "node": node, "side": side.value, **asdict(each)} for side, each in counts.items()]
        if rows:
            async with self._database.begin() as connection:
                await connection.execute(insert(rollout_counts), rows)

    async def between(self, first: int, last: int) -> Mapping[Side, SideCounts]:
        query = (
            select(rollout_counts.c.side, *_SUMS)
            .where(rollout_counts.c.second.between(first, last))
            .group_by(rollout_counts.c.side)
        )
        async with self._database.connect() as connection:
            # MySQL sums whole numbers to decimals.
            found = {
                Side(row.side): SideCounts(**{name: int(getattr(row, name)) for name in _FIELDS})
                for row in await connection.execute(query)
            }
        return {side: found.get(side, SideCounts()) for side in Side}

    def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        second = rollout_counts.c.second
        return prune_rows(
            self._database,
            rollout_counts,
            key=[second],
            moment=second,
            before=int(before.timestamp()),
            keep=keep,
        )


def _placed(row: Row[Any]) -> PlacedConnection:
    identity = Identity(row.user_id, row.user_id, Role(row.role), tuple(row.marketplaces))
    return PlacedConnection(row.hub, row.connection_id, Side(row.side), identity)
