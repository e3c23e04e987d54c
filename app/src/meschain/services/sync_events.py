"""Sync jobs as events: how far one is, and the activity of its begin and its end. Pure but for the clock's moment."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from meschain.domain.events import NewEvent
from meschain.domain.new_events import sync_event
from meschain.domain.payloads import SyncUpdate
from meschain.services.clock import iso_utc
from meschain.services.ports import SyncJob
from meschain.services.sync_status import RUNNING, UNFINISHED


def job_event(job: SyncJob, moment: datetime) -> NewEvent:
    """The job as it stands. What can happen to it once only has one name: its being queued, and its end."""
    about = uuid4().hex if job.status == RUNNING else job.status if job.status in UNFINISHED else "ended"
    return sync_event(f"sync:{job.id}:{about}", update_of(job, iso_utc(moment)))


def update_of(job: SyncJob, occurred_at: str) -> SyncUpdate:
    """The job as a payload. `completed` says that it has ended; how well, says `status`."""
    return SyncUpdate(
        marketplace=job.marketplace,
        progress=job.progress,
        completed=job.status not in UNFINISHED,
        status=job.status,
        job_id=job.id,
        processed=job.processed,
        failed=job.failed,
        total=job.total,
        message=job.message,
        occurred_at=occurred_at,
    )
