"""Permits for the plain invocations of one connection (signalr-protocol 5.3). Knows no bytes and no tasks."""

from __future__ import annotations

from hubwire.wire.messages import Invocation


class Permits:
    """Lets a limited number of invocations run at once.

    One more has to wait, and with it everything behind it in the stream. So with a limit of 1 plain invocations run
    strictly one after the other and in order, while what comes between them (pings, cancels) is still read.

    One that waits for what the client says later gives way to the next: what it waits for would stand behind that. How
    many may is limited too, or a client that answers nothing could start as many as it likes.
    """

    __slots__ = ("_away", "_away_limit", "_limit", "held")

    def __init__(self, limit: int, away_limit: int) -> None:
        self._limit = limit
        self._away_limit = away_limit
        # By identity: ids of calls are the client's and need not differ.
        self.held: dict[int, Invocation] = {}
        """Those that run with a permit."""
        self._away: dict[int, Invocation] = {}

    def take(self, invocation: Invocation) -> bool:
        """Let the invocation start if there is a permit."""
        if len(self.held) >= self._limit:
            return False
        self.held[id(invocation)] = invocation
        return True

    def give_way(self, invocation: Invocation) -> bool:
        """Give its permit back although it goes on, for good; False: it has none, or too many go on so."""
        if id(invocation) not in self.held or len(self._away) >= self._away_limit:
            return False
        self._away[id(invocation)] = self.held.pop(id(invocation))
        return True

    def release(self, invocation: Invocation) -> None:
        """It has ended."""
        if self.held.pop(id(invocation), None) is None:
            self._away.pop(id(invocation), None)
