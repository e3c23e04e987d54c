"""The store of broken connections of old clients, on our own database."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.services.legacy_absence import Absence
from meschain.services.together import Take, Together
from meschain.state.database import Database
from meschain.state.gathering import MOST_TOGETHER
from meschain.state.tables import legacy_absences

_C: Final = legacy_absences.c
_OF_CLIENTS: Final = (
    select(_C.id, _C.client, _C.position, _C.since)
    .where(_C.client.in_(bindparam("clients", expanding=True)))
    .order_by(_C.since, _C.id)
    .with_for_update()
)
_DELETE: Final = delete(legacy_absences).where(_C.id == bindparam("absence"))

_Asked = tuple[str, datetime]
"""Who came again, and since when it may have been away at most."""


class SqlAbsenceStore:
    """`services.legacy_absence.AbsenceStore` in a table.

    Those who come at the same time are served in one transaction: after an outage all do, and a whole office is one
    client, whose connections would compete for its rows.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._taking: Together[_Asked, int | None] = Together(self._take_together, MOST_TOGETHER)

    async def add(self, absences: Sequence[Absence]) -> None:
        rows = [
            {"id": secrets.token_hex(16), "client": each.client, "position": each.position, "since": each.since}
            for each in absences
        ]
        if rows:
            await self._database.run(lambda connection: connection.execute(insert(legacy_absences), rows))

    async def take(self, client: str, since: datetime) -> int | None:
        return await self._taking.add((client, since))

    async def _take_together(self, take: Take[_Asked]) -> Sequence[int | None]:
        take()

        async def work(connection: AsyncConnection) -> Sequence[int | None]:
            return await _take(connection, take())  # who came while we waited for the database goes with us

        return await self._database.run(work)

    async def forget(self, before: datetime) -> None:
        await self._delete(_C.since < before)

    async def _delete(self, condition: ColumnElement[bool]) -> None:
        command = delete(legacy_absences).where(condition)
        await self._database.run(lambda connection: connection.execute(command))


async def _take(connection: AsyncConnection, asked: Sequence[_Asked]) -> Sequence[int | None]:
    waiting: dict[str, deque[tuple[str, int, datetime]]] = {client: deque() for client, _ in asked}
    for row in await connection.execute(_OF_CLIENTS, {"clients": sorted(waiting)}):
        waiting[row.client].append((row.id, int(row.position), row.since))
    taken: list[dict[str, str]] = []
    positions: list[int | None] = []
    for client, since in asked:
        absences = waiting[client]
        while absences and absences[0][2] < since:
            absences.popleft()
        if not absences:
            positions.append(None)
            continue
        absence_id, position, _ = absences.popleft()
        taken.append({"absence": absence_id})
        positions.append(position)
    if taken:
        await connection.execute(_DELETE, taken)
    return positions
