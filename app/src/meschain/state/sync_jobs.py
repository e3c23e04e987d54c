"""The store of sync jobs on our own database. A unique column lets a marketplace have so many unfinished jobs.

A lease is taken by one conditional update, so of several processes one gets it on every database. A change and the
events that tell it are one transaction. Finished rows are deleted by age and number (`prune`), but not what the
dashboards show of each marketplace.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.domain.events import NewEvent
from meschain.services.ports import SyncJob
from meschain.services.sync_status import ENDED_BY_ITSELF, QUEUED, RUNNING, SUCCESS, UNFINISHED
from meschain.state.database import Database
from meschain.state.events import SqlEventStore
from meschain.state.pruning import prune_rows
from meschain.state.server_time import SLACK_SECONDS, server_now
from meschain.state.tables import sync_jobs

_ATTEMPTS: Final = 5
"""Of storing a job beside one that ends at the same moment; each needs another job to end in between."""

_FREE: Final[dict[str, object]] = {"lease_until": 0.0}


class SqlSyncJobStore:
    """`services.ports.SyncJobStore` in the table of sync jobs.

    Args:
        events: of the same database.
        per_marketplace: unfinished jobs of one marketplace.
    """

    def __init__(self, database: Database, events: SqlEventStore, *, per_marketplace: int = 1) -> None:
        self._database = database
        self._events = events
        self._per_marketplace = per_marketplace

    async def create(self, job: SyncJob, events: Sequence[NewEvent] = ()) -> SyncJob:
        for _ in range(_ATTEMPTS):
            for number in range(self._per_marketplace):
                if await self._insert(job, number, events):
                    return job
            present = await self.get(job.id) or await self._newest_unfinished(job.marketplace)
            if present is not None:
                return present
        raise RuntimeError(f"the sync job {job.id} could not be stored, though nothing is in its way; try again")

    async def _insert(self, job: SyncJob, number: int, events: Sequence[NewEvent]) -> bool:
        """Store it as this one of its marketplace's unfinished jobs; False: that one is there, or its id is known."""
        active = job.marketplace if number == 0 else f"{job.marketplace}#{number}"
        values = {
            "id": job.id,
            "marketplace": job.marketplace,
            "active_marketplace": active if job.status in UNFINISHED else None,
            "requested_by": job.requested_by,
            "created_at": job.created_at,
            "worker": job.worker,
            "attempts": job.attempts,
            "cancel_requested_by": job.cancel_requested_by,
            **_FREE,
            **_progress(job),
        }
        try:
            async with self._events.transaction() as connection:
                await connection.execute(insert(sync_jobs).values(**values))
                await self._tell(connection, events)
        except IntegrityError:
            return False
        return True

    async def get(self, job_id: str) -> SyncJob | None:
        return await self._one(select(sync_jobs).where(sync_jobs.c.id == job_id))

    async def claim(self, worker: str, run: str, seconds: float, leave: Collection[str] = ()) -> SyncJob | None:
        async with self._database.connect() as connection:
            # Without a write: all processes look often, and SQLite has one writer at a time.
            free = select(sync_jobs.c.id).where(_is_free(connection, seconds), sync_jobs.c.id.not_in(list(leave)))
            found = (await connection.scalars(free.order_by(sync_jobs.c.sequence))).all()
        for job_id in found:
            async with self._database.begin() as connection:
                claimed = (
                    update(sync_jobs)
                    .where(sync_jobs.c.id == job_id, _is_free(connection, seconds))
                    .values(
                        status=RUNNING,
                        worker=worker,
                        report_token_hash=run,
                        lease_until=server_now(connection) + seconds,
                        attempts=sync_jobs.c.attempts + 1,
                    )
                )
                if (await connection.execute(claimed)).rowcount == 1:
                    row = (await connection.execute(select(sync_jobs).where(sync_jobs.c.id == job_id))).one()
                    return _job(row)
        return None

    async def renew(self, job_id: str, run: str, seconds: float) -> SyncJob | None:
        async with self._database.begin() as connection:
            held = await _held(connection, job_id, run)
            if held is not None:
                until = server_now(connection) + seconds
                await connection.execute(_change(job_id).values(lease_until=until))
        return held

    async def release(self, job_id: str, run: str) -> None:
        async with self._database.begin() as connection:
            if await _held(connection, job_id, run) is not None:
                await connection.execute(_change(job_id).values(attempts=sync_jobs.c.attempts - 1, **_FREE))

    async def update(self, job: SyncJob, run: str, events: Sequence[NewEvent] = ()) -> bool:
        async with self._events.transaction() as connection:
            if await _held(connection, job.id, run) is None:
                return False
            await connection.execute(_change(job.id).values(**_progress(job), **_end(job)))
            await self._tell(connection, events)
        return True

    async def cancel_queued(self, job: SyncJob, events: Sequence[NewEvent] = ()) -> bool:
        async with self._events.transaction() as connection:
            present = await _locked(connection, job.id)
            if present is None or present.status != QUEUED:
                return False
            await connection.execute(_change(job.id).values(**_progress(job), **_end(job)))
            await self._tell(connection, events)
        return True

    async def request_cancel(self, job_id: str, name: str) -> bool:
        async with self._database.begin() as connection:
            present = await _locked(connection, job_id)
            if present is None or present.status != RUNNING:
                return False
            if not present.cancel_requested_by:
                await connection.execute(_change(job_id).values(cancel_requested_by=name))
        return True

    async def history(self, marketplaces: Sequence[str], limit: int) -> Sequence[SyncJob]:
        query = (
            select(sync_jobs)
            .where(sync_jobs.c.marketplace.in_(marketplaces))
            .order_by(sync_jobs.c.sequence.desc())
            .limit(limit)
        )
        async with self._database.connect() as connection:
            return [_job(row) for row in await connection.execute(query)]

    async def latest(self) -> Mapping[str, SyncJob]:
        return await self._newest()

    async def latest_finished(self) -> Mapping[str, SyncJob]:
        return await self._newest(sync_jobs.c.status.in_(ENDED_BY_ITSELF))

    async def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        """As the port; never what is shown of a marketplace."""
        async with self._database.connect() as connection:
            # Read first: MySQL does not delete from a table that a part of the same statement reads.
            shown = await _shown(connection)
        async for deleted in prune_rows(
            self._database,
            sync_jobs,
            key=[sync_jobs.c.sequence],
            order=sync_jobs.c.sequence,
            moment=sync_jobs.c.finished_at,
            before=before,
            keep=keep,
            needless=and_(sync_jobs.c.finished_at.is_not(None), sync_jobs.c.sequence.not_in(shown)),
        ):
            yield deleted

    async def _tell(self, connection: AsyncConnection, events: Sequence[NewEvent]) -> None:
        if events:
            await self._events.add(connection, events)

    async def _newest_unfinished(self, marketplace: str) -> SyncJob | None:
        query = select(sync_jobs).where(
            sync_jobs.c.marketplace == marketplace, sync_jobs.c.active_marketplace.is_not(None)
        )
        return await self._one(query.order_by(sync_jobs.c.sequence.desc()).limit(1))

    async def _newest(self, *conditions: ColumnElement[bool]) -> Mapping[str, SyncJob]:
        query = select(sync_jobs).where(sync_jobs.c.sequence.in_(_newest_sequences(*conditions)))
        async with self._database.connect() as connection:
            return {row.marketplace: _job(row) for row in await connection.execute(query)}

    async def _one(self, query: Select[Any]) -> SyncJob | None:
        async with self._database.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _job(row)


