"""The audit on our own database: rows are only added, and deleted by age and number (`prune`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import insert, select

from meschain.services.ports import AuditEntry, Clock
from meschain.services.text import clip
from meschain.state.database import Database
from meschain.state.pruning import prune_rows
from meschain.state.tables import audit

_USER_CHARACTERS: Final = 190
"""The column's width; another issuer's ids may be longer."""


class SqlAuditStore:
    """`services.ports.AuditStore` in the table of the audit."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, user_id: str, action: str, details: Mapping[str, object], outcome: str) -> None:
        values = {
            "user_id": clip(user_id, _USER_CHARACTERS),
            "action": action,
            "details": dict(details),
            "outcome": outcome,
            "done_at": self._clock.now(),
        }
        async with self._database.begin() as connection:
            await connection.execute(insert(audit).values(**values))

    async def entries(
        self, *, before: int | None = None, user_id: str | None = None, action: str | None = None, limit: int
    ) -> Sequence[AuditEntry]:
        query = select(audit).order_by(audit.c.sequence.desc()).limit(limit)
        if before is not None:
            query = query.where(audit.c.sequence < before)
        if user_id is not None:
            query = query.where(audit.c.user_id == user_id)
        if action is not None:
            query = query.where(audit.c.action == action)
        async with self._database.connect() as connection:
            return [
                AuditEntry(row.sequence, row.done_at, row.user_id, row.action, dict(row.details), row.outcome)
                for row in await connection.execute(query)
            ]

    def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        return prune_rows(
            self._database,
            audit,
            key=[audit.c.sequence],
            order=audit.c.sequence,
            moment=audit.c.done_at,
            before=before,
            keep=keep,
        )
