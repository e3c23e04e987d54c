"""An input that is a list of operations: taken off number by number."""

from __future__ import annotations


class Tape:
    """Behind its end there are zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def __bool__(self) -> bool:
        """Whether its end has not come."""
        return self._position < len(self._data)

    def number(self) -> int:
        """Take the next byte."""
        number = self._data[self._position] if self else 0
        self._position += 1
        return number

    def bytes(self, count: int) -> bytes:
        """Take so many bytes, or what is left."""
        taken = self._data[self._position : self._position + count]
        self._position += count
        return taken
