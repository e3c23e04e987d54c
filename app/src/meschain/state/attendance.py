"""The store of who was told of as being there, on our own database. Bounded by the number of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, insert, select

from meschain.domain.roles import Role
from meschain.services.ports import Attendee, Phase
from meschain.services.text import clip
from meschain.state.database import Database
from meschain.state.tables import people

_NAME_CHARACTERS = 190
"""The column's width."""


class SqlAttendanceStore:
    """`services.ports.AttendanceStore` in the table of people."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def attendees(self) -> Sequence[Attendee]:
        async with self._database.connect() as connection:
            return [_attendee(row) for row in await connection.execute(select(people).order_by(people.c.user_id))]

    async def save(self, attendees: Sequence[Attendee]) -> None:
        if not attendees:
            return
        async with self._database.begin() as connection:
            await connection.execute(delete(people).where(people.c.user_id.in_([each.user_id for each in attendees])))
            await connection.execute(insert(people), [_values(each) for each in attendees])

    async def forget(self, user_ids: Sequence[str]) -> None:
        if not user_ids:
            return
        async with self._database.begin() as connection:
            await connection.execute(delete(people).where(people.c.user_id.in_(user_ids)))


def _values(attendee: Attendee) -> dict[str, object]:
    return {
        "user_id": attendee.user_id,
        "user_name": clip(attendee.name, _NAME_CHARACTERS),
        "role": attendee.role.value,
        "phase": attendee.phase.value,
        "since": attendee.since,
        "absent_since": attendee.absent_since,
    }


def _attendee(row: Row[Any]) -> Attendee:
    return Attendee(row.user_id, row.user_name, Role(row.role), Phase(row.phase), row.since, row.absent_since)
