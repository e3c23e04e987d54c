"""The hub protocol's messages, independent of any codec (signalr-protocol 4). Knows no bytes."""

from __future__ import annotations

import collections.abc
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Invocation:
    """Type 1. `invocation_id` None: the sender wants no completion."""

    target: str
    arguments: collections.abc.Sequence[object]
    invocation_id: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    stream_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamItem:
    """Type 2."""

    invocation_id: str
    item: object
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Completion:
    """Type 3. `error` set: failed. Else `has_result` tells a result (maybe None) from a void end."""

    invocation_id: str
    result: object = None
    error: str | None = None
    has_result: bool = False
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamInvocation:
    """Type 4."""

    invocation_id: str
    target: str
    arguments: collections.abc.Sequence[object]
    headers: dict[str, str] = field(default_factory=dict)
    stream_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelInvocation:
    """Type 5."""

    invocation_id: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ping:
    """Type 6."""


@dataclass(frozen=True, slots=True)
class Close:
    """Type 7. `allow_reconnect` tells clients with automatic reconnect to come again."""

    error: str | None = None
    allow_reconnect: bool = False


@dataclass(frozen=True, slots=True)
class Ack:
    """Type 8, stateful reconnect: everything up to this sequence id was processed."""

    sequence_id: int


@dataclass(frozen=True, slots=True)
class Sequence:
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
