"""A task that is there in case a call waits: calls that do not need none of their own.

Most hub methods come to their end without waiting for anything. To make a task for each, have the loop begin it in its
next turn and look after its end took 3 us of the 15 that a call and its answer cost. So the first step of a call is
taken at once, as `asyncio.eager_task_factory` does from Python 3.12 on, with the spare task as the current one. If it
ends there, the task is spare for the next call. If it waits, the task is the call's from then on, and whoever has asked
for the current task has got the right one. Knows no call.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine, Generator
from typing import Any

Work = Coroutine[Any, Any, None]

_enter_task, _leave_task = asyncio.tasks._enter_task, asyncio.tasks._leave_task  # for those who extend asyncio


class SpareTask:
    """One task, until it is taken."""

    __slots__ = ("_loop", "_rest", "task")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._rest = _Rest(loop)
        self.task: asyncio.Task[None] = loop.create_task(self._rest)
        """Ends with the call that has taken it."""

    @property
    def is_spare(self) -> bool:
        """Whether no call has taken it, nor cancelled it."""
        return not self._rest.taken.done() and not self.task.cancelling()

    def begin(self, work: Work) -> bool:
        """Take the first step of a call; whether it waits, and has taken the task.

        The call has a context of its own, as in a task. Raises: what the call raises in its first step.
        """
        loop, task = self._loop, self.task
        context = contextvars.copy_context()
        present = asyncio.current_task(loop)
        if present is not None:
            _leave_task(loop, present)
        _enter_task(loop, task)
        try:
            awaited = context.run(work.send, None)
        except StopIteration:
            return False
        finally:
            _leave_task(loop, task)
            if present is not None:
                _enter_task(loop, present)
        self._rest.take(work, awaited, context)
        return True


class _Rest(Coroutine[Any, Any, None]):
    """What the task runs: nothing until a call is there that waits, then what is left of it, in its own context."""

    __slots__ = ("_awaited", "_context", "_is_passed_on", "_work", "taken")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.taken: asyncio.Future[None] = loop.create_future()
        self._work: Work | None = None
        self._awaited: Any = None  # what the first step of the call has yielded
        self._is_passed_on = False  # whether the task knows that
        self._context: contextvars.Context | None = None

    def take(self, work: Work, awaited: object, context: contextvars.Context) -> None:
        """Be this call's from now on."""
        self._work, self._awaited, self._context = work, awaited, context
        if not self.taken.done():  # else the call has cancelled its own task, which wakes it too
            self.taken.set_result(None)

    def send(self, value: object, /) -> object:
        if self._work is None or self._context is None:
            self.taken._asyncio_future_blocking = True  # as its `__await__` does
            return self.taken
        if not self._is_passed_on:
            return self._pass_on()
        return self._context.run(self._work.send, value)

    def throw(self, error: Any, value: Any = None, traceback: Any = None, /) -> object:
        if self._work is None or self._context is None:
            raise error
        if not self._is_passed_on and isinstance(self._awaited, asyncio.Future) and self._awaited.cancel():
            # A task that is cancelled cancels what it waits for, and is told by that; it did not know for what.
            return self._pass_on()
        self._is_passed_on = True
        return self._context.run(self._work.throw, error)

    def close(self) -> None:
        if self._work is not None:
            self._work.close()

    def __await__(self) -> Generator[Any, None, None]:
        raise NotImplementedError("A task runs it.")

    def _pass_on(self) -> object:
        self._is_passed_on = True
        awaited, self._awaited = self._awaited, None
        return awaited
