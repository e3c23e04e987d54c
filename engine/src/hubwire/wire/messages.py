"""The hub protocol's messages, independent of any codec (signalr-protocol 4). Knows no bytes.

Acks and sequences of stateful reconnect are not among them yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Invocation:
    """Type 1. `invocation_id` None: the sender wants no completion."""

    target: str
    arguments: Sequence[object]
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
    arguments: Sequence[object]
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


Message = Invocation | StreamItem | Completion | StreamInvocation | CancelInvocation | Ping | Close
