"""What stands behind a path, as this server hosts it: everything its connections share. Values and ports only."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from hubwire.clock import Clock
from hubwire.model import Caller, Principal, Steering
from hubwire.observe import Observer
from hubwire.options import ConnectionOptions, HubOptions
from hubwire.ports import HubHandler, LineRegistry, Receiver, TokenVerifier, Transport
from hubwire.server.outboxes import Outboxes
from hubwire.server.tasks import Tasks
from hubwire.server.timer_wheel import TimerWheel
from hubwire.session.message_rates import MessageRates
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


@dataclass(frozen=True, slots=True, eq=False)
class Elsewhere:
    """An upgrade for a connection that another node holds or has to open. That node answers it."""

    address: str
    """Of its internal listener, `http://host:port`."""
    stamp: str = field(repr=False)
    """Goes with the request, and says whose it is."""


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
    prepare: Callable[[], None] | None = None
    """Called once a request's token is verified, to make what is not there yet. Raises: Refused. None: all is there."""

    def transports(self, principal: Principal) -> frozenset[str]:
        """Those that are offered to somebody."""
        steering = principal.steering
        if steering is None or steering.transports is None:
            return self.options.transports
        return self.options.transports & steering.transports

    def poll_timeout_seconds(self, principal: Principal) -> float:
        """How long somebody's polls wait."""
        steering = principal.steering
        if steering is None or steering.poll_timeout_seconds is None:
            return self.options.poll_timeout_seconds
        return steering.poll_timeout_seconds


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
    outboxes: Outboxes
    rates: MessageRates
    is_one_of_several: bool = False
    """Whether other processes serve the hub too, so that a connection may only be told that it is one when all of them
    can reach it."""

    def steered(self, steering: Steering) -> HostedHub:
        """Return the hub as the connection of a token sees it that wants some options to be others."""
        seconds = steering.handshake_timeout_seconds or self.options.handshake_timeout_seconds
        closes = self.options.close_on_expiration or steering.closes_at is not None
        return _with_options(self, seconds, closes, self.options.detailed_errors or steering.detailed_errors)


@functools.lru_cache(maxsize=256)
def _with_options(hub: HostedHub, handshake_seconds: float, closes: bool, has_details: bool) -> HostedHub:
    """Remembered, for the tokens of an application mostly want the same."""
    options = replace(
        hub.options,
        handshake_timeout_seconds=handshake_seconds,
        close_on_expiration=closes,
        detailed_errors=has_details,
    )
    return replace(hub, options=options)
