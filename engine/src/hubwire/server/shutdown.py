"""The graceful stop: clients are told to come again, spread over some seconds, so that they do not all come at once."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Sequence
from typing import Protocol

from hubwire.clock import Clock

_AT_ONCE = 20
"""Up to this many connections are closed together: so few make no storm, and a small server stops quickly."""
_STEPS_PER_SECOND = 10


class Stoppable(Protocol):
    """What is told to end."""

    def stop(self) -> None:
        """Say good-bye and begin to close."""


async def drain(connections: Sequence[Stoppable], over_seconds: float, clock: Clock) -> None:
    """Stop all of them, in equal steps over that time."""
    count = len(connections)
    steps = 1 if count <= _AT_ONCE else max(1, math.floor(over_seconds * _STEPS_PER_SECOND))
    size = max(1, math.ceil(count / steps))
    for start in range(0, count, size):
        if start:
            await clock.sleep(over_seconds / steps)
        for connection in connections[start : start + size]:
            connection.stop()


async def finished_within(work: Coroutine[object, object, None], seconds: float, clock: Clock) -> bool:
    """Wait for the work, no longer than that; whether it has finished. It is cancelled when it has not."""
    worker = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((worker, timer), return_when=asyncio.FIRST_COMPLETED)
        return worker.done()
    finally:
        worker.cancel()
        timer.cancel()
        await asyncio.gather(worker, timer, return_exceptions=True)
