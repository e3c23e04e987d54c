"""Splits a byte stream into hub messages of one codec (signalr-protocol 4.1 and 5.2). Knows no message contents."""

from __future__ import annotations

from typing import Protocol

from hubwire.errors import MessageTooLarge

RECORD_SEPARATOR = b"\x1e"
"""Ends every message of the JSON protocol and the handshake; cannot occur inside valid JSON text."""


class MessageReader(Protocol):
    """Collects the input of one connection and hands out complete messages, one at a time."""

    def feed(self, data: bytes) -> None:
        """Add input."""

    def next_message(self) -> bytes | bytearray | None:
        """Return the next complete message without its framing, or None.

        Raises: MessageTooLarge as soon as more than the limit is held without a complete message.
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
        if type(self._buffer) is not bytearray or self._position:
            self._buffer = bytearray(memoryview(self._buffer)[self._position :])
            self._searched -= self._position
            self._position = 0
        # A bytearray grows in amortised constant time: a peer that sends single bytes costs no quadratic copying.
        self._buffer += data

    def next_message(self) -> bytes | bytearray | None:
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
