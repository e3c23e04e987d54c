"""Counts errors by their kind, with one example of each. Bounded: a server's texts may all be different."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MAXIMUM_KINDS = 50
"""Further kinds are counted as one."""
MAXIMUM_EXAMPLE_CHARACTERS = 300
OTHERS = "others"


@dataclass(slots=True)
class Counted:
    """One kind of error."""

    count: int
    example: str


class Tally:
    """What went wrong, and how often."""

    __slots__ = ("kinds",)

    def __init__(self) -> None:
        self.kinds: dict[str, Counted] = {}

    def add(self, kind: str, example: str, count: int = 1) -> None:
        """Count something that went wrong."""
        counted = self.kinds.get(kind)
        if counted is None:
            if len(self.kinds) >= MAXIMUM_KINDS:
                kind = OTHERS
            counted = self.kinds.setdefault(kind, Counted(0, example[:MAXIMUM_EXAMPLE_CHARACTERS]))
        counted.count += count

    def merge(self, kinds: Mapping[str, Counted]) -> None:
        """Add what another process has counted."""
        for kind, counted in kinds.items():
            self.add(kind, counted.example, counted.count)

    @property
    def total(self) -> int:
        """All errors together."""
        return sum(counted.count for counted in self.kinds.values())