def _is_free(connection: AsyncConnection, seconds: float) -> ColumnElement[bool]:
    """Unfinished and nobody's: never taken, given back, run out, or taken before the clock was set back."""
    left = sync_jobs.c.lease_until - server_now(connection)
    return sync_jobs.c.active_marketplace.is_not(None) & or_(left <= 0, left > seconds + SLACK_SECONDS)


def _change(job_id: str) -> Any:
    return update(sync_jobs).where(sync_jobs.c.id == job_id)


async def _locked(connection: AsyncConnection, job_id: str) -> SyncJob | None:
    """The job as it is, and as it stays until the transaction ends.

    Read first: MySQL may count an update to the same values as no row, so the count of an update cannot always tell.
    """
    row = (await connection.execute(select(sync_jobs).where(sync_jobs.c.id == job_id).with_for_update())).one_or_none()
    return None if row is None else _job(row)


async def _held(connection: AsyncConnection, job_id: str, run: str) -> SyncJob | None:
    """The same, if that run holds it."""
    job = await _locked(connection, job_id)
    return job if job is not None and job.status == RUNNING and job.report_token_hash == run else None


async def _shown(connection: AsyncConnection) -> Sequence[int]:
    """The newest of each marketplace, the newest that came to its own end, and the newest that went well.

    Read by itself: MySQL does not delete from a table that a part of the same statement reads.
    """
    newest = (await connection.scalars(_newest_sequences())).all()
    finished = (await connection.scalars(_newest_sequences(sync_jobs.c.status.in_(ENDED_BY_ITSELF)))).all()
    well = (await connection.scalars(_newest_sequences(sync_jobs.c.status == SUCCESS))).all()
    return [*newest, *finished, *well]


def _newest_sequences(*conditions: ColumnElement[bool]) -> Select[int]:
    return select(func.max(sync_jobs.c.sequence)).where(*conditions).group_by(sync_jobs.c.marketplace)


def _progress(job: SyncJob) -> dict[str, object]:
    """What a run changes."""
    return {
        "status": job.status,
        "progress": job.progress,
        "processed": job.processed,
        "failed": job.failed,
        "total": job.total,
        "message": job.message,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "report_token_hash": job.report_token_hash,
    }


def _end(job: SyncJob) -> dict[str, object]:
    """What an end changes besides."""
    return {} if job.status in UNFINISHED else {"active_marketplace": None, **_FREE}


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
        worker=row.worker,
        attempts=row.attempts,
        cancel_requested_by=row.cancel_requested_by,
    )
