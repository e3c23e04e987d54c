"""The store of alerts on our own database. Rows are deleted by age (`prune`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select

from meschain.domain.payloads import SystemAlert
from meschain.services.clock import iso_utc
from meschain.state.database import Database
from meschain.state.tables import alerts


class SqlAlertStore:
    """`services.ports.AlertStore` in the table of alerts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, alert: SystemAlert) -> None:
        values = {
            "id": alert.id,
            "message": alert.message,
            "level": alert.level,
            "source": alert.source,
            "raised_at": datetime.fromisoformat(alert.timestamp),
        }
        async with self._database.begin() as connection:
            await connection.execute(insert(alerts).values(**values))

    async def latest(self, limit: int) -> Sequence[SystemAlert]:
        query = select(alerts).order_by(alerts.c.sequence.desc()).limit(limit)
        async with self._database.connect() as connection:
            return [
                SystemAlert(
                    id=row.id,
                    message=row.message,
                    level=row.level,
                    source=row.source,
                    timestamp=iso_utc(row.raised_at),
                )
                for row in await connection.execute(query)
            ]

    async def prune(self, before: datetime) -> int:
        async with self._database.begin() as connection:
            return (await connection.execute(delete(alerts).where(alerts.c.raised_at < before))).rowcount
