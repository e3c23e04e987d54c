"""The store of recalls of old pages, on our own database: a few rows, from the last day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.services.legacy_recall import Recall, StoredRecall
from meschain.state.database import Database
from meschain.state.tables import legacy_recalls

_KEPT: Final = timedelta(days=1)
_C: Final = legacy_recalls.c


class SqlRecallStore:
    """`services.legacy_recall.RecallStore` in a table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, recall: Recall, asked_at: datetime) -> None:
        values = {"listener": recall.listener, "network": recall.network, "per_second": recall.per_second}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(legacy_recalls).values(**values, asked_at=asked_at))
            # Behind it: SQLite would give the number of a last row that is gone once more.
            await connection.execute(delete(legacy_recalls).where(_C.asked_at < asked_at - _KEPT))

        await self._database.run(work)

    async def newest(self) -> int:
        async with self._database.connect() as connection:
            return int(await connection.scalar(select(func.max(_C.sequence))) or 0)

    async def behind(self, number: int) -> Sequence[StoredRecall]:
        query = select(legacy_recalls).where(_C.sequence > number).order_by(_C.sequence)
        async with self._database.connect() as connection:
            return [
                StoredRecall(row.sequence, Recall(row.listener, row.network, row.per_second))
                for row in await connection.execute(query)
            ]
