"""A clock for loops that wait for real sockets in between: it tells when they have come to their pause."""

from __future__ import annotations

import asyncio

from app.tests.marketplaces.requests import NOW
from app.tests.services.fakes import FakeClock


class ToldClock(FakeClock):
    """`FakeClock` that remembers its sleepers."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self.pauses: list[float] = []
        self._changed = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._changed.set()
        await super().sleep(seconds)

    async def has_paused(self, count: int) -> None:
        """Return once somebody has gone to sleep that often."""
        async with asyncio.timeout(30):
            while len(self.pauses) < count:
                self._changed.clear()
                await self._changed.wait()
