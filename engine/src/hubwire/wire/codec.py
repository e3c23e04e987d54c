"""What a hub protocol codec is: messages to framed bytes and back. Knows no particular codec."""

from __future__ import annotations

from typing import Protocol

from hubwire.wire.framing import MessageReader
from hubwire.wire.messages import Message


class Codec(Protocol):
    """One encoding of the hub protocol. Stateless, one instance for all connections, compared by identity."""

    name: str
    """The word clients use for it in the handshake."""
    is_binary: bool
    """Whether its messages travel as binary WebSocket frames."""

    @property
    def shared(self) -> Codec:
        """What messages for many connections are encoded by, and cached under: itself, unless it is special only in
        what belongs to one connection."""

    def reader(self, limit_bytes: int | None) -> MessageReader:
        """Return a new splitter for one connection's input."""

    def decode(self, payload: bytes | bytearray) -> Message | None:
        """Parse one message without its framing; None: a type we do not know, to be skipped.

        Raises: InvalidMessage.
        """

    def encode(self, message: Message) -> bytes:
        """Return the message with its framing.

        Raises: TypeError, ValueError for a payload that cannot be written.
        """
