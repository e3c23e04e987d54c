"""A clock that stands still until told to move."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class FakeClock:
    """Implements `Clock`. Wall time begins at a fixed date; both times move by `advance` alone."""

    def __init__(self, wall_time: float = 1_700_000_000.0) -> None:
        self._now = 0.0
        self._wall_start = wall_time
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        return self._now

    def time(self) -> float:
        return self._wall_start + self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (self._now + seconds, next(self._order), sleeper)
        heapq.heappush(self._sleepers, entry)
        self._tell_waiters()
        try:
            await sleeper
        finally:
            if entry in self._sleepers:  # cancelled before its time
                self._sleepers.remove(entry)
                heapq.heapify(self._sleepers)

    def advance(self, seconds: float) -> None:
        """Move on and wake whoever is due, in the order of their times; they run when the test awaits something."""
        if seconds < 0:
            raise ValueError("Time does not go back.")
        self._now += seconds
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                sleeper.set_result(None)

    @property
    def sleeping(self) -> int:
        """How many sleep now."""
        return len(self._sleepers)

    async def until_sleeping(self, count: int = 1) -> None:
        """Return when at least that many sleep: the moment to `advance`, with no real time waited."""
        if self.sleeping >= count:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((count, waiter))
        await waiter

    def _tell_waiters(self) -> None:
        for count, waiter in self._waiters:
            if self.sleeping >= count and not waiter.done():
                waiter.set_result(None)
        self._waiters = [each for each in self._waiters if not each[1].done()]
