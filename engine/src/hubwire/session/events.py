"""What a session tells its owner to do. Values only; Structs for the reason that messages are."""

from __future__ import annotations

import enum

import msgspec

from hubwire.wire.codec import Codec
from hubwire.wire.messages import Completion, Invocation, StreamInvocation


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
    RATE = "rate"
    """The client sent more messages than its rate allows, for too long."""
    FAILED = "failed"
    """The hub's `connected` raised, or a message could not be written."""


class HandshakeAccepted(msgspec.Struct, frozen=True):
    """Register the connection, run `connected`, then call `Session.send_connected`."""

    codec: Codec


class InvocationReceived(msgspec.Struct, frozen=True):
    """Run it, then call `Session.send_result` or `send_error`, also when it wants no completion.

    Each of its `stream_ids` is an upload from now on: `UploadItemReceived` and `UploadEnded` follow for it.
    """

    invocation: Invocation


class StreamInvocationReceived(msgspec.Struct, frozen=True):
    """Run it: `Session.send_item` for each item, then `send_stream_end`. Uploads as with `InvocationReceived`."""

    invocation: StreamInvocation


class CancelReceived(msgspec.Struct, frozen=True):
    """Stop what runs under this id, if anything does; it is then completed like anything else."""

    invocation_id: str


class UploadItemReceived(msgspec.Struct, frozen=True):
    """Keep it for the hub method, and call `Session.receive_read` when the method has taken it, also after the end."""

    stream_id: str
    item: object


class UploadEnded(msgspec.Struct, frozen=True):
    """There are no more items. `error`: the client's words, None when all is well."""

    stream_id: str
    error: str | None


class AnswerReceived(msgspec.Struct, frozen=True):
    """The client has answered what `Session.send_question` asked."""

    completion: Completion


class AnswerOverdue(msgspec.Struct, frozen=True):
    """It has not done so in time, and a later answer is ignored."""

    question_id: str


class Overflowed(msgspec.Struct, frozen=True):
    """More waits for the client's acknowledgement than `HubOptions.outbox_limit_bytes`: drop the connection."""

    messages: int
    size_bytes: int


class Throttled(msgspec.Struct, frozen=True):
    """The client has sent more than its rate allows: nothing is dispatched until `Session.deadline`. Count it."""


class Ended(msgspec.Struct, frozen=True):
    """The last event: send what is left, end the transport, run `disconnected` if `connected` had succeeded."""

    reason: EndReason
    error: BaseException | None


SessionEvent = (
    HandshakeAccepted
    | InvocationReceived
    | StreamInvocationReceived
    | CancelReceived
    | UploadItemReceived
    | UploadEnded
    | AnswerReceived
    | AnswerOverdue
    | Overflowed
    | Throttled
    | Ended
)
