"""A message that is encoded once per codec and framed once, whatever the number of receivers.

Knows the layout of a server's WebSocket frame (RFC 6455 5.2: unmasked, one fragment) and no codec of its own; imports
little, because `ports` imports it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hubwire.wire.messages import Invocation, Message

if TYPE_CHECKING:
    from hubwire.wire.codec import Codec

_TEXT = 0x81
_BINARY = 0x82


def websocket_frame(payload: bytes, is_binary: bool) -> bytes:
    """Return one complete data frame as a server sends it."""
    opcode = _BINARY if is_binary else _TEXT
    size = len(payload)
    if size < 126:
        return bytes((opcode, size)) + payload
    if size < 65536:
        return bytes((opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((opcode, 127)) + size.to_bytes(8, "big") + payload


class EncodedMessage:
    """One message for any number of receivers, encoded when the first of them asks.

    A broadcast to 10,000 connections costs one encoding per codec and one frame per codec; each receiver is then one
    dictionary look-up and one write. Encoding for each receiver was the larger part of a broadcast's own work.
    """

    __slots__ = ("_failures", "frames", "message", "payloads")

    def __init__(self, message: Message) -> None:
        self.message = message
        self._failures: dict[Codec, Exception] = {}
        self.payloads: dict[Codec, bytes] = {}
        """Framed hub messages by codec; filled by `payload`."""
        self.frames: dict[Codec, bytes] = {}
        """Complete WebSocket frames by codec; filled by `frame`."""

    @classmethod
    def invocation(cls, target: str, arguments: Sequence[object]) -> EncodedMessage:
        """A call of a client's method that wants no answer."""
        return cls(Invocation(target, arguments))

    def payload(self, codec: Codec) -> bytes:
        """Return the hub message as this codec writes it.

        Raises: TypeError, ValueError when the arguments cannot be written.
        """
        payload = self.payloads.get(codec)
        if payload is None:
            payload = self.payloads[codec] = self._encode(codec)
        return payload

    def frame(self, codec: Codec) -> bytes:
        """Return the complete WebSocket frame that carries `payload`.

        Raises: TypeError, ValueError when the arguments cannot be written.
        """
        frame = self.frames.get(codec)
        if frame is None:
            frame = self.frames[codec] = websocket_frame(self.payload(codec), codec.is_binary)
        return frame

    def _encode(self, codec: Codec) -> bytes:
        failure = self._failures.get(codec)
        if failure is not None:
            # To find it out anew for each receiver may cost more than sending: what fails may be the very last value.
            raise failure.with_traceback(None)
        try:
            return codec.encode(self.message)
        except Exception as error:
            self._failures[codec] = error
            raise
