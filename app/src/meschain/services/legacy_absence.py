"""How far clients of old dialects had heard when their connection broke. Adapter: `state.legacy_absences`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Absence:
    """One connection that broke, and whose client may come again."""

    client: str
    """Names whoever had it: a digest of what is the same when it comes again."""
    position: int
    """Of the last event that it was told."""
    since: datetime


class AbsenceStore(Protocol):
    """Suite: `AbsenceStoreSpec`."""

    async def add(self, absences: Sequence[Absence]) -> None:
        """Remember them."""

    async def take(self, client: str, since: datetime) -> int | None:
        """The position of this client that is away for the longest time, but not since before that; it is given once.

        None: there is none.
        """

    async def forget(self, before: datetime) -> None:
        """Those that are away since before that."""
