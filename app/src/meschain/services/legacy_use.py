"""Who still uses the old WebSocket dialects, as it is counted and kept. Adapter: `state.legacy_use`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LegacyUser:
    """What tells one page or program from another."""

    listener: str
    dialect: str
    origin: str
    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class LegacyUse:
    """What is known of one; as it is stored altogether, as it is given to `add` since the last time."""

    user: LegacyUser
    role: str
    proved: bool
    first_seen_at: datetime
    last_seen_at: datetime
    connections: int
    received: int


class LegacyUseStore(Protocol):
    """Suite: `LegacyUseStoreSpec`."""

    async def add(self, use: LegacyUse) -> None:
        """Count it to what is stored of the same user; role and proof are those of the last."""

    async def latest(self, limit: int) -> Sequence[LegacyUse]:
        """Those seen last first."""
