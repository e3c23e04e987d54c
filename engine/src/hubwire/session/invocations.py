"""Permits for the plain invocations of one connection (signalr-protocol 5.3). Knows no bytes and no tasks."""

from __future__ import annotations

from hubwire.wire.messages import Invocation


class Permits:
    """Lets a limited number of invocations run; one more waits, and with it everything behind it in the stream.

    So with a limit of 1 plain invocations run strictly one after the other and in order, while what comes between them
    (pings, cancels) is still read.
    """

    __slots__ = ("_limit", "running", "waiting")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.running = 0
        self.waiting: Invocation | None = None
        """The invocation that the next free permit is for."""

    def take(self, invocation: Invocation) -> bool:
        """Start the invocation if there is a permit; else keep it as the one that waits."""
        if self.running < self._limit:
            self.running += 1
            return True
        self.waiting = invocation
        return False

    def release(self) -> Invocation | None:
        """Give a permit back; returns the invocation that waited and takes the permit over."""
        invocation, self.waiting = self.waiting, None
        if invocation is None:
            self.running -= 1
        return invocation
