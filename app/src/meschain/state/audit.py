"""The audit on our own database: rows are only added, and deleted by age (`prune`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, insert

from meschain.services.ports import Clock
from meschain.state.database import Database
from meschain.state.tables import audit


class SqlAuditStore:
    """`services.ports.AuditStore` in the table of the audit."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, user_id: str, action: str, details: Mapping[str, object], outcome: str) -> None:
        values = {
            "user_id": user_id,
            "action": action,
            "details": dict(details),
            "outcome": outcome,
            "done_at": self._clock.now(),
        }
        async with self._database.begin() as connection:
            await connection.execute(insert(audit).values(**values))

    async def prune(self, before: datetime) -> int:
        async with self._database.begin() as connection:
            return (await connection.execute(delete(audit).where(audit.c.done_at < before))).rowcount
