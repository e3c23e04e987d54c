"""How far a table that only grows was read, by its numbers. Pure: time is an argument.

A database gives out numbers before the rows can be seen, so a row may appear below one that was read already. Numbers
that were passed by are asked for again for a while, and until then the position to continue from stays before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

GAP_SECONDS: Final = 10.0
"""How long a missing number is looked for again: far longer than a shop's insert stays uncommitted."""
GAP_LIMIT: Final = 1000
"""Missing numbers looked for at most; more than that are a deletion or a replication step, not late inserts."""


class Numbering:
    """The numbers of one table that were seen."""

    def __init__(self, position: int) -> None:
        self._newest = position
        self._gaps: dict[int, float] = {}

    @property
    def newest(self) -> int:
        """The highest number seen."""
        return self._newest

    @property
    def position(self) -> int:
        """Where to continue after a stop: everything up to it was seen, or is not looked for any more."""
        return min(self._gaps) - 1 if self._gaps else self._newest

    def missing(self, now: float) -> list[int]:
        """Numbers to ask for again, ascending."""
        self._gaps = {number: until for number, until in self._gaps.items() if until > now}
        return sorted(self._gaps)

    def see(self, numbers: Sequence[int], now: float) -> None:
        """Rows with these numbers were read."""
        for number in sorted(numbers):
            self._gaps.pop(number, None)
            if number <= self._newest:
                continue
            passed = range(self._newest + 1, number)
            if len(passed) <= GAP_LIMIT:
                for gap in passed[: max(0, GAP_LIMIT - len(self._gaps))]:
                    self._gaps[gap] = now + GAP_SECONDS
            self._newest = number
