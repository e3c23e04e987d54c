"""One client of the hub under test: what it sends, what it has received, what it answers. Knows no hub."""

from __future__ import annotations

import asyncio
import inspect
import itertools
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import msgspec

from hubwire.errors import HandshakeError
from hubwire.hub.streams import end
from hubwire.model import Caller
from hubwire.ports import Receiver
from hubwire.testing.hub_tester_wire import Visit, Wire
from hubwire.wire.codec import Codec
from hubwire.wire.framing import SeparatedReader
from hubwire.wire.messages import (
    CancelInvocation,
    Close,
    Completion,
    Invocation,
    Message,
    StreamInvocation,
    StreamItem,
)

_UNREAD_ITEMS = 100
"""Items of a stream that may wait for the test; above it the client reads no more, so that an endless one waits."""

Handler = Callable[..., object]
"""Takes the arguments of a question and returns the answer, or an awaitable of it."""


class InvocationFailed(Exception):
    """What a client gets for a call that failed; the text is the Completion's, the exception itself its cause."""


class ConnectFailed(Exception):
    """What a client gets when the hub refuses it at connect; the text is the Close's, the exception its cause."""


class HubTesterStream:
    """The items of a streaming method, as decoded. Leave it by `cancel`, or use it with `async with`."""

    def __init__(self, client: HubTesterClient, invocation_id: str) -> None:
        self._client = client
        self._invocation_id = invocation_id
        self._items: deque[Any] = deque()
        self._has_ended = False
        self._failure: InvocationFailed | None = None
        self._changed = asyncio.Event()

    def __aiter__(self) -> HubTesterStream:
        return self

    async def __anext__(self) -> Any:
        """Raises: InvocationFailed."""
        while not self._items:
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            if self._has_ended:
                raise StopAsyncIteration
            await self._change()
        item = self._items.popleft()
        if len(self._items) < _UNREAD_ITEMS:
            self._client._read_on(self)
        return item

    async def cancel(self) -> None:
        """Tell the hub that no more is wanted, drop what has come, and return when the method has ended."""
        if not self._has_ended:
            self._client._send(CancelInvocation(self._invocation_id))
        while not self._has_ended:
            self._items.clear()
            self._client._read_on(self)
            await self._change()
        self._items.clear()
        self._failure = None

    async def aclose(self) -> None:
        """Same as `cancel`, under the name that `contextlib.aclosing` knows."""
        await self.cancel()

    async def __aenter__(self) -> HubTesterStream:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.cancel()

    def _put(self, item: object) -> None:
        self._items.append(item)
        if len(self._items) >= _UNREAD_ITEMS:
            self._client._wait(self)
        self._changed.set()

    def _end(self, failure: InvocationFailed | None) -> None:
        self._has_ended = True
        self._failure = failure
        self._client._read_on(self)
        self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


