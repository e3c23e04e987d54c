"""The plan as it was a moment ago, for what asks too often to read it anew. Knows no side."""

from __future__ import annotations

import logging
from typing import Final

from meschain.domain.rollout import Plan, Side
from meschain.services.ports import Clock
from meschain.services.rollout_ports import PlanStore

LOOK_SECONDS: Final = 1.0
"""How old it may be."""

_log = logging.getLogger(__name__)


class PlanWatch:
    """Reads the plan again and again."""

    def __init__(self, plans: PlanStore, clock: Clock) -> None:
        self._plans = plans
        self._clock = clock
        self._plan: Plan | None = None
        """As of the last look; None: there was none yet."""

    def relies_on(self, side: Side) -> bool:
        """Whether the plan sends anybody to this side; as long as it is not known, it may."""
        return self._plan is None or self._plan.relies_on(side)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                self._plan = await self._plans.current()
            except Exception:  # noqa: BLE001 - boundary to the database: what was known goes on to count
                _log.warning("the plan of the roll-out could not be read", exc_info=True)
            await self._clock.sleep(LOOK_SECONDS)
