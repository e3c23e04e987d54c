"""Time as a port: nothing else in this package reads a clock or sleeps."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Monotonic and wall time in seconds. `hubwire.testing.FakeClock` is the other implementation."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary point; never goes back."""

    def time(self) -> float:
        """Seconds since 1970-01-01 UTC."""

    async def sleep(self, seconds: float) -> None:
        """Return after that much monotonic time."""


class Timed(Protocol):
    """What a timer calls. It keeps the place that the timer has it in by itself: no look-up when it moves."""

    wheel_slot: int
    """Written by the timer alone; -1: in none."""

    def tick(self, now: float) -> None:
        """The time asked for has come; ask again if there is more to wait for."""


class Timer(Protocol):
    """Calls members at their time, one time each. The server's timer wheel is one."""

    def schedule(self, member: Timed, due: float) -> None:
        """Call `tick` once at that time, instead of any time asked for before."""

    def cancel(self, member: Timed) -> None:
        """Forget what was asked for."""


class SystemClock:
    """The machine's clock."""

    monotonic = staticmethod(time.monotonic)  # no call of ours around it: it is read several times for each message

    def time(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
