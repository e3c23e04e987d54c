"""Time for these tests: a clock that stands still, jumps over sleeps, or lets a test wait for a sleeper."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class ManualClock:
    """`services.ports.Clock` that moves when told to.

    With `jump` every sleep ends at once and moves the clock; without, it ends when `advance` passes its end.
    """

    def __init__(self, start: datetime = datetime(2026, 6, 15, 12, 0, tzinfo=UTC), *, jump: bool = False) -> None:
        self.moment = start
        self.slept: list[float] = []
        self._elapsed = 0.0
        self._jump = jump
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._arrived = asyncio.Event()

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self._jump:
            self.advance(seconds)
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._elapsed + seconds, future))
        self._arrived.set()
        await future

    def advance(self, seconds: float) -> None:
        self._elapsed += seconds
        self.moment += timedelta(seconds=seconds)
        due = [sleeper for sleeper in self._sleepers if sleeper[0] <= self._elapsed]
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self._elapsed]
        for _, future in due:
            if not future.done():
                future.set_result(None)

    async def until_asleep(self) -> None:
        """Return when somebody sleeps."""
        async with asyncio.timeout(20):
            while not any(not future.done() for _, future in self._sleepers):
                self._arrived.clear()
                await self._arrived.wait()
