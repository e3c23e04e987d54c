"""Forgets placed connections that have ended with their process. Knows no table and no side.

A process that is killed tells the end of none of its connections. That they have ended is found out where they are
written down for all (`services.stale_nodes`); until a placed one is forgotten, it counts, and moves are spent on it.
"""

from __future__ import annotations

from typing import Final

from meschain.services.ports import Clock
from meschain.services.rollout_ports import PlacedEnds

LOOK_SECONDS: Final = 5.0
"""Between two looks: a process is given up after a minute, which a few seconds do not make longer."""


class EndsOfPlaced:
    """The loop behind it. Runs in one process at a time."""

    def __init__(self, ends: PlacedEnds, clock: Clock) -> None:
        self._ends = ends
        self._clock = clock

    async def run(self) -> None:
        """Look for ever, again at once while there are more."""
        while True:
            if not await self._ends.take_over():
                await self._clock.sleep(LOOK_SECONDS)
