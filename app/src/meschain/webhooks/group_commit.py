"""Stores what comes at the same time in one transaction, so that many requests wait for few commits.

A request that comes alone is written at once. Knows no vendor.
"""

from __future__ import annotations

from collections.abc import Sequence

from meschain.services.together import Take, Together
from meschain.services.webhook_ports import Arrival, InboxStore, InboxUnavailable


class GroupCommit:
    """Stores arrivals of one process.

    Args:
        most_waiting: above it, what comes is refused.
        at_once: in one transaction.
    """

    def __init__(self, store: InboxStore, *, most_waiting: int, at_once: int) -> None:
        self._store = store
        self._most_waiting = most_waiting
        self._together = Together(self._write, at_once)

    async def add(self, arrival: Arrival) -> bool:
        """Return once it is committed: whether it was new. Raises: InboxUnavailable."""
        if len(self._together) >= self._most_waiting:
            raise InboxUnavailable(f"{self._most_waiting} requests wait to be stored already; the database is too slow")
        return await self._together.add(arrival)

    async def _write(self, take: Take[Arrival]) -> Sequence[bool]:
        try:
            return await self._store.add(take())
        except Exception as error:  # noqa: BLE001 - boundary to our store: the vendors repeat what is not stored
            raise InboxUnavailable(f"cannot be stored: {type(error).__name__}") from None
