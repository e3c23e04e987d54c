"""Connection ids and tokens, and the table of those that were negotiated and not used yet."""

from __future__ import annotations

import secrets

from hubwire.clock import Clock


def new_id() -> str:
    """Return 128 random bits as 22 URL-safe characters: clients put tokens into URLs without encoding them."""
    return secrets.token_urlsafe(16)


class PendingConnections:
    """Ids that negotiate has handed out. The key is the token: knowing a connection's public id is not enough."""

    __slots__ = ("_clock", "_life_seconds", "_limit", "_pending")

    def __init__(self, clock: Clock, life_seconds: float, limit: int) -> None:
        self._clock = clock
        self._life_seconds = life_seconds
        self._limit = limit
        # In order of expiry, since all live equally long: the front holds what has expired.
        self._pending: dict[str, tuple[float, str, str]] = {}

    def add(self, hub: str, version: int) -> tuple[str, str] | None:
        """Return a new connection id and token for the hub; None: too many wait already.

        In version 0 the client knows no token and connects with the id itself.
        """
        self._expire()
        if len(self._pending) >= self._limit:
            return None
        connection_id = new_id()
        token = new_id() if version > 0 else connection_id
        self._pending[token] = (self._clock.monotonic() + self._life_seconds, hub, connection_id)
        return connection_id, token

    def __contains__(self, token: str) -> bool:
        self._expire()
        return token in self._pending

    def take(self, hub: str, token: str) -> str | None:
        """Use a token up; returns its connection id, None: unknown, expired or another hub's."""
        self._expire()
        entry = self._pending.get(token)
        if entry is None or entry[1] != hub:
            return None
        del self._pending[token]
        return entry[2]

    def _expire(self) -> None:
        now = self._clock.monotonic()
        while self._pending:
            token = next(iter(self._pending))
            if self._pending[token][0] > now:
                return
            del self._pending[token]
