"""Raises an alert for each roll-back of the guards, also when the process that rolled back ended before it could.

Runs in one process at a time. Knows the versions of the plan, and nothing of what guards look at.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from meschain.domain.rollout import Plan, PlanState
from meschain.rollout.guarding import WHO
from meschain.services.ports import Clock
from meschain.services.rollout_ports import PlanStore

RaiseAlert = Callable[[str, str, str], Awaitable[object]]
"""Raises an alert: message, level, and what names it, so that it is raised once."""

LOOK_SECONDS: Final = 1.0
"""Between two looks; the guards look as often."""
MISSED_SECONDS: Final = 3600.0
"""How old a roll-back may be: another process takes over within seconds, and what is older is no news."""
_VERSIONS: Final = 20
"""Looked at; more than there are between two looks."""

_log = logging.getLogger(__name__)


class GuardAlerts:
    """The loop behind the alerts."""

    def __init__(self, plans: PlanStore, alert: RaiseAlert, clock: Clock) -> None:
        self._plans = plans
        self._alert = alert
        self._clock = clock
        self._version = 0
        """The newest that was looked at."""

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - boundary to the database; the next look tries again
                _log.warning("roll-backs of the guards could not be told now", exc_info=True)
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Raise those of versions that are new. Raises: any error of the database; the next look has them again."""
        for plan in reversed(await self._plans.history(_VERSIONS)):
            if plan.version <= self._version:
                continue
            if plan.state is PlanState.ROLLED_BACK and plan.changed_by == WHO and self._is_news(plan):
                text = f"The roll-out was rolled back by its guards: {plan.reason}"
                await self._alert(text, "error", f"roll-out version {plan.version} rolled back")
            self._version = plan.version

    def _is_news(self, plan: Plan) -> bool:
        age = self._clock.now() - datetime.fromisoformat(plan.changed_at)
        return age.total_seconds() <= MISSED_SECONDS
