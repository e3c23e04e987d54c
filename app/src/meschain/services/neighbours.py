"""No neighbours: the `Neighbours` of a service that is one process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final


class NoNeighbours:
    """There is nobody to tell."""

    is_available: Final = True

    def tell(self, topic: str, message: str) -> None:
        return

    async def reach(self, topic: str, message: str) -> bool:
        return False

    def hear(self, topic: str, hear: Callable[[str], Awaitable[None] | None]) -> None:
        """Nobody tells anything."""
