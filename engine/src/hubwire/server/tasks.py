"""The tasks of a hub server: hub events and methods while they run. Their owner is the server's lifespan.

Not an `asyncio.TaskGroup`: that cancels all its tasks when one fails, and here each belongs to another connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine

_log = logging.getLogger("hubwire.server")


def is_ending() -> bool:
    """Whether the present task is being cancelled by its owner, rather than having awaited something cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Tasks:
    """Starts tasks, keeps them alive, reports those that fail, ends them all with their owner."""

    __slots__ = ("_running",)

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Those that run."""
        return len(self._running)

    def start(self, work: Coroutine[object, None, None]) -> asyncio.Task[None]:
        """Run it in a task of its own, which may be cancelled."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._finished)
        return task

    async def wait(self) -> None:
        """Return when none runs."""
        while self._running:
            await asyncio.wait(self._running)

    async def cancel(self) -> None:
        """End those that still run."""
        for task in self._running:
            task.cancel()
        await self.wait()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("A connection's task failed; the others go on", exc_info=error)
