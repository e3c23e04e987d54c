"""One run of a sync job, from its first step to its end, whatever that is.

Knows no lease: whoever calls it cancels it when the job is not its own any more. Each run has a token of its own; what
a run stores is refused once the job is another's, and then the run ends without a trace. A job that is begun again goes
on where it was shown to be: its progress stays until the new run has come as far.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from uuid import uuid4

from meschain.domain.events import NewEvent
from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.new_events import activity_event
from meschain.services.activity import ActivityService
from meschain.services.alerts import AlertService
from meschain.services.options import SyncOptions
from meschain.services.ports import Clock, Publisher, SyncFailed, SyncJob, SyncJobStore, SyncRunner, SyncStep
from meschain.services.sync_events import job_event
from meschain.services.sync_failures import raise_failure
from meschain.services.sync_status import CANCELLED, ERROR, SUCCESS
from meschain.services.text import cleaned, clip
from meschain.services.waiting import within

_log = logging.getLogger(__name__)

_HOW = {SUCCESS: "ended well", ERROR: "failed", CANCELLED: "was cancelled"}


class Superseded(Exception):
    """The job is run by somebody else by now."""


class RunState:
    """What a run and who holds its job tell each other."""

    def __init__(self) -> None:
        self._unwanted = asyncio.Event()
        self.unwanted_by = ""
        """Name of who wants the job cancelled."""
        self.is_ending = False
        """Its end is being stored or told: the job may not be this run's any more, and yet it is to be left alone."""

    @property
    def is_unwanted(self) -> bool:
        return self._unwanted.is_set()

    def cancel(self, name: str) -> None:
        """Let it end at its next step."""
        self.unwanted_by = name
        self._unwanted.set()

    async def until_unwanted(self) -> None:
        await self._unwanted.wait()


class _Cancelled(Exception):
    """Somebody wants the job cancelled."""


