"""Whether the event loop keeps up with its work. Knows no connection and no HTTP; is told how late the loop was."""

from __future__ import annotations

_ROUNDS = 2
"""Late rounds in a row that make an overload. One may be a collection of garbage, a wave of newcomers that is through
already, or a hub method that has blocked the loop; refusing people for that would help nobody."""


class Lateness:
    """Overloaded once the loop was late twice in a row, until it is less than half as late."""

    __slots__ = ("_limit_seconds", "_rounds", "is_overloaded")

    def __init__(self, limit_seconds: float | None) -> None:
        """None: never overloaded."""
        self._limit_seconds = limit_seconds
        self._rounds = 0
        self.is_overloaded = False

    def note(self, seconds: float) -> None:
        """The loop has just taken that long to come back to somebody who had nothing to wait for."""
        limit = self._limit_seconds
        if limit is None:
            return
        if seconds >= limit:
            self._rounds += 1
            if self._rounds >= _ROUNDS:
                self.is_overloaded = True
        elif seconds < limit / 2:
            self._rounds = 0
            self.is_overloaded = False
