"""Audiences of granted marketplaces that connected to this process, and what processes tell each other of them.

Knows no hub and no other process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from meschain.services.ports import Clock

_AUDIENCE: Final = "granted."


class ProcessAudiences:
    """`AudienceStore` of one process that holds its connections itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watched_at: dict[tuple[str, ...], datetime] = {}

    async def watch(self, marketplaces: Sequence[str]) -> None:
        self._watched_at[tuple(marketplaces)] = self._clock.now()

    async def watched(self) -> Mapping[tuple[str, ...], datetime]:
        return dict(self._watched_at)

    async def forget(self, marketplaces: Sequence[str], watched_at: datetime) -> None:
        if self._watched_at.get(tuple(marketplaces)) == watched_at:
            del self._watched_at[tuple(marketplaces)]

    def numbers(self) -> dict[str, float]:
        """The audiences by name: what the process that sends looks at."""
        return {f"{_AUDIENCE}{joined(marketplaces)}": 1.0 for marketplaces in self._watched_at}


def audiences_in(numbers: Mapping[str, float]) -> set[tuple[str, ...]]:
    """The audiences of another process, from its `numbers`."""
    return {parted(name.removeprefix(_AUDIENCE)) for name in numbers if name.startswith(_AUDIENCE)}


def joined(marketplaces: Sequence[str]) -> str:
    """A set of marketplaces as one text."""
    return ",".join(marketplaces)


def parted(name: str) -> tuple[str, ...]:
    """And back."""
    return tuple(code for code in name.split(",") if code)
