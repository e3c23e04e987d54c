"""Waiting by the injected clock: for the first of two things, a call, or the next beat. Knows nothing of what for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar, cast

from meschain.services.ports import Clock

T = TypeVar("T")


async def within(clock: Clock, seconds: float, work: Awaitable[T]) -> T:
    """The result of `work`, which is cancelled when the time is over.

    Raises: TimeoutError when it took longer; whatever `work` raises.
    """
    task = cast("asyncio.Task[object]", asyncio.current_task())
    cancels = task.cancelling()
    is_over = is_taken_back = False

    async def end() -> None:
        nonlocal is_over
        await clock.sleep(seconds)
        is_over = True
        task.cancel()

    timer = asyncio.create_task(end())
    try:
        return await work
    except asyncio.CancelledError:
        is_taken_back = is_over
        if is_over and task.uncancel() <= cancels:
            raise TimeoutError(f"took longer than {seconds:g} s") from None
        raise
    finally:
        if is_over and not is_taken_back:
            task.uncancel()  # the work made something else of it
        timer.cancel()


class Wakeup:
    """A loop's alarm clock: it waits for its interval, or less when somebody calls `set`. Many calls are one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._event = asyncio.Event()

    def set(self) -> None:
        """Wake the loop now, or at its next wait."""
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Return True when woken by `set`, False after that time. The calls so far are forgotten."""
        try:
            await within(self._clock, seconds, self._event.wait())
        except TimeoutError:
            return False
        self._event.clear()
        return True

    async def next_round(self, interval_seconds: float, coalesce_seconds: float) -> None:
        """Return after the interval, or soon after `set`: the rest of its burst comes in meanwhile, one round for all.

        What is read right at the first call of a burst would be out of date with the second.
        """
        if await self.wait(interval_seconds):
            await self._clock.sleep(coalesce_seconds)
            self._event.clear()


class Pace:
    """Beats that are so many seconds apart, however long each takes; what is late is not made up for."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._due = clock.monotonic()

    async def next(self) -> None:
        """Return at the next beat; at once where it is over already."""
        now = self._clock.monotonic()
        self._due = max(self._due + self._seconds, now)
        await self._clock.sleep(self._due - now)
