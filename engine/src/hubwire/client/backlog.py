"""How much has arrived that nobody has taken yet: items of streams and calls of handlers together. Knows no messages.

One socket carries everything, so a reader that stops for a slow stream also stops for the answer that somebody awaits,
perhaps the very loop that reads the stream. Hence two bounds: above the first reading pauses, unless somebody awaits
an answer; above the second whoever holds the most fails, a stream alone, handlers with the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

MESSAGE_OVERHEAD_BYTES = 512
"""Counted for each message besides its size on the wire: decoded objects and their place in a queue."""


class Backlog:
    """The account of one `HubConnection`."""

    __slots__ = ("_awaited", "_pause_bytes", "_reader", "held_bytes", "limit_bytes")

    def __init__(self, pause_bytes: int, limit_bytes: int) -> None:
        self._pause_bytes = pause_bytes
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        """What waits."""
        self._awaited = 0
        self._reader: asyncio.Future[None] | None = None

    def add(self, size_bytes: int) -> int:
        """A message waits; returns what it counts."""
        counted_bytes = size_bytes + MESSAGE_OVERHEAD_BYTES
        self.held_bytes += counted_bytes
        return counted_bytes

    def take(self, size_bytes: int) -> int:
        """It was taken, or dropped; returns what it counted."""
        counted_bytes = size_bytes + MESSAGE_OVERHEAD_BYTES
        self.held_bytes -= counted_bytes
        self._tell_reader()
        return counted_bytes

    @property
    def is_full(self) -> bool:
        """Whether no more may wait."""
        return self.held_bytes > self.limit_bytes

    @property
    def may_read(self) -> bool:
        """Whether the socket is read."""
        return self.held_bytes <= self._pause_bytes or self._awaited > 0

    @contextmanager
    def awaiting(self) -> Iterator[None]:
        """Around a wait for something that only reading can bring."""
        self._awaited += 1
        self._tell_reader()
        try:
            yield
        finally:
            self._awaited -= 1

    async def until_readable(self) -> None:
        """Return when `may_read`; for the one reader."""
        while not self.may_read:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None

    def _tell_reader(self) -> None:
        if self._reader is not None and self.may_read and not self._reader.done():
            self._reader.set_result(None)
