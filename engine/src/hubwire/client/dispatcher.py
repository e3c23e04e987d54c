"""Runs the application's handlers and callbacks, one after the other, apart from what reads the socket.

So a handler may take its time, call the server and await the answer, or stop the connection. Knows no bytes.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from hubwire.client.backlog import Backlog
from hubwire.client.errors import ClientError
from hubwire.client.handlers import Handler, Handlers
from hubwire.wire.messages import Completion, Invocation

_log = logging.getLogger("hubwire.client")

NO_RESULT = "Client didn't provide a result."
SEVERAL_RESULTS = "Client provided multiple results."

Answer = Callable[[Completion], Any]
"""Coroutine function that sends it to the server that asked, or raises `ClientError` if that is gone."""


@dataclass(frozen=True, slots=True)
class _Call:
    invocation: Invocation
    size_bytes: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class _Callback:
    functions: Sequence[Handler]
    argument: object


_RUNNING: ContextVar[Dispatcher | None] = ContextVar("hubwire_client_dispatcher", default=None)


class Dispatcher:
    """The queue from one start of a connection to its end; what may wait is bounded by the backlog."""

    __slots__ = ("_backlog", "_handlers", "_interrupted", "_is_ending", "_queue", "_running", "_waiter")

    def __init__(self, handlers: Handlers, backlog: Backlog) -> None:
        self._handlers = handlers
        self._backlog = backlog
        self._queue: deque[_Call | _Callback] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._is_ending = False
        self._running: asyncio.Task[None] | None = None
        """The task of `run` while it is in a handler of a call."""
        self._interrupted = False

    def put_call(self, invocation: Invocation, size_bytes: int, answer: Answer) -> None:
        """Run the handlers of this call when its turn comes."""
        self._backlog.add(size_bytes)
        self._put(_Call(invocation, size_bytes, answer))

    def put_callback(self, functions: Sequence[Handler], *, argument: object) -> None:
        """Run these when their turn comes."""
        self._put(_Callback(tuple(functions), argument))

    def drop_calls(self) -> None:
        """Run no handler that has not begun; callbacks stay."""
        kept: list[_Callback] = []
        for each in self._queue:
            if isinstance(each, _Callback):
                kept.append(each)
            else:
                self._backlog.take(each.size_bytes)
        self._queue = deque(kept)

    def interrupt(self) -> None:
        """Cancel the handler that runs."""
        if self._running is not None:
            self._interrupted = True
            self._running.cancel()

    def end(self) -> None:
        """`run` returns behind what was put so far."""
        self._is_ending = True
        self._tell()

    @property
    def is_caller(self) -> bool:
        """Whether the present task runs inside of a handler, or was started by one: it cannot wait for our end."""
        return _RUNNING.get() is self

    async def run(self) -> None:
        """Run what is put until `end`."""
        _RUNNING.set(self)
        while True:
            while self._queue:
                match self._queue.popleft():
                    case _Call() as call:
                        self._backlog.take(call.size_bytes)
                        await self._run_interruptible(call)
                    case _Callback() as callback:
                        for function in callback.functions:
                            await _run_callback(function, callback.argument)
            if self._is_ending:
                return
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
            self._waiter = None

    def _put(self, item: _Call | _Callback) -> None:
        self._queue.append(item)
        self._tell()

    def _tell(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _run_interruptible(self, call: _Call) -> None:
        task = self._running = asyncio.current_task()
        try:
            await self._run_call(call.invocation, call.answer)
        except asyncio.CancelledError:
            if task is None or not self._interrupted or task.uncancel():
                raise
        finally:
            self._running = None
            self._interrupted = False

    async def _run_call(self, call: Invocation, answer: Answer) -> None:
        results: list[object] = []
        error: str | None = None
        handlers = self._handlers.of(call.target)
        for handler in handlers:
            try:
                results.append(await _run(handler.function, *handler.bind(call.arguments)))
            except Exception as failure:  # noqa: BLE001 - the application's own; the connection and the others go on
                _log.warning("A handler of %r raised", call.target, exc_info=failure)
                error = error or str(failure) or type(failure).__name__
        if call.invocation_id is None:
            if not handlers:
                _log.debug("The server calls %r, which has no handler", call.target)
            return
        await _send_answer(call, _completion(call.invocation_id, results, error), answer)


def _completion(invocation_id: str, results: Sequence[object], error: str | None) -> Completion:
    given = [result for result in results if result is not None]
    if error is None and not results:
        error = NO_RESULT
    elif error is None and len(given) > 1:
        error = SEVERAL_RESULTS
    if error is not None:
        return Completion(invocation_id, error=error)
    return Completion(invocation_id, given[0] if given else None, has_result=True)


async def _send_answer(call: Invocation, completion: Completion, answer: Answer) -> None:
    try:
        try:
            await answer(completion)
        except (TypeError, ValueError) as error:  # what the handler returned cannot be written
            _log.warning("The result of the handler of %r cannot be sent", call.target, exc_info=error)
            await answer(Completion(completion.invocation_id, error=f"The result cannot be sent: {error}"))
    except ClientError as error:
        _log.debug("The answer to %r came too late: %s", call.target, error)


async def _run_callback(function: Handler, argument: object) -> None:
    try:
        await _run(function, argument)
    except Exception as failure:  # noqa: BLE001 - the application's own; the connection goes on
        _log.warning("A callback raised", exc_info=failure)


async def _run(function: Handler, *arguments: object) -> object:
    try:
        outcome = function(*arguments)
        return await outcome if inspect.isawaitable(outcome) else outcome
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # Not we are cancelled, but something that the application awaited.
        raise ClientError("What the handler awaited was cancelled.") from error
