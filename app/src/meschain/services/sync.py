"""Sync jobs as callers see them: asked for, stored, reported on, cancelled. `sync_runner` executes them.

Knows no marketplace's API and no route; who may start a sync is checked before this is called.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final
from uuid import uuid4

from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.new_events import activity_event
from meschain.domain.roles import Identity
from meschain.services.activity import ActivityService
from meschain.services.errors import (
    ReportInvalid,
    ReportNotTaken,
    ReportRefused,
    ReportTooLate,
    SyncJobEnded,
    SyncJobUnknown,
    SyncRefused,
)
from meschain.services.neighbours import NoNeighbours
from meschain.services.options import SyncOptions
from meschain.services.ports import (
    AuditStore,
    Clock,
    Neighbours,
    NeighboursUnreachable,
    SyncJob,
    SyncJobStore,
    SyncRunner,
    Topic,
)
from meschain.services.sync_events import job_event
from meschain.services.sync_reports import RUNNING, STATUSES, SyncReport, SyncReports, passed_on
from meschain.services.sync_status import CANCELLED, QUEUED
from meschain.services.text import cleaned, clip

_NO_TOKEN: Final = "0" * 64
"""Compared when there is no job, so that a guess at an id takes as long as a guess at a token."""


_NAME_CHARACTERS: Final = 190
"""Of who cancels; the column's width."""


