"""Codecs for hubs whose calls are answered elsewhere: what a client sends goes on as it came, and the answer likewise.

A message is read by another codec, with all its checks, so that what is malformed never goes on. A call keeps the bytes
that it was read from; a result that is a Completion already is written as it is. Knows neither HTTP nor sessions.
"""

from __future__ import annotations

from collections.abc import Mapping

from hubwire.options import PropertyNames
from hubwire.wire.codec import Codec
from hubwire.wire.framing import MessageReader
from hubwire.wire.messages import Completion, Invocation, Message
from hubwire.wire.protocols import hub_protocols


class RelayedInvocation(Invocation, frozen=True):
    """A call with the bytes that it was read from, so that nothing of it changes on its way on."""

    payload: bytes = b""
    """The message without its framing."""
    protocol: str = ""
    """The name of the codec that has read it."""


class FramedCompletion:
    """In the place of a result: the whole Completion, framed, in the protocol of the client that called.

    Whoever makes one has checked that it is: it is written to the client unchanged.
    """

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class RelayCodec:
    """Another codec, for hubs that pass calls on; messages for many connections are the other's own."""

    __slots__ = ("_codec", "is_binary", "name")

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.name = codec.name
        self.is_binary = codec.is_binary

    @property
    def shared(self) -> Codec:
        return self._codec

    def reader(self, limit_bytes: int | None) -> MessageReader:
        return self._codec.reader(limit_bytes)

    def decode(self, payload: bytes | bytearray) -> Message | None:
        message = self._codec.decode(payload)
        if type(message) is not Invocation:
            return message
        return RelayedInvocation(
            message.target,
            message.arguments,
            message.invocation_id,
            message.headers,
            message.stream_ids,
            bytes(payload),
            self.name,
        )

    def encode(self, message: Message) -> bytes:
        if type(message) is Completion and type(message.result) is FramedCompletion:
            return message.result.data
        return self._codec.encode(message)


_RELAYS: Mapping[str, Codec] = {
    name: RelayCodec(codec)
    for name, codec in hub_protocols(frozenset({"json", "messagepack"}), PropertyNames.AS_DECLARED).items()
}


def relay_protocols(names: frozenset[str]) -> Mapping[str, Codec]:
    """Return the codecs for these names: what a handshake may choose at a hub whose calls go on."""
    return {name: codec for name, codec in _RELAYS.items() if name in names}
