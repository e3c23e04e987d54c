"""Connection ids and tokens, and the table of those that were negotiated and not used yet."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from hubwire.clock import Clock
from hubwire.server.timer_wheel import TimerWheel
from hubwire.transports.posted_input import PostedInput

_MAXIMUM_EARLY = 1_000
"""Ids that may have input before they are opened. 1,000: each may hold 80 KiB, so together they cost 80 MB at most."""


def new_id() -> str:
    """Return 128 random bits as 22 URL-safe characters: clients put tokens into URLs without encoding them."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True, slots=True, eq=False)
class EarlyInput:
    """What was posted to a connection before the request that opens it."""

    user_id: str | None
    """Who posted it; nobody else may open the connection then."""
    input: PostedInput


@dataclass(slots=True, eq=False)
class Negotiated:
    """A connection that does not exist yet."""

    connection_id: str
    token: str = field(repr=False)
    """What clients put into `?id=`. In version 0 the client knows no token and connects with the id itself."""
    hub: str
    expires_at: float
    is_stateful: bool = False
    """Whether the client was promised stateful reconnect."""
    early: EarlyInput | None = None


class PendingConnections:
    """Ids that negotiate has handed out. The key is the token: knowing a connection's public id is not enough."""

    __slots__ = ("_clock", "_early_count", "_life_seconds", "_limit", "_pending", "_wheel", "wheel_slot")

    def __init__(self, clock: Clock, wheel: TimerWheel, life_seconds: float, limit: int) -> None:
        self.wheel_slot = -1
        self._clock = clock
        self._wheel = wheel
        self._life_seconds = life_seconds
        self._limit = limit
        self._early_count = 0
        # In order of expiry, since all live equally long: the front holds what has expired.
        self._pending: dict[str, Negotiated] = {}

    def __len__(self) -> int:
        """How many wait."""
        return len(self._pending)

    def add(self, hub: str, version: int, *, is_stateful: bool = False) -> Negotiated | None:
        """Hand out an id and a token for the hub; None: too many wait already."""
        self._expire()
        if len(self._pending) >= self._limit:
            return None
        connection_id = new_id()
        token = new_id() if version > 0 else connection_id
        expires_at = self._clock.monotonic() + self._life_seconds
        negotiated = self._pending[token] = Negotiated(connection_id, token, hub, expires_at, is_stateful)
        self._wheel.advance(self, expires_at)
        return negotiated

    def find(self, hub: str, token: str) -> Negotiated | None:
        """Return what waits under a token; None: unknown, expired or another hub's."""
        self._expire()
        negotiated = self._pending.get(token)
        return negotiated if negotiated is not None and negotiated.hub == hub else None

    def begin_early(self, negotiated: Negotiated, user_id: str | None, posted: PostedInput) -> EarlyInput | None:
        """Let a user post to an id before it is opened; None: too many have that already."""
        if self._early_count >= _MAXIMUM_EARLY:
            return None
        self._early_count += 1
        negotiated.early = EarlyInput(user_id, posted)
        return negotiated.early

    def end_early(self) -> None:
        """None of them will be opened: tell whoever still posts to them."""
        for negotiated in self._pending.values():
            if negotiated.early is not None:
                negotiated.early.input.end()

    def take(self, negotiated: Negotiated) -> None:
        """Use it up."""
        self._remove(negotiated)
        if not self._pending:
            self._wheel.cancel(self)

    def tick(self, now: float) -> None:
        """The oldest have expired: forget them, and tell whoever still posts to them."""
        self._expire()
        for oldest in self._pending.values():
            self._wheel.schedule(self, oldest.expires_at)
            return

    def _expire(self) -> None:
        now = self._clock.monotonic()
        while self._pending:
            oldest = next(iter(self._pending.values()))
            if oldest.expires_at > now:
                return
            self._remove(oldest)
            if oldest.early is not None:
                oldest.early.input.end()

    def _remove(self, negotiated: Negotiated) -> None:
        del self._pending[negotiated.token]
        if negotiated.early is not None:
            self._early_count -= 1
