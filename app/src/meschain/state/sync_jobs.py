"""The store of sync jobs on our own database. A unique column lets a marketplace have one unfinished job.

Finished rows are deleted by age (`prune`), but not the newest of a marketplace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, delete, func, select, update

from meschain.services.ports import SyncJob
from meschain.services.sync_status import UNFINISHED
from meschain.state.database import Database
from meschain.state.inserting import insert_new
from meschain.state.tables import sync_jobs

_ATTEMPTS: Final = 5
"""Of storing a job beside one that ends at the same moment; each needs another job to end in between."""


class SqlSyncJobStore:
    """`services.ports.SyncJobStore` in the table of sync jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, job: SyncJob) -> SyncJob:
        for _ in range(_ATTEMPTS):
            if await insert_new(self._database, sync_jobs, {"id": job.id, **_values(job)}):
                return job
            active = await self._one(select(sync_jobs).where(sync_jobs.c.active_marketplace == job.marketplace))
            if active is not None:
                return active
        raise RuntimeError(f"the sync job {job.id} could not be stored; its id may be taken")

    async def get(self, job_id: str) -> SyncJob | None:
        return await self._one(select(sync_jobs).where(sync_jobs.c.id == job_id))

    async def next_queued(self) -> SyncJob | None:
        query = select(sync_jobs).where(sync_jobs.c.status == "queued").order_by(sync_jobs.c.sequence).limit(1)
        return await self._one(query)

    async def update(self, job: SyncJob) -> None:
        async with self._database.begin() as connection:
            await connection.execute(update(sync_jobs).where(sync_jobs.c.id == job.id).values(**_values(job)))

    async def latest(self) -> Mapping[str, SyncJob]:
        return await self._newest()

    async def latest_finished(self) -> Mapping[str, SyncJob]:
        return await self._newest(sync_jobs.c.finished_at.is_not(None))

    async def unfinished(self) -> Sequence[SyncJob]:
        query = select(sync_jobs).where(sync_jobs.c.active_marketplace.is_not(None)).order_by(sync_jobs.c.sequence)
        async with self._database.connect() as connection:
            return [_job(row) for row in await connection.execute(query)]

    async def prune(self, before: datetime) -> int:
        async with self._database.begin() as connection:
            # Read first: MySQL does not delete from a table that a part of the same statement reads.
            newest = (await connection.scalars(_newest_sequences())).all()
            command = delete(sync_jobs).where(
                sync_jobs.c.finished_at < before,
                sync_jobs.c.active_marketplace.is_(None),
                sync_jobs.c.sequence.not_in(newest),
            )
            return (await connection.execute(command)).rowcount

    async def _newest(self, *conditions: ColumnElement[bool]) -> Mapping[str, SyncJob]:
        query = select(sync_jobs).where(sync_jobs.c.sequence.in_(_newest_sequences(*conditions)))
        async with self._database.connect() as connection:
            return {row.marketplace: _job(row) for row in await connection.execute(query)}

    async def _one(self, query: Select[Any]) -> SyncJob | None:
        async with self._database.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _job(row)


def _newest_sequences(*conditions: ColumnElement[bool]) -> Select[tuple[int]]:
    return select(func.max(sync_jobs.c.sequence)).where(*conditions).group_by(sync_jobs.c.marketplace)


def _values(job: SyncJob) -> dict[str, object]:
    return {
        "marketplace": job.marketplace,
        "active_marketplace": job.marketplace if job.status in UNFINISHED else None,
        "status": job.status,
        "requested_by": job.requested_by,
        "progress": job.progress,
        "processed": job.processed,
        "failed": job.failed,
        "total": job.total,
        "message": job.message,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "report_token_hash": job.report_token_hash,
    }


def _job(row: Row[Any]) -> SyncJob:
    return SyncJob(
        id=row.id,
        marketplace=row.marketplace,
        status=row.status,
        requested_by=row.requested_by,
        progress=row.progress,
        processed=row.processed,
        failed=row.failed,
        total=row.total,
        message=row.message,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        report_token_hash=row.report_token_hash,
    )
