"""The tasks of a hub server: hub events and methods while they run. Their owner is the server's lifespan.

Not an `asyncio.TaskGroup`: that cancels all its tasks when one fails, and here each belongs to another connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine

from hubwire.server.spare_task import SpareTask

_log = logging.getLogger("hubwire.server")


def is_ending() -> bool:
    """Whether the present task is being cancelled by its owner, rather than having awaited something cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Tasks:
    """Starts tasks, keeps them alive, reports those that fail, ends them all with their owner."""

    __slots__ = ("_is_turning", "_running", "_spare", "_turn")

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._spare: SpareTask | None = None
        self._turn = 0
        self._is_turning = False

    def __len__(self) -> int:
        """Those that run."""
        return len(self._running)

    def start(self, work: Coroutine[object, None, None]) -> asyncio.Task[None]:
        """Run it in a task of its own, which may be cancelled."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._finished)
        return task

    def begin(self, work: Coroutine[object, None, None]) -> None:
        """Run it until it first waits, now; if it does, the rest in a task."""
        spare = self._spare
        if spare is None or not spare.is_spare:
            spare = self._spare = SpareTask(asyncio.get_running_loop())
        try:
            if not spare.begin(work):
                return
        except asyncio.CancelledError:  # it has cancelled itself, as a task may
            return
        except Exception as error:  # noqa: BLE001 - as with those that have tasks
            _report(error)
            return
        self._spare = None
        self._running.add(spare.task)
        spare.task.add_done_callback(self._finished)

    def turn(self) -> int:
        """A number that stays the same until everybody else has had a turn: until a task started now would begin."""
        if not self._is_turning:
            self._is_turning = True
            asyncio.get_running_loop().call_soon(self._next_turn)
        return self._turn

    async def wait(self) -> None:
        """Return when none runs."""
        while self._running:
            await asyncio.wait(self._running)

    async def cancel(self) -> None:
        """End those that still run, and those that begin where others have ended."""
        while self._running:
            for task in self._running:
                task.cancel()
            await asyncio.wait(self._running)
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.task.cancel()

    def _next_turn(self) -> None:
        self._is_turning = False
        self._turn += 1

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _report(error)


def _report(error: BaseException) -> None:
    _log.error("A connection's task failed; the others go on", exc_info=error)
