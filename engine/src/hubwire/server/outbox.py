"""What waits for one slow reader. Bounded; knows no transport and not what happens when it is full."""

from __future__ import annotations

from collections import deque

from hubwire.server.outboxes import Outboxes, SlowReader


class Outbox:
    """A queue of ready frames or messages. Most are shared with other connections, so they cost a reference each."""

    __slots__ = ("_all", "_limit_bytes", "_reader", "_waiting", "queued_bytes")

    def __init__(self, limit_bytes: int, outboxes: Outboxes, reader: SlowReader) -> None:
        """Begin one for a reader; what waits in it counts among all of them."""
        self._limit_bytes = limit_bytes
        self._all = outboxes
        self._reader = reader
        self._waiting: deque[bytes] = deque()
        self.queued_bytes = 0

    def __len__(self) -> int:
        """Messages that wait."""
        return len(self._waiting)

    def add(self, data: bytes) -> bool:
        """Queue it; False: that would exceed its own limit, and nothing was queued.

        Where it exceeds that of all outboxes the fullest reader is cut off before this returns.
        """
        if self.queued_bytes + len(data) > self._limit_bytes:
            return False
        self._waiting.append(data)
        self.queued_bytes += len(data)
        self._all.hold(self._reader, data)
        return True

    def take(self) -> bytes | None:
        """Return the oldest, None when nothing waits."""
        if not self._waiting:
            return None
        data = self._waiting.popleft()
        self.queued_bytes -= len(data)
        self._all.release(data)
        return data

    def drop(self) -> None:
        """Forget what waits, and the reader."""
        while self.take() is not None:
            pass
        self._all.forget(self._reader)
