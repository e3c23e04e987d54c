"""Work that may run in one process at a time: done while this process holds a lease, stopped before another can.

A lease is a row with an end. Its holder renews it; whoever else wants it looks now and then, and takes it once it has
run out. A process that cannot renew stops its work while the lease is still its own, by its own monotonic clock counted
from before the last renewal that worked: so at no moment two of them work, as long as a process that stands still does
not wake up in the middle of a step. A process that is not able to do the work leaves it to another. Knows neither the
table, nor what the work is, nor what it needs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from meschain.services.options import LeaseOptions
from meschain.services.ports import Clock, Lease, LeaseStore
from meschain.services.waiting import within

_log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[None]]
"""Runs until it is cancelled."""

BACKGROUND_WORK: Final = "background"
"""The lease of the work that one process does for all."""


class WorkLease:
    """One process's claim on a lease.

    Args:
        holder: names this process among all that ever compete for it.
        is_able: whether this process could do the work now. While it could not, it does not take the lease; when that
            lasts (`LeaseOptions.unable_looks`), it stops the work and gives the lease back. None: it always could.
    """

    def __init__(
        self,
        store: LeaseStore,
        holder: str,
        clock: Clock,
        *,
        name: str = BACKGROUND_WORK,
        options: LeaseOptions | None = None,
        is_able: Callable[[], bool] | None = None,
    ) -> None:
        self._store = store
        self._id = holder
        self._clock = clock
        self._name = name
        self._options = options or LeaseOptions()
        self._is_able = is_able or (lambda: True)
        self._seen: Lease | None = None
        self._running: asyncio.Task[None] | None = None
        self._has_looked = False
        self._is_held = False
        self._until = 0.0
        """When the work has to stop, by the monotonic clock."""

    @property
    def is_held(self) -> bool:
        """Whether this process does the work now."""
        return self._is_held

    @property
    def holder(self) -> str:
        """Who held the lease when it was last looked at; empty: nobody, or nobody could tell."""
        return self._seen.holder if self._seen is not None else ""

    async def check(self) -> None:
        """Raises: RuntimeError when nobody is known to do the work, though somebody should by now."""
        if self._has_looked and not self.holder:
            raise RuntimeError("nobody does the background work; the next look at its lease is due within seconds")

    async def run(self, work: Work) -> None:
        """Do the work whenever the lease can be had, for ever. Cancelled: the work ends, the lease is given back."""
        self._running = asyncio.current_task()
        while True:
            begun = self._clock.monotonic()
            if not self._is_able():
                await self._try(self._find_other())
            else:
                lease = await self._try(self._take())
                if lease is not None and lease.holder == self._id:
                    await self._do(work, lease.term, begun)
            await self._clock.sleep(self._options.renew_seconds)

    async def give_up(self) -> None:
        """End `run`, and return when the work has ended and the lease is given back."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})

    async def _take(self) -> Lease:
        return await self._store.take(self._name, self._id, self._options.seconds)

    async def _find_other(self) -> Lease | None:
        """The lease if somebody else holds it, changing nothing."""
        lease = await self._store.look(self._name)
        return None if lease is None or lease.left_seconds <= 0 or lease.holder == self._id else lease

    async def _try(self, question: Awaitable[Lease | None]) -> Lease | None:
        """Ask the database and remember what it says; None: nobody has it, or it could not say."""
        try:
            self._seen = await question
        except Exception as error:  # noqa: BLE001 - boundary to our store: it is asked again in a moment
            _log.warning("the lease of the %s work cannot be asked for: %s", self._name, type(error).__name__)
            self._seen = None
        self._has_looked = True
        return self._seen

    async def _do(self, work: Work, term: int, begun: float) -> None:
        """Work until the lease is lost, the work ends, or we are cancelled."""
        _log.info("this process does the %s work from now on", self._name)
        self._renewed(begun)
        self._is_held = True
        working = asyncio.ensure_future(work())
        renewals = asyncio.ensure_future(self._renew(term))
        try:
            await self._until_one_ends(working, renewals)
        finally:
            # The work first: a renewal that hangs in the database must not keep it alive.
            await _ended(working)
            self._is_held = False
            self._seen = None
            await _ended(renewals)
            await self._release()
        if not working.cancelled() and (error := working.exception()) is not None:
            _log.error("the %s work crashed; it is taken up again", self._name, exc_info=error)

    def _renewed(self, begun: float) -> None:
        """Counted from before the question, so from no later than the database counts."""
        self._until = begun + self._options.seconds - self._options.stop_seconds

    async def _until_one_ends(self, working: asyncio.Future[None], renewals: asyncio.Future[None]) -> None:
        while not working.done() and not renewals.done():
            left = self._until - self._clock.monotonic()
            if left <= 0:
                _log.error("the lease of the %s work could not be renewed in time; the work stops here", self._name)
                return
            timer = asyncio.ensure_future(self._clock.sleep(left))
            try:
                await asyncio.wait({working, renewals, timer}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                timer.cancel()

    async def _renew(self, term: int) -> None:
        """Renew until the lease turns out to be another's, or this process not to be able to do the work."""
        unable_looks = 0
        while True:
            await self._clock.sleep(self._options.renew_seconds)
            unable_looks = 0 if self._is_able() else unable_looks + 1
            if unable_looks >= self._options.unable_looks:
                _log.error("this process is not able to do the %s work now; the work stops here", self._name)
                return
            begun = self._clock.monotonic()
            lease = await self._try(self._take())
            if lease is None:
                continue
            if (lease.holder, lease.term) != (self._id, term):
                _log.error("the lease of the %s work is not ours any more; the work stops here", self._name)
                return
            self._renewed(begun)

    async def _release(self) -> None:
        try:
            await within(self._clock, self._options.release_seconds, self._store.release(self._name, self._id))
        except Exception as error:  # noqa: BLE001 - boundary to our store: the lease runs out by itself
            _log.warning("the lease of the %s work was not given back: %s", self._name, type(error).__name__)


async def _ended(task: asyncio.Future[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