class HubTesterClient:
    """One connection to the hub under test."""

    def __init__(self, caller: Caller, visit: Visit, protocol: str, codec: Codec) -> None:
        self.caller = caller
        """What the hub knows of this client."""
        self.connection_id = caller.connection_id
        self.received: list[tuple[str, list[Any]]] = []
        """Every call of this client so far, questions included: target and arguments as decoded."""
        self.closed: Close | None = None
        """How the server ended the connection, None: it did not."""
        self.wire = Wire(self._receive, self._lose)
        """For the tester."""
        self._visit = visit
        self._protocol = protocol
        self._codec = codec
        self._handshake: SeparatedReader | None = SeparatedReader(None)
        self._reader = codec.reader(None)
        self._numbers = itertools.count()
        self._calls: dict[str, asyncio.Future[Any]] = {}
        self._streams: dict[str, HubTesterStream] = {}
        self._full: set[HubTesterStream] = set()
        self._handlers: dict[str, Handler] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_said_good_bye = False
        self._changed = asyncio.Event()

    async def invoke(self, target: str, *arguments: object) -> Any:
        """Call a hub method and return its result as decoded.

        Asynchronous iterators among the arguments are uploads. Cancelling this cancels a cancellable method.

        Raises: InvocationFailed.
        """
        values, uploads = self._prepare(arguments)
        invocation_id = f"{next(self._numbers)}"
        answer = self._calls[invocation_id] = asyncio.get_running_loop().create_future()
        self._send(Invocation(target, values, invocation_id, {}, tuple(uploads)))
        tasks = self._start_uploads(uploads)
        try:
            return await answer
        except asyncio.CancelledError:
            self._send(CancelInvocation(invocation_id))
            raise
        finally:
            del self._calls[invocation_id]
            for task in tasks:
                task.cancel()

    async def send(self, target: str, *arguments: object) -> None:
        """Call a hub method without waiting for it; nothing is told of how it ends."""
        values, uploads = self._prepare(arguments)
        self._send(Invocation(target, values, None, {}, tuple(uploads)))
        self._start_uploads(uploads)

    def stream(self, target: str, *arguments: object) -> HubTesterStream:
        """Call a streaming method, which begins at once. Asynchronous iterators among the arguments are uploads."""
        values, uploads = self._prepare(arguments)
        invocation_id = f"{next(self._numbers)}"
        stream = self._streams[invocation_id] = HubTesterStream(self, invocation_id)
        self._send(StreamInvocation(invocation_id, target, values, {}, tuple(uploads)))
        self._start_uploads(uploads)
        return stream

    def on(self, target: str, handler: Handler) -> None:
        """Answer the hub's questions of that name, from now on.

        What the handler returns, or its awaitable gives, is the answer; the text of what it raises is the error. A
        question without handler is refused as by the JavaScript client. Plain messages stand in `received` only.
        """
        self._handlers[target.lower()] = handler

    async def until(self, target: str, count: int = 1) -> list[list[Any]]:
        """Wait until the hub called `target` that often and return the arguments of each call.

        Raises: ConnectionError when the connection ends before.
        """
        while True:
            found = [arguments for name, arguments in self.received if name == target]
            if len(found) >= count:
                return found
            if self.wire.is_gone:
                raise ConnectionError(f"The connection ended before {target!r} was called: {self.closed}.")
            await self._change()

    async def until_closed(self) -> Close:
        """Wait for the server to end the connection. Raises: ConnectionError when it ends otherwise."""
        while self.closed is None:
            if self.wire.is_gone:
                raise ConnectionError("The connection ended without a Close.")
            await self._change()
        return self.closed

    async def disconnect(self, error: BaseException | None = None) -> None:
        """End the connection; with `error` it was lost. The hub's `disconnected` has run on return."""
        self._has_said_good_bye = True
        if error is not None:
            self.wire.lose(error)
        elif not self.wire.is_gone:
            self._send(Close())
        await self._visit.has_left.wait()

    async def begin(self, server: Receiver) -> None:
        """For the tester: shake hands and wait for the hub's `connected`. Raises: ConnectFailed."""
        self.wire.server = server
        server.feed(msgspec.json.encode({"protocol": self._protocol, "version": 1}) + b"\x1e")
        await self._visit.has_connected.wait()
        refusal = self._visit.refusal
        if refusal is not None:
            raise ConnectFailed(str(refusal) if self.closed is None else self.closed.error) from refusal

    # Sending

    def _prepare(self, arguments: Sequence[object]) -> tuple[list[object], dict[str, AsyncIterable[object]]]:
        """What a call sends at once, and its uploads by their ids."""
        if self.wire.is_gone:
            raise InvocationFailed("Cannot send data if the connection is not in the 'Connected' State.")
        uploads = {f"{next(self._numbers)}": each for each in arguments if isinstance(each, AsyncIterable)}
        values = [each for each in arguments if not isinstance(each, AsyncIterable)]
        return values, uploads

    def _send(self, message: Message) -> None:
        if not self.wire.is_gone and self.wire.server is not None:
            self.wire.server.feed(self._codec.encode(message))

    def _start_uploads(self, uploads: dict[str, AsyncIterable[object]]) -> list[asyncio.Task[None]]:
        return [self._start(self._upload(stream_id, aiter(items))) for stream_id, items in uploads.items()]

    async def _upload(self, stream_id: str, items: AsyncIterator[object]) -> None:
        error: str | None = None
        try:
            async for item in items:
                await self.wire.until_read()
                self._send(StreamItem(stream_id, item))
                await asyncio.sleep(0)
        except Exception as failure:  # noqa: BLE001 - the client's program has failed, which the server is told
            error = _words(failure)
        finally:
            await end(items)
        self._send(Completion(stream_id, error=error))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Receiving

    def _receive(self, data: bytes) -> None:
        if self._handshake is not None:
            self._handshake.feed(data)
            answer = self._handshake.next_message()
            if answer is None:
                return
            data, self._handshake = self._handshake.rest(), None
            error = msgspec.json.decode(answer).get("error")
            if error is not None:
                self._visit.refusal = HandshakeError(error)
                self._visit.has_connected.set()
        self._reader.feed(data)
        while (payload := self._reader.next_message()) is not None:
            self._take(self._codec.decode(payload))
        self._changed.set()

    def _take(self, message: Message | None) -> None:
        match message:
            case Invocation():
                self.received.append((message.target, list(message.arguments)))
                if message.invocation_id is not None:
                    self._start(self._answer(message))
            case StreamItem():
                self._streams[message.invocation_id]._put(message.item)
            case Completion():
                self._complete(message)
            case Close() if not self._has_said_good_bye:
                self.closed = message

    def _complete(self, completion: Completion) -> None:
        failure: InvocationFailed | None = None
        cause = self._visit.failures.pop(completion.invocation_id, None)
        if completion.error is not None:
            failure = InvocationFailed(completion.error)
            failure.__cause__ = cause
        stream = self._streams.pop(completion.invocation_id, None)
        answer = self._calls.get(completion.invocation_id)
        if stream is not None:
            stream._end(failure)
        elif answer is None or answer.done():
            return
        elif failure is not None:
            answer.set_exception(failure)
        else:
            answer.set_result(completion.result)

    async def _answer(self, question: Invocation) -> None:
        answer = Completion(question.invocation_id or "", error="Client didn't provide a result.")
        handler = self._handlers.get(question.target.lower())
        if handler is not None:
            try:
                result = handler(*question.arguments)
                if inspect.isawaitable(result):
                    result = await result
                answer = Completion(answer.invocation_id, result, has_result=True)
            except Exception as failure:  # noqa: BLE001 - the client's handler has failed, which the server is told
                answer = Completion(answer.invocation_id, error=_words(failure))
        self._send(answer)

    def _lose(self) -> None:
        """There is no connection any more."""
        failure = InvocationFailed("Invocation canceled due to the underlying connection being closed.")
        failure.__cause__ = self._visit.end
        for answer in self._calls.values():
            if not answer.done():
                answer.set_exception(failure)
        for stream in self._streams.values():
            stream._end(failure)
        self._streams.clear()
        for task in self._tasks:
            task.cancel()
        self._changed.set()

    def _wait(self, stream: HubTesterStream) -> None:
        """Read nothing until the test has taken items of this stream."""
        if not self._full and self.wire.server is not None:
            self.wire.server.pause_writing()
        self._full.add(stream)

    def _read_on(self, stream: HubTesterStream) -> None:
        if stream in self._full:
            self._full.discard(stream)
            if not self._full and self.wire.server is not None:
                self.wire.server.resume_writing()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def _words(failure: Exception) -> str:
    return str(failure) or type(failure).__name__
