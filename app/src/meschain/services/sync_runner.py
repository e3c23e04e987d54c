"""Executes stored sync jobs: marketplaces at the same time, one job of each, with progress events at a sane rate.

Knows no marketplace: a `SyncRunner` for each does the work. A job that this process leaves unfinished (a stop, a crash)
is queued again at the next start, or failed when it is old by then.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import replace
from uuid import uuid4

from meschain.domain.marketplaces import MARKETPLACES
from meschain.services.activity import ActivityService
from meschain.services.alerts import AlertService
from meschain.services.clock import iso_utc
from meschain.services.options import SyncOptions
from meschain.services.ports import Clock, Publisher, SyncFailed, SyncJob, SyncJobStore, SyncRunner, SyncStep
from meschain.services.sync import token_hash, update_of
from meschain.services.text import cleaned, clip
from meschain.services.waiting import Wakeup, within

_log = logging.getLogger(__name__)


class JobRunner:
    """The one loop that executes jobs. `wake` makes it look for queued ones at once."""

    def __init__(
        self,
        *,
        jobs: SyncJobStore,
        runners: Mapping[str, SyncRunner],
        publisher: Publisher,
        alerts: AlertService,
        activity: ActivityService,
        clock: Clock,
        options: SyncOptions | None = None,
    ) -> None:
        self._jobs = jobs
        self._runners = runners
        self._publisher = publisher
        self._alerts = alerts
        self._activity = activity
        self._clock = clock
        self._options = options or SyncOptions()
        self._wakeup = Wakeup(clock)
        self._running: set[str] = set()
        self._has_stranded = False
        """A job ended and its end could not be stored: its marketplace stays taken until it is run again."""

    def wake(self) -> None:
        """Look for queued jobs now. Returns at once."""
        self._wakeup.set()

    async def run(self) -> None:
        """Take up what a stop cut off, then execute jobs for ever."""
        await self.recover()
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    if self._has_stranded:
                        await self.recover()
                        self._has_stranded = False
                    await self._begin_queued(group)
                except Exception:  # noqa: BLE001 - boundary to our store: those that run go on, and we look again
                    _log.exception("queued sync jobs could not be read")
                await self._wakeup.wait(self._options.poll_seconds)

    async def recover(self) -> None:
        """Queue again what is stored as running and does not run; fail those that are too old for that."""
        now = self._clock.now()
        for job in await self._jobs.unfinished():
            if job.status != "running" or job.id in self._running:
                continue
            age = (now - job.created_at).total_seconds()
            if age <= self._options.restart_within_seconds:
                queued = replace(
                    job, status="queued", started_at=None, progress=0.0, processed=0, failed=0, report_token_hash=""
                )
                await self._save(replace(queued, message="Begun again, as it was cut off."))
            else:
                await self._fail(job, "It was cut off and is too old to begin again; start a new one.")

    async def _begin_queued(self, group: asyncio.TaskGroup) -> None:
        while len(self._running) < self._options.parallel_jobs:
            job = await self._jobs.next_queued()
            if job is None:
                return
            token = secrets.token_urlsafe(32)
            job = await self._begin(job, token)
            self._running.add(job.id)
            group.create_task(self._execute_and_look_again(job, token), name=f"sync {job.marketplace}")

    async def _begin(self, job: SyncJob, token: str) -> SyncJob:
        started = replace(
            job, status="running", started_at=self._clock.now(), message="", report_token_hash=token_hash(token)
        )
        await self._save(started)
        return started

    async def _execute_and_look_again(self, job: SyncJob, token: str) -> None:
        try:
            await self._execute(job, token)
        except Exception:  # noqa: BLE001 - boundary between jobs: our own store failing must not end the others
            _log.exception("sync job %s could not be brought to an end; it is run again", job.id)
            self._has_stranded = True
        finally:
            self._running.discard(job.id)
            self._wakeup.set()

    async def _execute(self, job: SyncJob, token: str) -> None:
        current = job
        published_at = self._clock.monotonic()
        runner = self._runners.get(job.marketplace)
        try:
            if runner is None:
                raise SyncFailed("Nothing is set up to sync it.")
            steps = runner.run(job, token)
            try:
                while (step := await self._next(steps)) is not None:
                    current = _advanced(current, step, self._options.message_characters)
                    await self._tell_changes(step)
                    if self._clock.monotonic() - published_at >= self._options.progress_seconds:
                        published_at = self._clock.monotonic()
                        await self._save(current)
            finally:
                if isinstance(steps, AsyncGenerator):
                    await steps.aclose()
        except SyncFailed as failed:
            await self._fail(current, str(failed))
        except TimeoutError:
            await self._fail(current, "It took too long without any progress.")
        except Exception:  # noqa: BLE001 - boundary to runners: people get a sentence, the log gets the rest
            reference = uuid4().hex[:12]
            _log.exception("sync job %s failed, reference %s", job.id, reference)
            await self._fail(current, f"It was stopped by an internal error; the log has it under {reference}.")
        else:
            await self._succeed(current)

    async def _next(self, steps: AsyncIterator[SyncStep]) -> SyncStep | None:
        """The next step; None at the end. A runner that hangs is cut off."""

        async def advance() -> SyncStep | None:
            return await anext(steps, None)

        return await within(self._clock, self._options.step_timeout_seconds, advance())

    async def _succeed(self, job: SyncJob) -> None:
        message = f"{job.failed} of {job.processed} could not be synced." if job.failed else job.message
        await self._end(replace(job, status="success", progress=100.0, message=message))

    async def _fail(self, job: SyncJob, reason: str) -> None:
        message = clip(cleaned(reason), self._options.message_characters)
        await self._end(replace(job, status="error", message=message))
        await self._alerts.raise_by_system(f"The sync of {MARKETPLACES[job.marketplace]} failed: {message}", "error")

    async def _end(self, job: SyncJob) -> None:
        await self._save(replace(job, finished_at=self._clock.now(), report_token_hash=""))
        how = "ended well" if job.status == "success" else "failed"
        await self._activity.record(
            "sync",
            "system",
            f"The sync of {MARKETPLACES[job.marketplace]} {how}.",
            {"marketplace": job.marketplace, "jobId": job.id, "status": job.status},
            about=f"sync {job.id} {job.status}",
        )

    async def _tell_changes(self, step: SyncStep) -> None:
        try:
            for change in step.changed:
                await self._publisher.inventory_changed(change)
        except Exception:  # noqa: BLE001 - boundary to the hubs: the change is in the shop, whoever heard of it
            _log.warning("changes by a sync were not sent", exc_info=True)

    async def _save(self, job: SyncJob) -> None:
        """Store it, then tell whoever watches; not being able to tell is logged and costs the job nothing."""
        await self._jobs.update(job)
        try:
            await self._publisher.sync_progress(update_of(job, iso_utc(self._clock.now())))
        except Exception:  # noqa: BLE001 - boundary to the hubs: the job is what counts
            _log.warning("progress of sync job %s was stored but not sent", job.id, exc_info=True)


def _advanced(job: SyncJob, step: SyncStep, message_characters: int) -> SyncJob:
    """The job after that step. Progress never goes back, whatever a runner counts."""
    share = 100.0 * step.processed / step.total if step.total > 0 else 0.0
    return replace(
        job,
        progress=max(job.progress, min(100.0, round(share, 1))),
        processed=step.processed,
        failed=step.failed,
        total=step.total,
        message=clip(cleaned(step.message), message_characters),
    )