class SyncExecution:
    """Executes jobs.

    Args:
        runners: what can sync each marketplace.
        told: called when events were stored, so that they are told at once.
    """

    def __init__(
        self,
        *,
        jobs: SyncJobStore,
        runners: Mapping[str, SyncRunner],
        publisher: Publisher,
        alerts: AlertService,
        activity: ActivityService,
        clock: Clock,
        told: Callable[[], None],
        options: SyncOptions | None = None,
    ) -> None:
        self._jobs = jobs
        self._runners = runners
        self._publisher = publisher
        self._alerts = alerts
        self._activity = activity
        self._clock = clock
        self._told = told
        self._options = options or SyncOptions()

    async def execute(self, job: SyncJob, token: str, state: RunState) -> None:
        """Bring a job to its end that was just claimed.

        Args:
            token: of this run; the shop may report with it.

        Raises: Superseded; any error of our own store, and then the job has not ended.
        """
        run = job.report_token_hash
        if state.is_unwanted:
            await self._end_cancelled(job, run, state)
        elif (reason := self._hopeless(job)) is not None:
            await self._fail(job, run, reason, state)
        else:
            message = "" if job.started_at is None else "Begun again, as it was cut off."
            begun = replace(job, started_at=job.started_at or self._clock.now(), message=message)
            await self._save(begun, run)
            await self._work(begun, token, state)

    def _hopeless(self, job: SyncJob) -> str | None:
        """Why it is not begun again; None: it is."""
        if job.started_at is None:
            return None
        if job.attempts > self._options.attempts:
            return (
                f"It was begun {self._options.attempts} times and cut off each time; look at the log of {job.worker!r} "
                "and of those before it, then start a new one."
            )
        if (self._clock.now() - job.created_at).total_seconds() > self._options.restart_within_seconds:
            return "It was cut off and is too old to begin again; start a new one."
        return None

    async def _work(self, job: SyncJob, token: str, state: RunState) -> None:
        run, current = job.report_token_hash, job
        last: SyncStep | None = None
        published_at = self._clock.monotonic()
        runner = self._runners.get(job.marketplace)
        try:
            if runner is None:
                raise SyncFailed("Nothing is set up to sync it.")
            steps = runner.run(job, token)
            try:
                while (step := await self._next(steps, state)) is not None:
                    last, current = step, _advanced(current, step, self._options.message_characters)
                    await self._tell_changes(step)
                    if self._clock.monotonic() - published_at >= self._options.progress_seconds:
                        published_at = self._clock.monotonic()
                        await self._save(current, run)
            finally:
                if isinstance(steps, AsyncGenerator):
                    await steps.aclose()
        except Superseded:
            raise
        except _Cancelled:
            await self._end_cancelled(current, run, state)
        except SyncFailed as failed:
            await self._fail(current, run, str(failed), state)
        except TimeoutError:
            await self._fail(current, run, "It took too long without any progress.", state)
        except Exception:  # noqa: BLE001 - boundary to runners: people get a sentence, the log gets the rest
            reference = uuid4().hex[:12]
            _log.exception("sync job %s failed, reference %s", job.id, reference)
            reason = f"It was stopped by an internal error; the log has it under {reference}."
            await self._fail(current, run, reason, state)
        else:
            await self._succeed(current, run, last, state)

    async def _next(self, steps: AsyncIterator[SyncStep], state: RunState) -> SyncStep | None:
        """The next step; None at the end. A runner that hangs is cut off. Raises: TimeoutError, _Cancelled."""

        async def advance() -> SyncStep | None:
            return await anext(steps, None)

        async def first() -> SyncStep | None:
            stepping, wishing = asyncio.ensure_future(advance()), asyncio.ensure_future(state.until_unwanted())
            try:
                await asyncio.wait({stepping, wishing}, return_when=asyncio.FIRST_COMPLETED)
                if state.is_unwanted:
                    raise _Cancelled
                return stepping.result()
            finally:
                stepping.cancel()
                wishing.cancel()
                # Both have ended when this returns: the runner is not to go on while it is closed.
                await asyncio.gather(stepping, wishing, return_exceptions=True)

        return await within(self._clock, self._options.step_timeout_seconds, first())

    async def _succeed(self, job: SyncJob, run: str, last: SyncStep | None, state: RunState) -> None:
        if last is not None:
            # At the end the counts are those of the run that made it, not of one that was cut off.
            job = replace(job, processed=last.processed, failed=last.failed, total=last.total)
        message = f"{job.failed} of {job.processed} could not be synced." if job.failed else job.message
        ended = replace(job, status=SUCCESS, progress=100.0, message=message, report_token_hash="")
        await self._end(ended, run, state)

    async def _fail(self, job: SyncJob, run: str, reason: str, state: RunState) -> None:
        message = clip(cleaned(reason), self._options.message_characters)
        failed = replace(job, status=ERROR, message=message, report_token_hash="")
        await self._end(failed, run, state)
        await raise_failure(self._alerts, failed)

    async def _end_cancelled(self, job: SyncJob, run: str, state: RunState) -> None:
        # Its token stays, so that the shop's program, which goes on, is told that the job is over.
        await self._end(replace(job, status=CANCELLED, message=f"Cancelled by {state.unwanted_by}."), run, state)

    async def _end(self, job: SyncJob, run: str, state: RunState) -> None:
        state.is_ending = True
        activity = self._activity.compose(
            "sync",
            "system",
            f"The sync of {MARKETPLACES[job.marketplace]} {_HOW[job.status]}.",
            {"marketplace": job.marketplace, "jobId": job.id, "status": job.status},
            about=f"sync {job.id} {job.status}",
        )
        await self._save(replace(job, finished_at=self._clock.now()), run, [activity_event(activity)])
        await self._activity.keep(activity)

    async def _tell_changes(self, step: SyncStep) -> None:
        try:
            for change in step.changed:
                await self._publisher.inventory_changed(change)
        except Exception:  # noqa: BLE001 - boundary to the hubs: the change is in the shop, whoever heard of it
            _log.warning("changes by a sync were not sent", exc_info=True)

    async def _save(self, job: SyncJob, run: str, events: Sequence[NewEvent] = ()) -> None:
        """Store it together with the events that tell it. Raises: Superseded."""
        if not await self._jobs.update(job, run, [job_event(job, self._clock.now()), *events]):
            raise Superseded
        self._told()


def _advanced(job: SyncJob, step: SyncStep, message_characters: int) -> SyncJob:
    """The job after that step. Neither progress nor counts go back, whatever a runner counts."""
    share = 100.0 * step.processed / step.total if step.total > 0 else 0.0
    advanced = replace(
        job,
        progress=max(job.progress, min(100.0, round(share, 1))),
        message=clip(cleaned(step.message), message_characters),
    )
    if step.processed < job.processed:
        return advanced
    return replace(advanced, processed=step.processed, failed=step.failed, total=step.total)
