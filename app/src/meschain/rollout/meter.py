"""Counts what happens on each side in this process, and tells the store every second. Knows no hub."""

from __future__ import annotations

import logging
from typing import Final

from meschain.domain.rollout import Side
from meschain.services.ports import Clock
from meschain.services.rollout_ports import CountStore, SideCounts

TELL_SECONDS: Final = 1.0
"""Between two words to the store: guards are to see a fault within seconds."""

_log = logging.getLogger(__name__)


class SideMeter:
    """What this process counts."""

    def __init__(self, store: CountStore, node: str, clock: Clock) -> None:
        """Args: node: names this process."""
        self._store = store
        self._node = node
        self._clock = clock
        self._counts = {side: SideCounts() for side in Side}
        self._told = 0

    def count(self, side: Side, counts: SideCounts) -> None:
        """Add to this side's; returns at once."""
        self._counts[side] += counts

    async def run(self) -> None:
        """Tell what was counted, for ever."""
        while True:
            await self._clock.sleep(TELL_SECONDS)
            await self.tell()

    async def tell(self) -> None:
        """Tell what was counted since the last time. What cannot be stored now is told with the next."""
        taken = {side: counts for side, counts in self._counts.items() if counts != SideCounts()}
        if not taken:
            return
        self._counts = {side: SideCounts() for side in Side}
        self._told = max(self._told + 1, int(self._clock.now().timestamp()))
        try:
            await self._store.add(self._node, self._told, taken)
        except Exception:  # noqa: BLE001 - boundary to the database: clients must not notice that it is away
            _log.warning("what happened on each side could not be stored", exc_info=True)
            for side, counts in taken.items():
                self._counts[side] += counts
