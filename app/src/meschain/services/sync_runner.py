"""Takes stored sync jobs and keeps them while they run: several processes share them, each job is one's at a time.

A job is held by a lease in our own database. Its holder renews it; whoever looks for work takes a job whose lease has
run out, so what a lost process left goes on elsewhere. A holder that cannot renew stops its run while the lease is
still its own, by its own monotonic clock counted from before the last renewal that worked; one that stood still
meanwhile stores nothing more, as the job is another run's (`sync_execution`). Knows no marketplace and no table.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

from meschain.services.options import LeaseOptions, SyncOptions
from meschain.services.ports import Clock, SyncJob, SyncJobStore
from meschain.services.sync import token_hash
from meschain.services.sync_execution import RunState, Superseded, SyncExecution
from meschain.services.waiting import Wakeup, within

_log = logging.getLogger(__name__)


class JobRunner:
    """The loop of one process. `wake` makes it look for jobs at once.

    Args:
        worker: names this process among all that share the jobs.
        is_able: whether this process hears the others now, and so the reports that a shop sends to them. While it does
            not, it takes no job; when that lasts (`LeaseOptions.unable_looks`), it gives back those it has.
    """

    def __init__(
        self,
        *,
        jobs: SyncJobStore,
        execution: SyncExecution,
        worker: str,
        clock: Clock,
        is_able: Callable[[], bool] | None = None,
        options: SyncOptions | None = None,
        lease: LeaseOptions | None = None,
    ) -> None:
        self._jobs = jobs
        self._execution = execution
        self._worker = worker
        self._clock = clock
        self._is_able = is_able or (lambda: True)
        self._options = options or SyncOptions()
        self._lease = lease or LeaseOptions()
        self._wakeup = Wakeup(clock)
        self._running: dict[str, RunState] = {}

    def wake(self) -> None:
        """Look for jobs now. Returns at once."""
        self._wakeup.set()

    async def look_at(self, job_id: str) -> None:
        """See whether a job that runs here is to be cancelled, without waiting for the next renewal."""
        if (state := self._running.get(job_id)) is None:
            return
        try:
            job = await self._jobs.get(job_id)
        except Exception:  # noqa: BLE001 - boundary to our store: the next renewal sees it
            _log.warning("sync job %s cannot be looked at", job_id, exc_info=True)
            return
        if job is not None and job.cancel_requested_by:
            state.cancel(job.cancel_requested_by)

    async def run(self) -> None:
        """Take and execute jobs for ever. Cancelled: those that run are given back."""
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    await self._take(group)
                except Exception:  # noqa: BLE001 - boundary to our store: those that run go on, and we look again
                    _log.exception("sync jobs could not be taken")
                await self._wakeup.wait(self._options.poll_seconds)

    async def _take(self, group: asyncio.TaskGroup) -> None:
        while len(self._running) < self._options.parallel_jobs and self._is_able():
            token, begun = secrets.token_urlsafe(32), self._clock.monotonic()
            job = await self._jobs.claim(self._worker, token_hash(token), self._lease.seconds, list(self._running))
            if job is None:
                return
            state = self._running[job.id] = RunState()
            if job.cancel_requested_by:
                state.cancel(job.cancel_requested_by)
            group.create_task(self._hold(job, token, state, begun), name=f"sync {job.marketplace}")

    async def _hold(self, job: SyncJob, token: str, state: RunState, begun: float) -> None:
        """Execute it as long as the lease is ours."""
        executing = asyncio.ensure_future(self._execute(job, token, state))
        renewing = asyncio.ensure_future(self._renew(job, state, begun))
        try:
            await asyncio.wait({executing, renewing}, return_when=asyncio.FIRST_COMPLETED)
            if state.is_ending:
                await asyncio.wait({executing})
        finally:
            # The run first: a renewal that hangs in the database must not keep it alive.
            await _ended(executing)
            await _ended(renewing)
            if executing.cancelled():
                await self._release(job)
            del self._running[job.id]
            self._wakeup.set()

    async def _execute(self, job: SyncJob, token: str, state: RunState) -> None:
        try:
            await self._execution.execute(job, token, state)
        except Superseded:
            _log.warning("sync job %s was taken over meanwhile; this run of it is dropped", job.id)
        except Exception:  # noqa: BLE001 - boundary between jobs: our own store failing must not end the others
            # Not given back: its lease runs out, and the attempt counts.
            _log.exception("sync job %s could not be brought to an end; it is begun again", job.id)

    async def _renew(self, job: SyncJob, state: RunState, begun: float) -> None:
        """Renew until the lease is lost, could not be renewed in time, or this process is not able to run the job."""
        until = self._stop_at(begun)
        unable_looks = 0
        while (left := until - self._clock.monotonic()) > 0:
            await self._clock.sleep(min(self._lease.renew_seconds, left))
            unable_looks = 0 if self._is_able() else unable_looks + 1
            if unable_looks >= self._lease.unable_looks:
                _log.error("this process does not hear the others; sync job %s is given back", job.id)
                return
            asked = self._clock.monotonic()
            standing = self._jobs.renew(job.id, job.report_token_hash, self._lease.seconds)
            try:
                present = await self._in_time(until - asked, standing)
            except Exception as error:  # noqa: BLE001 - boundary to our store: it is asked again while there is time
                _log.warning("the lease of sync job %s cannot be renewed: %s", job.id, type(error).__name__)
                continue
            if state.is_ending:
                return
            if present is None:
                _log.error("sync job %s is another's by now; this run of it stops here", job.id)
                return
            until = self._stop_at(asked)
            if present.cancel_requested_by:
                state.cancel(present.cancel_requested_by)
        _log.error("the lease of sync job %s could not be renewed in time; this run of it stops here", job.id)

    async def _in_time(self, seconds: float, standing: Coroutine[Any, Any, SyncJob | None]) -> SyncJob | None:
        return await within(self._clock, max(seconds, 0.0), standing)

    def _stop_at(self, begun: float) -> float:
        """Counted from before the question, so from no later than the database counts."""
        return begun + self._lease.seconds - self._lease.stop_seconds

    async def _release(self, job: SyncJob) -> None:
        try:
            released = self._jobs.release(job.id, job.report_token_hash)
            await within(self._clock, self._lease.release_seconds, released)
        except Exception as error:  # noqa: BLE001 - boundary to our store: the lease runs out by itself
            _log.warning("sync job %s was not given back: %s", job.id, type(error).__name__)


async def _ended(task: asyncio.Future[Any]) -> None:
    task.cancel()
    await asyncio.wait({task})
