"""A message, or several that travel together, encoded once per codec and framed once for all receivers.

Knows the layout of a server's WebSocket frame (RFC 6455 5.2: unmasked, one fragment) and no codec of its own; imports
little, because `ports` imports it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hubwire.wire.framing import split_messages
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

    __slots__ = ("_failures", "_message", "_parts", "frames", "payloads")

    def __init__(self, message: Message) -> None:
        self._message: Message | None = message
        self._parts: Sequence[EncodedMessage] = ()
        self._failures: dict[Codec, Exception] = {}
        self.payloads: dict[Codec, bytes] = {}
        """Framed hub messages by codec, those that travel together one behind the other; filled by `payload`."""
        self.frames: dict[Codec | None, bytes] = {}
        """Complete WebSocket frames by codec; filled by `frame`. Nothing stands under None, which may be asked for."""

    @classmethod
    def invocation(cls, target: str, arguments: Sequence[object]) -> EncodedMessage:
        """A call of a client's method that wants no answer."""
        return cls(Invocation(target, arguments))

    @classmethod
    def together(cls, messages: Sequence[EncodedMessage]) -> EncodedMessage:
        """Several messages, at least one, that arrive in their order and in one frame where frames are ours.

        Fifty messages to a thousand connections are then a thousand system calls and not fifty thousand. A codec that
        cannot write one of them writes none.
        """
        if not messages:
            raise ValueError("Nothing travels together; give at least one message.")
        made = cls.received({}, {})
        made._parts = tuple(part for message in messages for part in message.parts)
        return made

    @classmethod
    def received(cls, payloads: dict[Codec, bytes], failures: dict[Codec, Exception]) -> EncodedMessage:
        """A message that another process has encoded; `failures` are the codecs that could not write it.

        Together they name at least one codec.
        """
        message = cls.__new__(cls)
        message._message = None
        message._parts = ()
        # Under what connections look for: their hub's codecs may differ in what is not for many.
        message._failures = {codec.shared: failure for codec, failure in failures.items()}
        message.payloads = {codec.shared: payload for codec, payload in payloads.items()}
        message.frames = {}
        return message

    @property
    def parts(self) -> Sequence[EncodedMessage]:
        """The messages that travel together here, for who has to send them one by one; itself, when it is one."""
        return self._parts or (self,)

    @property
    def message(self) -> Message:
        """The message itself; of one that was received, as its first codec reads it.

        Raises: TypeError, ValueError when no codec could write it, and of several, which have `messages`.
        """
        if self._message is None:
            (self._message,) = self.messages
        return self._message

    @property
    def messages(self) -> Sequence[Message]:
        """All that travel together; of what was received, as its first codec reads them.

        Raises: TypeError, ValueError when no codec could write them.
        """
        if self._message is not None:
            return (self._message,)
        return [part.message for part in self._parts] if self._parts else self._decode()

    def pieces(self, codec: Codec) -> Sequence[bytes]:
        """`payload` cut into its messages, each with its framing.

        Raises: TypeError, ValueError when the arguments cannot be written.
        """
        return split_messages(self.payload(codec), codec.is_binary)

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
            if self._parts:
                return b"".join([part.payload(codec) for part in self._parts])
            return b"".join([codec.encode(message) for message in self.messages])
        except Exception as error:
            self._failures[codec] = error
            raise

    def _decode(self) -> Sequence[Message]:
        for codec, payload in self.payloads.items():
            reader = codec.reader(None)
            reader.feed(payload)
            found: list[Message] = []
            while (message := reader.next_message()) is not None:
                decoded = codec.decode(message)
                if decoded is not None:
                    found.append(decoded)
            if found:
                return found
        for failure in self._failures.values():
            raise failure.with_traceback(None)
        raise ValueError("This message holds nothing that could be read; give `received` at least one codec.")
