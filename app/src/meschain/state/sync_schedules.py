"""The store of schedules of syncs on our own database. Knows no job."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update

from meschain.services.ports import SyncSchedule
from meschain.state.database import Database
from meschain.state.inserting import insert_new
from meschain.state.tables import sync_schedules


class SqlSyncScheduleStore:
    """`services.ports.SyncScheduleStore` in its table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def schedules(self) -> Sequence[SyncSchedule]:
        async with self._database.connect() as connection:
            rows = await connection.execute(select(sync_schedules).order_by(sync_schedules.c.marketplace))
            return [SyncSchedule(row.marketplace, row.every_minutes, row.next_at, row.set_by) for row in rows]

    async def put(self, schedule: SyncSchedule) -> None:
        values = {
            "every_minutes": schedule.every_minutes,
            "next_at": schedule.next_at,
            "set_by": schedule.set_by,
        }
        if await insert_new(self._database, sync_schedules, {"marketplace": schedule.marketplace, **values}):
            return
        async with self._database.begin() as connection:
            # Rows of this table are never deleted.
            of_it = sync_schedules.c.marketplace == schedule.marketplace
            await connection.execute(update(sync_schedules).where(of_it).values(**values))

    async def advance(self, seen: SyncSchedule, next_at: datetime) -> bool:
        moved = (
            update(sync_schedules)
            .where(
                sync_schedules.c.marketplace == seen.marketplace,
                sync_schedules.c.every_minutes == seen.every_minutes,
                sync_schedules.c.next_at == seen.next_at,
            )
            .values(next_at=next_at)
        )
        async with self._database.begin() as connection:
            return (await connection.execute(moved)).rowcount == 1
