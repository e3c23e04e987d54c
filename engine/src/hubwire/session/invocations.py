"""Permits for the plain invocations of one connection (signalr-protocol 5.3). Knows no bytes and no tasks."""

from __future__ import annotations

from hubwire.wire.messages import Invocation


class Permits:
    """Lets a limited number of invocations run at once.

    One more has to wait, and with it everything behind it in the stream. So with a limit of 1 plain invocations run
    strictly one after the other and in order, while what comes between them (pings, cancels) is still read.
    """

    __slots__ = ("_held", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: dict[int, Invocation] = {}  # by identity: ids of calls are the client's and need not differ

    def __bool__(self) -> bool:
        """Whether any is held."""
        return bool(self._held)

    def take(self, invocation: Invocation) -> bool:
        """Let the invocation start if there is a permit."""
        if len(self._held) >= self._limit:
            return False
        self._held[id(invocation)] = invocation
        return True

    def release(self, invocation: Invocation) -> bool:
        """Give the invocation's permit back; False: it has none, or not any more."""
        return self._held.pop(id(invocation), None) is not None
