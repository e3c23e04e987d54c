"""When marketplaces were synced, from our own jobs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select

from meschain.state.database import Database
from meschain.state.tables import sync_jobs


class SqlSyncMoments:
    """`services.alert_ports.SyncMoments` in the table of sync jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def last_successes(self) -> Mapping[str, datetime]:
        query = (
            select(sync_jobs.c.marketplace, func.max(sync_jobs.c.finished_at))
            .where(sync_jobs.c.status == "success")
            .group_by(sync_jobs.c.marketplace)
        )
        async with self._database.connect() as connection:
            return {row[0]: row[1] for row in await connection.execute(query)}
