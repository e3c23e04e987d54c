"""Splits a byte stream into hub messages of one codec (signalr-protocol 4.1 and 5.2). Knows no message contents."""

from __future__ import annotations

from typing import Protocol

from hubwire.errors import InvalidMessage, MessageTooLarge

RECORD_SEPARATOR = b"\x1e"
"""Ends every message of the JSON protocol and the handshake; cannot occur inside valid JSON text."""

_MAXIMUM_LENGTH = 2**31 - 1
_SHORT_PREFIXES = [bytes([size]) for size in range(0x80)]


class MessageReader(Protocol):
    """Collects the input of one connection and hands out complete messages, one at a time."""

    def feed(self, data: bytes) -> None:
        """Add input."""

    def next_message(self) -> bytes | bytearray | None:
        """Return the next complete message without its framing, or None.

        Raises: MessageTooLarge as soon as it is known that the next message is larger than the limit,
            InvalidMessage when the framing itself is wrong.
        """

    def rest(self) -> bytes:
        """Take out what was not handed out yet; the reader is empty afterwards."""

    @property
    def buffered_bytes(self) -> int:
        """How much input waits."""


class SeparatedReader:
    """Messages that end with the record separator.

    The limit holds for one message with its separator, not for a chunk: several messages in one chunk may together
    exceed it, and those before an oversized one are still handed out.
    """

    __slots__ = ("_buffer", "_limit_bytes", "_position", "_searched")

    def __init__(self, limit_bytes: int | None) -> None:
        self._limit_bytes = limit_bytes
        self._buffer: bytes | bytearray = b""
        self._position = 0
        self._searched = 0

    def feed(self, data: bytes) -> None:
        if self._position == len(self._buffer):
            # The usual case: nothing waits, so the chunk is used as it came, without a copy.
            self._buffer = data
            self._position = self._searched = 0
            return
        if type(self._buffer) is not bytearray:
            self._buffer = bytearray(memoryview(self._buffer)[self._position :])
        elif self._position:
            del self._buffer[: self._position]
        self._searched -= self._position
        self._position = 0
        # A bytearray grows at its end and shrinks at its front in amortised constant time: a peer that sends single
        # bytes costs no quadratic copying.
        self._buffer += data

    def next_message(self) -> bytes | bytearray | None:
        if not self._buffer:  # asked once too often for each chunk of input
            return None
        position = self._position
        end = self._buffer.find(RECORD_SEPARATOR, self._searched)
        size = (end + 1 if end >= 0 else len(self._buffer)) - position
        if self._limit_bytes is not None and size > self._limit_bytes:
            raise MessageTooLarge(self._limit_bytes)
        if end < 0:
            self._searched = len(self._buffer)
            return None
        message = self._buffer[position:end]
        self._position = self._searched = end + 1
        if self._position == len(self._buffer):
            self._buffer = b""
            self._position = self._searched = 0
        return message

    def rest(self) -> bytes:
        rest = bytes(memoryview(self._buffer)[self._position :])
        self._buffer = b""
        self._position = self._searched = 0
        return rest

    @property
    def buffered_bytes(self) -> int:
        return len(self._buffer) - self._position


class LengthPrefixedReader:
    """Messages behind their length: little-endian base-128, one to five bytes, at most 2^31-1.

    The limit holds for one message with its prefix and is decided as soon as the prefix has arrived.
    """

    __slots__ = ("_buffer", "_limit_bytes", "_needed", "_position")

    def __init__(self, limit_bytes: int | None) -> None:
        self._limit_bytes = limit_bytes
        self._buffer: bytes | bytearray = b""
        self._position = 0
        self._needed = 1
        """Below so many waiting bytes there is no point in reading the prefix (again)."""

    def feed(self, data: bytes) -> None:
        if self._position == len(self._buffer):
            # The usual case: nothing waits, so the chunk is used as it came, without a copy.
            self._buffer = data
            self._position = 0
            return
        if type(self._buffer) is not bytearray:
            self._buffer = bytearray(memoryview(self._buffer)[self._position :])
        elif self._position:
            del self._buffer[: self._position]
        self._position = 0
        self._buffer += data  # amortised, as above

    def next_message(self) -> bytes | bytearray | None:
        buffer, position = self._buffer, self._position
        held = len(buffer) - position
        if held < self._needed:
            return None
        prefix_size, size = _read_length(buffer, position)
        if not prefix_size:
            self._needed = held + 1
            return None
        needed = prefix_size + size
        if self._limit_bytes is not None and needed > self._limit_bytes:
            raise MessageTooLarge(self._limit_bytes)
        if held < needed:
            self._needed = needed
            return None
        end = position + needed
        message = buffer[position + prefix_size : end]
        self._needed = 1
        if held == needed:
            self._buffer = b""
            self._position = 0
        else:
            self._position = end
        return message

    def rest(self) -> bytes:
        rest = bytes(memoryview(self._buffer)[self._position :])
        self._buffer = b""
        self._position = 0
        self._needed = 1
        return rest

    @property
    def buffered_bytes(self) -> int:
        return len(self._buffer) - self._position


def split_messages(payload: bytes, is_binary: bool) -> list[bytes]:
    """Return the complete messages of which this consists, each with its framing.

    Raises: InvalidMessage when it does not consist of complete messages.
    """
    found: list[bytes] = []
    position = 0
    while position < len(payload):
        if is_binary:
            prefix, size = _read_length(payload, position)
            end = position + prefix + size if prefix else 0
        else:
            end = payload.find(RECORD_SEPARATOR, position) + 1
        if not position < end <= len(payload):
            raise InvalidMessage("The last message of several has no end.")
        found.append(payload[position:end])
        position = end
    return found


def _read_length(buffer: bytes | bytearray, position: int) -> tuple[int, int]:
    """Return how long the prefix there is, 0 when its end is missing, and what it says.

    Raises: InvalidMessage for more than 2^31-1, which is more than five bytes can say.
    """
    size = 0
    for count in range(min(5, len(buffer) - position)):
        byte = buffer[position + count]
        size |= (byte & 0x7F) << (7 * count)
        if size > _MAXIMUM_LENGTH or (count == 4 and byte >= 0x80):
            raise InvalidMessage("The length prefix of a message says more than 2^31-1 bytes.")
        if byte < 0x80:
            return count + 1, size
    return 0, 0


def length_prefix(size: int) -> bytes:
    """Return the prefix of a message of that many bytes.

    Raises: ValueError above 2^31-1.
    """
    if size < 0x80:
        return _SHORT_PREFIXES[size]
    if size > _MAXIMUM_LENGTH:
        raise ValueError(f"A message of {size} bytes is too long for its prefix; send several smaller ones.")
    prefix = bytearray()
    while size >= 0x80:
        prefix.append(size & 0x7F | 0x80)
        size >>= 7
    prefix.append(size)
    return bytes(prefix)
