"""Looks for acknowledgements among messages that cannot be dispatched yet. Knows no session and no time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from hubwire.errors import RemoteProtocolError
from hubwire.wire.codec import Codec
from hubwire.wire.framing import MessageReader
from hubwire.wire.messages import Ack

_OBJECT_BYTES = 64
"""What Python needs to hold a message besides its bytes. Without it empty messages, which have a byte each on the wire,
would count for nothing, and a client could send them until memory ends."""


class AheadReader:
    """Implements `MessageReader` around a codec's own.

    A client's Ack may stand behind a call that waits for its turn, or come while `connected` runs. Until it is read we
    may have no room to send anything, and a client that does all it should would be taken for one that reads nothing.
    """

    __slots__ = ("_codec", "_passed", "_passed_bytes", "_reader")

    def __init__(self, reader: MessageReader, codec: Codec) -> None:
        self._reader = reader
        self._codec = codec
        self._passed: deque[bytes | bytearray] = deque()
        self._passed_bytes = 0

    def acks(self) -> Iterator[int]:
        """Take the Acks out of what has come; everything else stays for `next_message`, in its order."""
        try:
            while (payload := self._reader.next_message()) is not None:
                ack = self._as_ack(payload)
                if ack is not None:
                    yield ack.sequence_id
                else:
                    self._passed.append(payload)
                    self._passed_bytes += len(payload) + _OBJECT_BYTES
        except RemoteProtocolError:
            return  # a message that is too large; it is the fault of whoever gets there by `next_message`

    def _as_ack(self, payload: bytes | bytearray) -> Ack | None:
        try:
            message = self._codec.decode(payload)
        except RemoteProtocolError:
            return None
        return message if isinstance(message, Ack) else None

    def feed(self, data: bytes) -> None:
        self._reader.feed(data)

    def next_message(self) -> bytes | bytearray | None:
        if not self._passed:
            return self._reader.next_message()
        payload = self._passed.popleft()
        self._passed_bytes -= len(payload) + _OBJECT_BYTES
        return payload

    def rest(self) -> bytes:
        """Drop everything; returns the part that nobody has looked at."""
        self._passed.clear()
        self._passed_bytes = 0
        return self._reader.rest()

    @property
    def buffered_bytes(self) -> int:
        return self._reader.buffered_bytes + self._passed_bytes
