"""What waits for all slow readers of a server together. Bounded; knows no connection and no transport."""

from __future__ import annotations

from typing import Protocol


class SlowReader(Protocol):
    """A connection for which something waits."""

    @property
    def unread_bytes(self) -> int:
        """How much."""

    def cut_off(self, total_limit_bytes: int) -> None:
        """Drop all of it, and the connection: there is too much for all together, and it has the most."""


class Outboxes:
    """Counts bytes, and cuts the fullest off when they are too many."""

    __slots__ = ("_limit_bytes", "_readers", "_references", "waiting_bytes")

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._readers: dict[SlowReader, None] = {}
        # By the identity of the bytes, which stays as long as somebody holds them: a frame that waits for a thousand
        # readers of one broadcast costs memory once.
        self._references: dict[int, int] = {}
        self.waiting_bytes = 0

    def hold(self, reader: SlowReader, data: bytes) -> None:
        """This waits for a reader, and may for others too. It may cut readers off, this one among them."""
        count = self._references.get(id(data), 0)
        self._references[id(data)] = count + 1
        self.change(reader, 0 if count else len(data))

    def release(self, data: bytes) -> None:
        """It waits for one reader less."""
        count = self._references.pop(id(data)) - 1
        if count:
            self._references[id(data)] = count
        else:
            self.waiting_bytes -= len(data)

    def change(self, reader: SlowReader, size_bytes: int) -> None:
        """So much more waits for a reader, or less, that no other shares."""
        self._readers[reader] = None
        self.waiting_bytes += size_bytes
        while self.waiting_bytes > self._limit_bytes and self._readers:
            fullest = max(self._readers, key=_unread_bytes)
            del self._readers[fullest]
            fullest.cut_off(self._limit_bytes)

    def forget(self, reader: SlowReader) -> None:
        """Nothing waits for it any more."""
        self._readers.pop(reader, None)

    def __len__(self) -> int:
        """Readers for whom something waits."""
        return len(self._readers)


def _unread_bytes(reader: SlowReader) -> int:
    return reader.unread_bytes
