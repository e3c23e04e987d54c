"""Sync jobs as callers see them: asked for, stored, reported on. `sync_runner` executes them.

Knows no marketplace's API and no route; who may start a sync is checked before this is called.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping
from typing import Final
from uuid import uuid4

from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.payloads import SyncUpdate
from meschain.domain.roles import Identity
from meschain.services.activity import ActivityService
from meschain.services.clock import iso_utc
from meschain.services.errors import ReportInvalid, ReportRefused, ReportTooLate, SyncRefused
from meschain.services.options import SyncOptions
from meschain.services.ports import Clock, Publisher, SyncJob, SyncJobStore, SyncRunner
from meschain.services.sync_reports import RUNNING, STATUSES, SyncReport, SyncReports
from meschain.services.sync_status import UNFINISHED
from meschain.services.text import cleaned, clip

_log = logging.getLogger(__name__)

_NO_TOKEN: Final = "0" * 64
"""Compared when there is no job, so that a guess at an id takes as long as a guess at a token."""


class SyncService:
    """Starts jobs and takes reports on them.

    Args:
        runners: What can sync each marketplace; one that is not in it is refused.
        wake: Called when a job was stored, so that the runner looks at once.
    """

    def __init__(
        self,
        *,
        jobs: SyncJobStore,
        runners: Mapping[str, SyncRunner],
        reports: SyncReports,
        publisher: Publisher,
        activity: ActivityService,
        clock: Clock,
        wake: Callable[[], None],
        options: SyncOptions | None = None,
    ) -> None:
        self._jobs = jobs
        self._runners = runners
        self._reports = reports
        self._publisher = publisher
        self._activity = activity
        self._clock = clock
        self._wake = wake
        self._options = options or SyncOptions()

    def can_sync(self, marketplace: str) -> bool:
        """Whether anything is there to sync it."""
        return marketplace in self._runners

    async def start(self, identity: Identity, marketplace: object) -> SyncJob:
        """Store a job and return it; one that is queued or running already is returned instead.

        The caller has checked that this identity may sync this marketplace.

        Raises: SyncRefused.
        """
        if not isinstance(marketplace, str) or marketplace not in MARKETPLACES:
            raise SyncRefused(f"A sync needs a marketplace: one of {', '.join(MARKETPLACES)}.")
        name = MARKETPLACES[marketplace]
        if not self.can_sync(marketplace):
            raise SyncRefused(f"Nothing is set up to sync {name}; configure sync_endpoints.{marketplace}.")
        wanted = SyncJob(
            id=uuid4().hex,
            marketplace=marketplace,
            status="queued",
            requested_by=identity.user_id,
            progress=0.0,
            processed=0,
            failed=0,
            total=0,
            message="",
            created_at=self._clock.now(),
            started_at=None,
            finished_at=None,
            report_token_hash="",
        )
        job = await self._jobs.create(wanted)
        if job.id == wanted.id:
            try:
                await self._publisher.sync_progress(update_of(job, iso_utc(self._clock.now())))
            except Exception:  # noqa: BLE001 - boundary to the hubs: the job is stored and will run
                _log.warning("sync job %s was stored but not announced", job.id, exc_info=True)
            await self._activity.record(
                "sync",
                identity.name,
                f"{identity.name} started a sync of {name}.",
                {"marketplace": marketplace, "jobId": job.id, "status": "queued"},
            )
        self._wake()
        return job

    async def report(self, job_id: str, token: str, body: object) -> None:
        """Take a report of the shop on its job.

        Args:
            token: from the request; compared in constant time with the one that the job's runner handed out.
            body: the parsed JSON: `processed`, `failed`, `total`, optionally `message` and `status`.

        Raises: ReportRefused (401), ReportInvalid (400), ReportTooLate (409).
        """
        job = await self._jobs.get(job_id)
        expected = (job.report_token_hash if job else "") or _NO_TOKEN
        if not hmac.compare_digest(token_hash(token), expected) or job is None:
            raise ReportRefused("The report token is not the one of this sync job.")
        report = self._checked(body)
        if job.status != RUNNING or not self._reports.deliver(job.id, report):
            raise ReportTooLate("This sync job is not running any more.")

    def _checked(self, body: object) -> SyncReport:
        if not isinstance(body, Mapping):
            raise ReportInvalid("A report is an object with processed, failed and total.")
        processed, failed, total = (self._count(body, key) for key in ("processed", "failed", "total"))
        if failed > processed or processed > total:
            raise ReportInvalid("A report counts failed <= processed <= total.")
        message = body.get("message", "")
        if not isinstance(message, str):
            raise ReportInvalid("`message` of a report is text.")
        status = body.get("status", RUNNING)
        if status not in STATUSES:
            raise ReportInvalid(f"`status` of a report is one of {', '.join(STATUSES)}.")
        return SyncReport(processed, failed, total, clip(cleaned(message), self._options.message_characters), status)

    def _count(self, body: Mapping[str, object], key: str) -> int:
        value = body.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ReportInvalid(f"`{key}` of a report is a whole number.")
        if not 0 <= value <= self._options.largest_count:
            raise ReportInvalid(f"`{key}` of a report lies between 0 and {self._options.largest_count}.")
        return value


def token_hash(token: str) -> str:
    """What is stored of a report token. It is random and long, so a plain SHA-256 is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def update_of(job: SyncJob, occurred_at: str) -> SyncUpdate:
    """The job as an event. `completed` says that it has ended; how well, says `status`."""
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
