"""What the calls of one connection wait for: a completion, or the items of a stream. Knows no bytes, no transport."""

from __future__ import annotations

import asyncio
from collections import deque

from hubwire.client.backlog import Backlog
from hubwire.client.errors import ConnectionClosed, ReceiveBufferFull
from hubwire.wire.messages import Completion, StreamItem


class StreamInbox:
    """The items of one stream that have arrived, for the one who reads it."""

    __slots__ = ("_backlog", "_end", "_items", "_reader", "call_id", "held_bytes", "target")

    def __init__(self, call_id: str, target: str, backlog: Backlog) -> None:
        self.call_id = call_id
        self.target = target
        self.held_bytes = 0
        """What waits, as the backlog counts it."""
        self._backlog = backlog
        self._items: deque[tuple[StreamItem, int]] = deque()
        self._end: Completion | BaseException | None = None
        self._reader: asyncio.Future[None] | None = None

    async def next(self) -> StreamItem | Completion:
        """Return what comes next. Raises: what the stream was failed with, behind the items that came before."""
        while not self._items:
            if isinstance(self._end, Completion):
                return self._end
            if self._end is not None:
                raise self._end
            self._reader = asyncio.get_running_loop().create_future()
            try:
                with self._backlog.awaiting():
                    await self._reader
            finally:
                self._reader = None
        item, size_bytes = self._items.popleft()
        self.held_bytes -= self._backlog.take(size_bytes)
        return item

    @property
    def has_ended(self) -> bool:
        """Whether the server has nothing more to say about it."""
        return isinstance(self._end, Completion)

    def put(self, item: StreamItem, size_bytes: int) -> None:
        """Take an item."""
        if self._end is None:
            self._items.append((item, size_bytes))
            self.held_bytes += self._backlog.add(size_bytes)
            self._tell_reader()

    def end(self, end: Completion | BaseException) -> None:
        """There will be no more; the first end counts."""
        if self._end is None:
            self._end = end
            self._tell_reader()

    def drop(self) -> None:
        """What waits is for nobody any more."""
        while self._items:
            self.held_bytes -= self._backlog.take(self._items.popleft()[1])

    def _tell_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


class Calls:
    """The calls of one connection that are under way, by their ids."""

    __slots__ = ("_backlog", "_pending", "_streams")

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self._pending: dict[str, asyncio.Future[Completion]] = {}
        self._streams: dict[str, StreamInbox] = {}

    def __len__(self) -> int:
        return len(self._pending) + len(self._streams)

    def begin(self, call_id: str) -> asyncio.Future[Completion]:
        """Return where the answer will be; `forget` it afterwards, whatever happened."""
        future: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        self._pending[call_id] = future
        return future

    def begin_stream(self, call_id: str, target: str) -> StreamInbox:
        """Return where the items will be; `forget` it afterwards, whatever happened."""
        inbox = self._streams[call_id] = StreamInbox(call_id, target, self._backlog)
        return inbox

    def forget(self, call_id: str) -> None:
        """What still comes for this id is ignored."""
        pending = self._pending.pop(call_id, None)
        if pending is not None and not pending.cancel() and not pending.cancelled():
            pending.exception()  # seen, even if its caller had left by then
        inbox = self._streams.pop(call_id, None)
        if inbox is not None:
            inbox.drop()

    def receive(self, message: StreamItem | Completion, size_bytes: int) -> None:
        """Give it to whom it is for; items still under way when a stream was cancelled are for nobody."""
        if isinstance(message, StreamItem):
            if (inbox := self._streams.get(message.invocation_id)) is not None:
                inbox.put(message, size_bytes)
        elif (pending := self._pending.get(message.invocation_id)) is not None:
            if not pending.done():
                pending.set_result(message)
        elif (inbox := self._streams.get(message.invocation_id)) is not None:
            inbox.end(message)

    def fail_largest_stream(self) -> str | None:
        """Fail the stream that holds the most, if it holds more than the handlers; returns its id."""
        largest = max(self._streams.values(), key=lambda inbox: inbox.held_bytes, default=None)
        held_by_streams = sum(inbox.held_bytes for inbox in self._streams.values())
        if largest is None or largest.held_bytes < self._backlog.held_bytes - held_by_streams:
            return None
        largest.drop()
        largest.end(ReceiveBufferFull(self._backlog.limit_bytes, largest.target))
        return largest.call_id

    def fail(self, reason: BaseException | None) -> None:
        """Nothing will come any more, because the connection has ended."""
        for pending in self._pending.values():
            if not pending.done():
                pending.set_exception(ConnectionClosed(reason))
        for inbox in self._streams.values():
            inbox.end(ConnectionClosed(reason))