class SyncService:
    """Starts jobs, takes reports on them, shows and cancels them.

    Args:
        runners: What can sync each marketplace; one that is not in it is refused.
        told: Called when events were stored, so that they are told at once.
        wake: Called when a job was stored, so that the runners look at once.
        look_at: Called with a job that is to be cancelled while it runs, so that its runner looks at once.
        neighbours: Where a job may run that does not run here. None: there are none.
    """

    def __init__(
        self,
        *,
        jobs: SyncJobStore,
        runners: Mapping[str, SyncRunner],
        reports: SyncReports,
        activity: ActivityService,
        audit: AuditStore,
        clock: Clock,
        told: Callable[[], None],
        wake: Callable[[], None],
        look_at: Callable[[str], Awaitable[None]],
        neighbours: Neighbours | None = None,
        options: SyncOptions | None = None,
    ) -> None:
        self._jobs = jobs
        self._runners = runners
        self._reports = reports
        self._activity = activity
        self._audit = audit
        self._clock = clock
        self._told = told
        self._wake = wake
        self._look_at = look_at
        self._neighbours = neighbours or NoNeighbours()
        self._options = options or SyncOptions()

    def can_sync(self, marketplace: str) -> bool:
        """Whether anything is there to sync it."""
        return marketplace in self._runners

    async def start(self, identity: Identity, marketplace: object, job_id: str = "") -> SyncJob:
        """Store a job and return it; one that is queued or running already is returned instead.

        The caller has checked that this identity may sync this marketplace.

        Args:
            job_id: of the job, where asking twice must not make a second one; empty: a new one.

        Raises: SyncRefused.
        """
        if not isinstance(marketplace, str) or marketplace not in MARKETPLACES:
            raise SyncRefused(f"A sync needs a marketplace: one of {', '.join(MARKETPLACES)}.")
        name = MARKETPLACES[marketplace]
        if not self.can_sync(marketplace):
            raise SyncRefused(f"Nothing is set up to sync {name}; configure sync_endpoints.{marketplace}.")
        wanted = SyncJob(
            id=job_id or uuid4().hex,
            marketplace=marketplace,
            status=QUEUED,
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
        activity = self._activity.compose(
            "sync",
            identity.name,
            f"{identity.name} started a sync of {name}.",
            {"marketplace": marketplace, "jobId": wanted.id, "status": QUEUED},
            about=f"sync {wanted.id} {QUEUED}",
        )
        job = await self._jobs.create(wanted, [job_event(wanted, self._clock.now()), activity_event(activity)])
        if job is wanted:
            self._told()
            await self._activity.keep(activity)
        self._wake()
        return job

    async def request(self, identity: Identity, marketplace: object) -> SyncJob:
        """As `start`, for somebody whose request is audited here and nowhere else.

        Raises: SyncRefused.
        """
        details = {"marketplace": marketplace if isinstance(marketplace, str) else ""}
        try:
            job = await self.start(identity, marketplace)
        except SyncRefused as refused:
            await self._audit.add(identity.user_id, "StartSync", details, f"refused: {refused}")
            raise
        await self._audit.add(identity.user_id, "StartSync", details, f"ok: job {job.id}")
        return job

    async def history(self, marketplaces: Sequence[str], limit: int | None = None) -> Sequence[SyncJob]:
        """The jobs of these marketplaces, the newest first; at most a page."""
        wanted = self._options.page if limit is None else limit
        return await self._jobs.history(marketplaces, max(1, min(wanted, self._options.largest_page)))

    async def cancel(self, identity: Identity, job_id: str) -> None:
        """End a job that waits, or let whoever runs it end it at its next step; audited.

        The caller has checked that this identity may sync; that it may sync this marketplace is checked here.

        Raises: SyncJobUnknown, SyncJobEnded.
        """
        job = await self._jobs.get(job_id)
        if job is None or job.marketplace not in identity.visible_marketplaces:
            raise SyncJobUnknown("There is no such sync; it may be older than they are kept.")
        name = clip(cleaned(identity.name), _NAME_CHARACTERS)
        if await self._cancel_queued(job, name):
            outcome = "ok: it had not begun"
        elif await self._jobs.request_cancel(job.id, name):
            outcome = "ok: it ends at its next step"
            await self._look_at(job.id)
        else:
            outcome = "refused: it has ended"
        details = {"job": job.id, "marketplace": job.marketplace}
        await self._audit.add(identity.user_id, "CancelSync", details, outcome)
        if outcome.startswith("refused"):
            raise SyncJobEnded("This sync has ended.")

    async def _cancel_queued(self, job: SyncJob, name: str) -> bool:
        now = self._clock.now()
        ended = replace(job, status=CANCELLED, finished_at=now, message=f"Cancelled by {name}.")
        activity = self._activity.compose(
            "sync",
            name,
            f"{name} cancelled the sync of {MARKETPLACES[job.marketplace]}.",
            {"marketplace": job.marketplace, "jobId": job.id, "status": CANCELLED},
            about=f"sync {job.id} {CANCELLED}",
        )
        if not await self._jobs.cancel_queued(ended, [job_event(ended, now), activity_event(activity)]):
            return False
        self._told()
        await self._activity.keep(activity)
        return True

    async def report(self, job_id: str, token: str, body: object) -> None:
        """Take a report of the shop on its job.

        Args:
            token: from the request; compared in constant time with the one that the job's runner handed out.
            body: the parsed JSON: `processed`, `failed`, `total`, optionally `message` and `status`.

        Raises: ReportRefused (401), ReportInvalid (400), ReportTooLate (409), ReportNotTaken (503).
        """
        job = await self._jobs.get(job_id)
        expected = (job.report_token_hash if job else "") or _NO_TOKEN
        if not hmac.compare_digest(token_hash(token), expected) or job is None:
            raise ReportRefused("The report token is not the one of this sync job.")
        report = self._checked(body)
        is_wanted = job.status == RUNNING and not job.cancel_requested_by
        if not is_wanted or not await self._hand_over(job.id, report):
            raise ReportTooLate("This sync job is not running any more.")

    async def _hand_over(self, job_id: str, report: SyncReport) -> bool:
        """Give the report to the job here, or to all others, one of which may run it; False: nobody takes it."""
        if self._reports.are_expected(job_id):
            return self._reports.deliver(job_id, report)
        try:
            return await self._neighbours.reach(Topic.SYNC_REPORT, passed_on(job_id, report))
        except NeighboursUnreachable as error:
            raise ReportNotTaken("The report cannot be passed on at the moment; send it again.") from error

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
