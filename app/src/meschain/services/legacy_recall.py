"""That open connections of old pages are to come again. Adapter: `state.legacy_recalls`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Recall:
    """Of the connections that are open when a process reads it."""

    listener: str
    network: str
    """Of the addresses that it is for, as `198.51.100.0/24`; empty: all."""
    per_second: int
    """How many a process ends in a second."""


@dataclass(frozen=True, slots=True)
class StoredRecall:
    number: int
    """Higher: later."""
    recall: Recall


class RecallStore(Protocol):
    """Suite: `RecallStoreSpec`."""

    async def add(self, recall: Recall, asked_at: datetime) -> None:
        """Tell all processes, each of which reads it within moments."""

    async def newest(self) -> int:
        """Number of the last one; 0: there was none."""

    async def behind(self, number: int) -> Sequence[StoredRecall]:
        """Those after it, in order."""
