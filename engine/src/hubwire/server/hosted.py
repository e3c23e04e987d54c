"""What stands behind a path, as this server hosts it: everything its connections share. Values and ports only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from hubwire.clock import Clock
from hubwire.model import Caller, Principal
from hubwire.observe import Observer
from hubwire.options import ConnectionOptions, HubOptions
from hubwire.ports import HubHandler, LineRegistry, Receiver, TokenVerifier, Transport
from hubwire.server.tasks import Tasks
from hubwire.server.timer_wheel import TimerWheel
from hubwire.wire.codec import Codec


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """An admitted connect: everything that is needed to make the connection."""

    hosted: Hosted
    caller: Caller
    token: str = field(repr=False)
    """What clients put into `?id=`; secret where it was negotiated in version 1."""
    is_stateful: bool = False
    """Whether negotiate promised stateful reconnect; the handshake still decides."""


@dataclass(frozen=True, slots=True, eq=False)
class Resumption:
    """An admitted upgrade that takes an open connection over."""

    connection: Served


class Served(Receiver, Protocol):
    """One open connection as the endpoint sees it, a hub's or a raw one."""

    caller: Caller
    token: str

    def abort(self) -> None:
        """End at once, without a word."""

    @property
    def is_resumable(self) -> bool:
        """Whether another WebSocket may take this connection over now: stateful reconnect, and it has not ended."""

    def resume(self, transport: Transport) -> Receiver:
        """Let a new WebSocket take over; the old one is aborted and ignored. Returns what the new one pushes into.

        Nothing is written to the transport before it calls `feed` or `resume_writing` of the receiver, or the loop
        has turned: its upgrade is answered first.
        """

    def refresh(self, principal: Principal) -> None:
        """A later request of the same user carried a newer token."""


@dataclass(frozen=True, slots=True, eq=False)
class Hosted:
    """What a path leads to: a hub, or a handler of raw connections."""

    name: str
    options: ConnectionOptions
    verifier: TokenVerifier | None
    """None: everybody may connect, and nobody has a user id."""
    open: Callable[[Opening, Transport, Callable[[Served], None]], Served]
    """Make the connection; the last argument is called once when it has ended and its token is dead."""
    frame_limit_bytes: int | None
    """Fast lane: largest WebSocket frame taken in, None: any."""
    allows_stateful_reconnect: bool = False
    """Whether negotiate may promise it."""


@dataclass(frozen=True, slots=True, eq=False)
class HostedHub:
    """A registered hub, as its connections see it."""

    name: str
    options: HubOptions
    codecs: Mapping[str, Codec]
    """What handshakes may choose."""
    handler: HubHandler
    method_name: Callable[[str], str | None]
    """The registered spelling of a target, None: unknown."""
    registry: LineRegistry
    clock: Clock
    observer: Observer
    wheel: TimerWheel
    tasks: Tasks
