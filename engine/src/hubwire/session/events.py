"""What a session tells its owner to do. Values only."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from hubwire.wire.codec import Codec
from hubwire.wire.messages import Invocation, StreamInvocation


class EndReason(enum.Enum):
    """Why a connection ended, in one word for measurements."""

    CLIENT = "client"
    """The client said good-bye."""
    SERVER = "server"
    """Hub code or a data plane closed it."""
    LOST = "lost"
    """The transport went away without a good-bye."""
    HANDSHAKE = "handshake"
    """There was no valid handshake."""
    PROTOCOL = "protocol"
    """The client broke the protocol."""
    TIMEOUT = "timeout"
    """The client was silent for too long."""
    SLOW = "slow"
    """The client did not read fast enough."""
    FAILED = "failed"
    """The hub's `connected` raised, or a message could not be written."""


@dataclass(frozen=True, slots=True)
class HandshakeAccepted:
    """Register the connection, run `connected`, then call `Session.send_connected`."""

    codec: Codec


@dataclass(frozen=True, slots=True)
class InvocationReceived:
    """Run it, then call `Session.send_result` or `send_error`, also when it wants no completion."""

    invocation: Invocation


@dataclass(frozen=True, slots=True)
class StreamInvocationReceived:
    """Refuse it with `Session.send_stream_error`: hubs here have no streaming methods."""

    invocation: StreamInvocation


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event: send what is left, end the transport, run `disconnected` if `connected` had succeeded."""

    reason: EndReason
    error: BaseException | None


SessionEvent = HandshakeAccepted | InvocationReceived | StreamInvocationReceived | Ended
