"""The streams of one connection, both ways (signalr-protocol 4.6, 5.5, 5.6): ids and counts. Keeps no items.

Streams need no permit, so without a limit of their own a client could start as many calls as it likes: everything that
a call opens counts until the call ends, also when the client has completed its part.
"""

from __future__ import annotations

from dataclasses import dataclass

from hubwire.wire.messages import Invocation, StreamInvocation


@dataclass(slots=True)
class _Upload:
    call: Invocation | StreamInvocation
    unread: int = 0


class Streams:
    """Which ids are in use and how full each upload is."""

    __slots__ = ("_buffer_items", "_count", "_limit", "_running", "_uploads")

    def __init__(self, limit: int, buffer_items: int) -> None:
        self._limit = limit
        self._buffer_items = buffer_items
        self._count = 0
        self._running: set[str] = set()
        self._uploads: dict[str, _Upload] = {}

    def begin(self, call: Invocation | StreamInvocation) -> str | None:
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
            if stream_id in self._uploads or call.stream_ids.count(stream_id) > 1:
                return f"Stream ID '{stream_id}' is already in use."
        self._count = count
        if isinstance(call, StreamInvocation):
            self._running.add(call.invocation_id)
        for stream_id in call.stream_ids:
            self._uploads[stream_id] = _Upload(call)
        return None

    def end(self, call: Invocation | StreamInvocation) -> None:
        """The call has ended, and with it all that it opened."""
        self._count -= len(call.stream_ids)
        if isinstance(call, StreamInvocation):
            self._count -= 1
            self._running.discard(call.invocation_id)
        for stream_id in call.stream_ids:
            upload = self._uploads.get(stream_id)
            if upload is not None and upload.call is call:  # a completed upload's id may be another's by now
                del self._uploads[stream_id]

    def is_upload(self, stream_id: str) -> bool:
        """Whether items of this stream are wanted."""
        return stream_id in self._uploads

    def take(self, stream_id: str) -> bool:
        """Count one more item of an upload; False: its buffer is full, the item has to wait."""
        upload = self._uploads[stream_id]
        if upload.unread >= self._buffer_items:
            return False
        upload.unread += 1
        return True

    def read(self, stream_id: str) -> None:
        """An item of an upload was taken out of its buffer."""
        upload = self._uploads.get(stream_id)
        if upload is not None and upload.unread:
            upload.unread -= 1

    def close(self, stream_id: str) -> bool:
        """Want no more items of an upload; False: they were not wanted before."""
        return self._uploads.pop(stream_id, None) is not None
