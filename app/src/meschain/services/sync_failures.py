"""The alert of a sync that failed, once for each job, also when the process ended before it was raised."""

from __future__ import annotations

import logging
from typing import Final

from meschain.domain.marketplaces import MARKETPLACES
from meschain.services.alerts import AlertService
from meschain.services.ports import Clock, SyncJob, SyncJobStore

_log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 60.0
MISSED_SECONDS: Final = 3600.0
"""How far `raise_missed` looks back: another process takes over within seconds, and what is older is no news."""


async def raise_failure(alerts: AlertService, job: SyncJob) -> None:
    """Raise the alert of a job that is stored as failed; a second time for the same job it is none."""
    await alerts.raise_by_system(
        f"The sync of {MARKETPLACES[job.marketplace]} failed: {job.message}", "error", about=f"sync {job.id} error"
    )


async def watch(alerts: AlertService, jobs: SyncJobStore, clock: Clock) -> None:
    """Look for missed ones for ever: a process may end, or the database be away, between a job's end and its alert."""
    while True:
        try:
            await raise_missed(alerts, jobs, clock)
        except Exception:  # noqa: BLE001 - boundary to our own database: the next look is soon
            _log.exception("alerts of failed syncs could not be looked for")
        await clock.sleep(LOOK_SECONDS)


async def raise_missed(alerts: AlertService, jobs: SyncJobStore, clock: Clock) -> None:
    """Raise those of jobs that failed a while ago and whose process ended in between."""
    now = clock.now()
    for job in (await jobs.latest_finished()).values():
        if job.status != "error" or job.finished_at is None:
            continue
        if (now - job.finished_at).total_seconds() <= MISSED_SECONDS:
            await raise_failure(alerts, job)
