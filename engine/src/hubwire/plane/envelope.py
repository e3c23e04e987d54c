"""What nodes of a cluster say to each other, as bytes. Pure; knows no broker, and codecs by their names only.

Layout: one byte with the version of this layout, then MessagePack: an array whose first element is the number of the
kind and whose others are the fields in the order below. An envelope with an unknown version is refused as a whole, so
that nodes of two releases may run side by side: change the version with any change to a kind. A new kind needs no new
version: a node that does not know it refuses it alone, and whoever asked gets `NodeTimeout`.
"""

from __future__ import annotations

import msgspec

VERSION = b"\x01"


class EnvelopeError(ValueError):
    """Bytes that are no envelope of this version."""


class _Kind(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all kinds. None holds anything that could hold it, so the garbage collector need not look."""


class Delivery(_Kind, frozen=True, tag=1):
    """A message for everybody whom its subject addresses."""

    origin: str
    """Node that sends."""
    number: int
    """Counts what the origin has sent to itself too; 0: not counted."""
    excluded: tuple[str, ...]
    payloads: dict[str, bytes]
    """The framed hub message by codec, as each connection gets it."""
    failures: dict[str, str]
    """Codecs that could not write it, and why."""


class Ending(_Kind, frozen=True, tag=2):
    """Everybody addressed by the subject is closed."""

    origin: str
    number: int
    excluded: tuple[str, ...]
    reason: str | None
    allow_reconnect: bool


class Mark(_Kind, frozen=True, tag=3):
    """From a node to itself: everything up to this number has come back."""

    number: int


class GroupChange(_Kind, frozen=True, tag=4):
    """The member in the subject joins or leaves; to be acknowledged by a `Reply`."""

    origin: str
    request: int
    change: str
    """join, leave or leave_all."""
    group: bytes
    """In UTF-8, halves of surrogate pairs allowed; empty for leave_all."""


class Presence(_Kind, frozen=True, tag=5):
    """Is anybody there whom the subject addresses? A `Reply` with true or false."""

    origin: str
    request: int
    excluded: tuple[str, ...]


class Question(_Kind, frozen=True, tag=6):
    """Ask the connection in the subject for a result; the `Reply` holds it."""

    origin: str
    request: int
    codec: str
    invocation: bytes
    """A framed Invocation: target and arguments."""
    timeout_seconds: float | None


class Forget(_Kind, frozen=True, tag=7):
    """Nobody waits for the answer to this `Question` any more."""

    origin: str
    request: int


class Reply(_Kind, frozen=True, tag=8):
    """The answer to a request of the node in the subject."""

    request: int
    outcome: str
    """done, true, false, result, error (a client's), gone, never (was not there), late, unreadable, failed, listed."""
    codec: str = ""
    value: bytes = b""
    """A framed Completion, for `result`; a page of connections, for `listed`."""
    text: str = ""
    """For `error` and `failed`."""
    seconds: float = 0.0
    """For `late`: how long was waited."""


class Alive(_Kind, frozen=True, tag=9):
    """A node lives."""

    node: str
    address: str | None
    """Where it serves its peers."""
    asks: bool
    """Whether the others are to say so too, now."""
    figures: dict[str, float]


class Leaving(_Kind, frozen=True, tag=10):
    """A node ends properly."""

    node: str


class Listing(_Kind, frozen=True, tag=11):
    """Who is there whom the subject addresses? A `Reply` with a page of them, in the order of connection ids."""

    origin: str
    request: int
    excluded: tuple[str, ...]
    after: bytes
    """Begins behind this connection id; in UTF-8, halves of surrogate pairs allowed, as names of groups."""
    limit: int
    """At most so many."""


class Watched(_Kind, frozen=True, tag=12):
    """Somebody watches the live trace at a node, or nobody does any more."""

    node: str
    is_watched: bool


class Traced(_Kind, frozen=True, tag=13):
    """What happened in a node, for those who watch at others."""

    origin: str
    events: bytes
    """As the live trace packs them."""
    lost: int
    """How many more there were."""


Envelope = (
    Delivery
    | Ending
    | Mark
    | GroupChange
    | Presence
    | Question
    | Forget
    | Reply
    | Alive
    | Leaving
    | Listing
    | Watched
    | Traced
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Envelope] = msgspec.msgpack.Decoder(Envelope)


def pack(envelope: Envelope) -> bytes:
    """Return the bytes of an envelope."""
    return VERSION + _encoder.encode(envelope)


def unpack(data: bytes) -> Envelope:
    """Read an envelope. Raises: EnvelopeError."""
    if data[:1] != VERSION:
        raise EnvelopeError(
            f"An envelope of version {data[:1]!r} came in, this is {VERSION!r}: run the same release on all nodes."
        )
    try:
        return _decoder.decode(memoryview(data)[1:])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EnvelopeError(f"A malformed envelope came in: {error}; use the namespace for nothing else.") from error
