"""A line without a socket: keeps what was posted to it and answers as told, for tests of data planes and hubs."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Awaitable, Mapping, Sequence

from hubwire.clock import Clock, SystemClock
from hubwire.errors import ClientResultError, ClientResultTimeout, ConnectionGone
from hubwire.model import Caller, ConnectRequest, Principal
from hubwire.options import HubOptions
from hubwire.ports import Line, LineRegistry
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import Close, Invocation

_numbers = itertools.count(1)


def make_caller(
    user_id: str | None = None,
    *,
    claims: Mapping[str, object] | None = None,
    connection_id: str | None = None,
    hub: str = "hub",
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, Sequence[str]] | None = None,
    expires_at: float | None = None,
    transport: str = "memory",
) -> Caller:
    """A caller as a server would make it, with an id of its own unless one is given."""
    request = ConnectRequest("GET", "/", query or {}, headers or {}, "127.0.0.1", "http")
    principal = Principal(user_id, claims or {}, expires_at)
    return Caller(connection_id or f"connection-{next(_numbers)}", hub, principal, request, transport)


class SpreadRegistry:
    """Implements `LineRegistry`: spreads lines over the registries of several processes, one after the other."""

    def __init__(self, registries: Sequence[LineRegistry]) -> None:
        self._registries = registries
        self._next = 0
        self._of: dict[Line, LineRegistry] = {}

    def attach(self, line: Line) -> Awaitable[None] | None:
        registry = self._registries[self._next % len(self._registries)]
        self._next += 1
        reachable = registry.attach(line)
        self._of[line] = registry
        return reachable

    def detach(self, line: Line) -> None:
        registry = self._of.pop(line, None)
        if registry is not None:
            registry.detach(line)


class MemoryLine:
    """Implements `Line`. What arrives stands in `received`, in order; questions wait for `answer` or `refuse`."""

    def __init__(self, caller: Caller, clock: Clock | None = None) -> None:
        self.caller = caller
        self.posted: list[EncodedMessage] = []
        """The shared messages themselves, questions included."""
        self.closed: Close | None = None
        """How the connection was ended."""
        self.is_gone = False
        """Whether it was lost, or has been ended."""
        self._clock = clock or SystemClock()
        self._changed = asyncio.Event()
        self._question_numbers = itertools.count(1)
        self._questions: dict[str, asyncio.Future[object]] = {}
        self._tasks: set[asyncio.Task[object]] = set()

    @property
    def received(self) -> list[Invocation]:
        """The calls of client methods among what was posted; those with an `invocation_id` are questions."""
        return [message for each in self.posted for message in each.messages if isinstance(message, Invocation)]

    @property
    def questions(self) -> list[Invocation]:
        """Those that wait for an answer."""
        return [each for each in self.received if each.invocation_id in self._questions]

    def post(self, message: EncodedMessage) -> None:
        if not self.is_gone:
            self.posted.append(message)
            self._changed.set()

    def close(self, reason: str | None, allow_reconnect: bool) -> None:
        if not self.is_gone:
            self.closed = Close(reason, allow_reconnect)
            self.lose()

    def lose(self) -> None:
        """End without a word, as when the network fails."""
        self.is_gone = True
        for answer in self._questions.values():
            self._fail(answer, ConnectionGone(self.caller.connection_id, had_been_asked=True))
        self._changed.set()

    def ask(self, target: str, arguments: Sequence[object], timeout_seconds: float | None) -> Awaitable[object]:
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if self.is_gone:
            answer.set_exception(ConnectionGone(self.caller.connection_id, had_been_asked=True))
            return answer
        # As a server's connection: an id that no client uses for its own calls.
        invocation_id = f"s{next(self._question_numbers)}"
        self._questions[invocation_id] = answer
        self.post(EncodedMessage(Invocation(target, arguments, invocation_id)))
        task = asyncio.get_running_loop().create_task(self._answer(invocation_id, target, answer, timeout_seconds))
        self._tasks.add(task)
        # Not in the task, which does not run at all when it is cancelled at once.
        task.add_done_callback(functools.partial(self._forget, invocation_id))
        return task

    def answer(self, invocation_id: str | None, result: object = None) -> None:
        """Answer a question; one that nobody asks any more is ignored, as everywhere."""
        answer = self._questions.get(invocation_id or "")
        if answer is not None and not answer.done():
            answer.set_result(result)

    def refuse(self, invocation_id: str | None, error: str) -> None:
        """Answer a question with an error, as a client whose handler fails."""
        self._fail(self._questions.get(invocation_id or ""), ClientResultError(error))

    async def until(self, target: str, count: int = 1) -> list[Invocation]:
        """Wait until `target` was called that often and return these calls. Raises: ConnectionError when closed."""
        while True:
            found = [each for each in self.received if each.target == target]
            if len(found) >= count:
                return found
            if self.is_gone:
                raise ConnectionError(f"The connection ended before {target!r} was called: {self.closed}.")
            await self._change()

    async def until_asked(self, count: int = 1) -> list[Invocation]:
        """Wait until that many questions wait for an answer and return them."""
        while len(self.questions) < count:
            await self._change()
        return self.questions

    async def until_forgotten(self) -> None:
        """Wait until no question waits for an answer."""
        while self._questions:
            await self._change()

    async def until_closed(self) -> Close:
        """Wait for the end of the connection."""
        while self.closed is None:
            await self._change()
        return self.closed

    @staticmethod
    def _fail(answer: asyncio.Future[object] | None, error: Exception) -> None:
        if answer is not None and not answer.done():
            answer.set_exception(error)
            answer.exception()  # looked at: nobody may wait for it any more, and that is no mistake

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _answer(
        self, invocation_id: str, target: str, answer: asyncio.Future[object], timeout_seconds: float | None
    ) -> object:
        """Wait for the answer or the end of its time, whichever is first."""
        seconds = HubOptions().client_result_timeout_seconds if timeout_seconds is None else timeout_seconds
        alarm = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((answer, alarm), return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            raise ClientResultTimeout(self.caller.connection_id, target, seconds)
        finally:
            alarm.cancel()

    def _forget(self, invocation_id: str, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        del self._questions[invocation_id]
        self._changed.set()
