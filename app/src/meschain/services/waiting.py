"""Waiting for the first of two things by the injected clock. Knows nothing of what is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from meschain.services.ports import Clock

T = TypeVar("T")


async def within(clock: Clock, seconds: float, work: Awaitable[T]) -> T:
    """The result of `work`, which is cancelled when the time is over.

    Raises: TimeoutError when it took longer; whatever `work` raises.
    """
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise TimeoutError(f"took longer than {seconds:g} s")
    finally:
        task.cancel()
        timer.cancel()
        # Both have ended when this returns: nothing runs on without an owner.
        await asyncio.gather(task, timer, return_exceptions=True)


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
