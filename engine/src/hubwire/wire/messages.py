"""The hub protocol's messages, independent of any codec (signalr-protocol 4). Knows no bytes.

Structs, not dataclasses: one is made for each message in and out, and a frozen dataclass takes 1.1 us for that, eight
times as long.
"""

from __future__ import annotations

import collections.abc

import msgspec


class Invocation(msgspec.Struct, frozen=True):
    """Type 1. `invocation_id` None: the sender wants no completion."""

    target: str
    arguments: collections.abc.Sequence[object]
    invocation_id: str | None = None
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    stream_ids: tuple[str, ...] = ()


class StreamItem(msgspec.Struct, frozen=True):
    """Type 2."""

    invocation_id: str
    item: object
    headers: dict[str, str] = msgspec.field(default_factory=dict)


class Completion(msgspec.Struct, frozen=True):
    """Type 3. `error` set: failed. Else `has_result` tells a result (maybe None) from a void end."""

    invocation_id: str
    result: object = None
    error: str | None = None
    has_result: bool = False
    headers: dict[str, str] = msgspec.field(default_factory=dict)


class StreamInvocation(msgspec.Struct, frozen=True):
    """Type 4."""

    invocation_id: str
    target: str
    arguments: collections.abc.Sequence[object]
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    stream_ids: tuple[str, ...] = ()


class CancelInvocation(msgspec.Struct, frozen=True):
    """Type 5."""

    invocation_id: str
    headers: dict[str, str] = msgspec.field(default_factory=dict)


class Ping(msgspec.Struct, frozen=True):
    """Type 6."""


class Close(msgspec.Struct, frozen=True):
    """Type 7. `allow_reconnect` tells clients with automatic reconnect to come again."""

    error: str | None = None
    allow_reconnect: bool = False


class Ack(msgspec.Struct, frozen=True):
    """Type 8, stateful reconnect: everything up to this sequence id was processed."""

    sequence_id: int


class Sequence(msgspec.Struct, frozen=True):
    """Type 9, stateful reconnect: the sequence id of the next message on a new socket."""

    sequence_id: int


SequencedMessage = Invocation | StreamItem | Completion | StreamInvocation | CancelInvocation
"""What stateful reconnect counts and keeps until it is acknowledged (signalr-protocol 6.2)."""

Message = SequencedMessage | Ping | Close | Ack | Sequence


class Unreadable:
    """Stands for an argument, item or result that is well-formed but nothing that Python can hold.

    A date outside the years 1 to 9999 is the one such thing. It fits no annotation and no codec writes it.
    """

    __slots__ = ()


UNREADABLE = Unreadable()
"""The one instance."""
