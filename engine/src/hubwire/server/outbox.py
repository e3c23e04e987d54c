"""What waits for one slow reader. Bounded; knows no transport and not what happens when it is full."""

from __future__ import annotations

from collections import deque


class Outbox:
    """A queue of ready frames or messages. Most are shared with other connections, so they cost a reference each."""

    __slots__ = ("_limit_bytes", "_waiting", "queued_bytes")

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._waiting: deque[bytes] = deque()
        self.queued_bytes = 0

    def __len__(self) -> int:
        """Messages that wait."""
        return len(self._waiting)

    def add(self, data: bytes) -> bool:
        """Queue it; False: that would exceed the limit, and nothing was queued."""
        if self.queued_bytes + len(data) > self._limit_bytes:
            return False
        self._waiting.append(data)
        self.queued_bytes += len(data)
        return True

    def take(self) -> bytes | None:
        """Return the oldest, None when nothing waits."""
        if not self._waiting:
            return None
        data = self._waiting.popleft()
        self.queued_bytes -= len(data)
        return data
