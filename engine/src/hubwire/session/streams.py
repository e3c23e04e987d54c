"""The streams of one connection, both ways (signalr-protocol 4.6, 5.5, 5.6): ids and counts. Keeps no items.

Streams need no permit, so without a limit of their own a client could start as many calls as it likes: everything that
a call opens counts until the call ends, also when the client has completed its part.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from hubwire.wire.messages import Invocation, StreamInvocation

_Call = Invocation | StreamInvocation
_Unread = deque[int]
"""One upload: the sizes of its items that nobody has taken out yet, oldest first."""
_NONE: Mapping[str, _Unread] = {}


class Streams:
    """Which ids are in use, and how full the uploads are, each by itself and all together."""

    __slots__ = ("_buffer_bytes", "_buffer_items", "_by_call", "_count", "_limit", "_open", "_running", "_unread_bytes")

    def __init__(self, limit: int, buffer_items: int, buffer_bytes: int) -> None:
        self._limit = limit
        self._buffer_items = buffer_items
        self._buffer_bytes = buffer_bytes
        self._count = 0
        self._running: set[str] = set()
        self._open: dict[str, _Unread] = {}
        """The uploads that items are wanted for. The id of a completed one may be another's by now."""
        self._by_call: dict[int, tuple[_Call, dict[str, _Unread]]] = {}  # by identity, as ids of calls need not differ
        self._unread_bytes = 0

    def begin(self, call: _Call) -> str | None:
        """Open the streams of a call; a text: it cannot be, and this is to be told to the client."""
        is_stream = isinstance(call, StreamInvocation)
        if is_stream and call.invocation_id in self._running:
            return f"Invocation ID '{call.invocation_id}' is already in use."
        count = self._count + is_stream + len(call.stream_ids)
        if count > self._limit:
            return (
                f"Failed to invoke '{call.target}' because the connection has too many streams, {self._limit} at most."
            )
        for stream_id in call.stream_ids:
            if stream_id in self._open or call.stream_ids.count(stream_id) > 1:
                return f"Stream ID '{stream_id}' is already in use."
        self._count = count
        if isinstance(call, StreamInvocation):
            self._running.add(call.invocation_id)
        if call.stream_ids:
            uploads = {stream_id: _Unread() for stream_id in call.stream_ids}
            self._by_call[id(call)] = call, uploads
            self._open.update(uploads)
        return None

    def end(self, call: _Call) -> None:
        """The call has ended, and with it all that it opened."""
        self._count -= len(call.stream_ids)
        if isinstance(call, StreamInvocation):
            self._count -= 1
            self._running.discard(call.invocation_id)
        for stream_id in call.stream_ids:
            self.close(call, stream_id)
        self._by_call.pop(id(call), None)

    def is_open(self, stream_id: str) -> bool:
        """Whether items of this upload are wanted."""
        return stream_id in self._open

    def take(self, stream_id: str, size_bytes: int) -> bool:
        """Count one more item of an upload; False: there is no room, the item has to wait.

        An upload of which nothing is unread has room for one always: whoever waits for it would not read others first.
        """
        unread = self._open[stream_id]
        if unread and (len(unread) >= self._buffer_items or self._unread_bytes + size_bytes > self._buffer_bytes):
            return False
        unread.append(size_bytes)
        self._unread_bytes += size_bytes
        return True

    def read(self, call: _Call, stream_id: str) -> None:
        """An item of an upload was taken out of its buffer."""
        unread = self._uploads(call).get(stream_id)
        if unread:
            self._unread_bytes -= unread.popleft()

    def complete(self, stream_id: str) -> bool:
        """The client has sent all of an upload; what is unread still counts. False: it was not open."""
        return self._open.pop(stream_id, None) is not None

    def close(self, call: _Call, stream_id: str) -> None:
        """Nothing of an upload is wanted any more."""
        unread = self._uploads(call).get(stream_id)
        if unread is None:
            return
        self._unread_bytes -= sum(unread)
        unread.clear()
        if self._open.get(stream_id) is unread:
            del self._open[stream_id]

    def _uploads(self, call: _Call) -> Mapping[str, _Unread]:
        found = self._by_call.get(id(call))
        return _NONE if found is None else found[1]
