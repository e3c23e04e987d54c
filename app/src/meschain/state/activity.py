"""The store of activity on our own database. Rows are deleted by age and number (`prune`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

from sqlalchemy import select

from meschain.domain.payloads import UserActivity
from meschain.services.clock import iso_utc
from meschain.state.database import Database
from meschain.state.inserting import insert_new
from meschain.state.pruning import prune_rows
from meschain.state.tables import activity as table


class SqlActivityStore:
    """`services.ports.ActivityStore` in the table of activity."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, activity: UserActivity) -> None:
        values = {
            "event_id": activity.event_id,
            "kind": activity.kind,
            "user_name": activity.user,
            "text": activity.text,
            "details": activity.details,
            "occurred_at": datetime.fromisoformat(activity.occurred_at),
        }
        await insert_new(self._database, table, values)

    async def latest(self, limit: int) -> Sequence[UserActivity]:
        query = select(table).order_by(table.c.sequence.desc()).limit(limit)
        async with self._database.connect() as connection:
            return [
                UserActivity(
                    event_id=row.event_id,
                    kind=row.kind,
                    user=row.user_name,
                    text=row.text,
                    details=dict(row.details),
                    occurred_at=iso_utc(row.occurred_at),
                )
                for row in await connection.execute(query)
            ]

    def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        return prune_rows(
            self._database,
            table,
            key=[table.c.sequence],
            order=table.c.sequence,
            moment=table.c.occurred_at,
            before=before,
            keep=keep,
        )
