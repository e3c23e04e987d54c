"""What people and guards do with the plan: each change is another version, and audited. Knows no hub and no place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from secrets import token_hex

from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.roles import Role
from meschain.domain.rollout import Plan, PlanState, next_step
from meschain.services.clock import iso_utc
from meschain.services.ports import AuditStore, Clock
from meschain.services.rollout_ports import (
    NOBODY,
    Choice,
    PlacedConnections,
    PlanChanged,
    PlanRefused,
    PlanStore,
    ReportStore,
    RolloutStatus,
)

FIGURES = "figures"
"""Name of the guards' report."""
SHADOW = "shadow"
"""Name of the comparison's."""
MOST_CHOSEN = 1000
"""Users named one by one."""
_LONGEST_REASON = 500


class Rollout:
    """Implements `RolloutUse`."""

    def __init__(
        self,
        *,
        plans: PlanStore,
        connections: PlacedConnections,
        reports: ReportStore,
        audit: AuditStore,
        clock: Clock,
        has_green: bool,
    ) -> None:
        """Args: has_green: whether the settings name a second side."""
        self._plans = plans
        self._connections = connections
        self._reports = reports
        self._audit = audit
        self._clock = clock
        self._has_green = has_green

    async def status(self) -> RolloutStatus:
        return RolloutStatus(
            await self._plans.current(),
            await self._connections.count(),
            await self._reports.get(FIGURES),
            await self._reports.get(SHADOW),
        )

    async def history(self, limit: int) -> Sequence[Plan]:
        return await self._plans.history(limit)

    async def start(
        self, who: str, *, percent: int = 0, choice: Choice = NOBODY, shadow: bool = False, version: int | None = None
    ) -> Plan:
        """Raises: PlanRefused, PlanChanged."""
        if not self._has_green:
            raise PlanRefused("There is no green side; set MESCHAIN_GREEN_SIGNALR to its connection string first.")
        plan = await self._read(version)
        if plan.state in {PlanState.RUNNING, PlanState.HELD}:
            raise PlanRefused("A roll-out is under way; advance it, or roll it back before another is started.")
        _check(percent, choice)
        return await self._change(
            who,
            "start",
            Plan(
                version=plan.version,
                state=PlanState.RUNNING,
                percent=percent,
                roles=choice.roles,
                user_ids=choice.user_ids,
                marketplaces=choice.marketplaces,
                salt=token_hex(8),
                shadow=shadow,
            ),
        )

    async def advance(self, who: str, *, percent: int | None = None, version: int | None = None) -> Plan:
        """Raises: PlanRefused, PlanChanged."""
        plan = await self._under_way(version)
        wanted = next_step(plan.percent) if percent is None else percent
        _check(wanted, NOBODY)
        return await self._change(who, "advance", replace(plan, state=PlanState.RUNNING, percent=wanted, reason=""))

    async def hold(self, who: str, reason: str = "", *, version: int | None = None) -> Plan:
        """Raises: PlanRefused, PlanChanged."""
        plan = await self._under_way(version)
        return await self._change(who, "hold", replace(plan, state=PlanState.HELD, reason=reason))

    async def roll_back(self, who: str, reason: str = "") -> Plan:
        """Raises: PlanRefused where nothing is under way."""
        while True:
            plan = await self._under_way(None)
            try:
                return await self._change(who, "rollback", replace(plan, state=PlanState.ROLLED_BACK, reason=reason))
            except PlanChanged:  # whatever somebody else decided just now, it goes back
                continue

    async def _under_way(self, version: int | None) -> Plan:
        plan = await self._read(version)
        if plan.state not in {PlanState.RUNNING, PlanState.HELD}:
            raise PlanRefused("No roll-out is under way; start one.")
        return plan

    async def _read(self, version: int | None) -> Plan:
        plan = await self._plans.current()
        if version is not None and version != plan.version:
            raise PlanChanged(f"The plan is at version {plan.version} by now; look at it and decide again.")
        return plan

    async def _change(self, who: str, action: str, plan: Plan) -> Plan:
        changed = replace(
            plan,
            version=plan.version + 1,
            changed_by=who,
            reason=plan.reason[:_LONGEST_REASON],
            changed_at=iso_utc(self._clock.now()),
        )
        if not await self._plans.add(changed):
            raise PlanChanged("Somebody else changed the plan at this moment; look at it and decide again.")
        details = {"version": changed.version, "percent": changed.percent, "reason": changed.reason}
        if action == "start":
            details |= {
                "roles": list(changed.roles),
                "userIds": list(changed.user_ids),
                "marketplaces": list(changed.marketplaces),
                "shadow": changed.shadow,
            }
        await self._audit.add(who, f"rollout.{action}", details, "done")
        return changed


def _check(percent: int, choice: Choice) -> None:
    if not 0 <= percent <= 100:
        raise PlanRefused(f"{percent} is no percentage; give a whole number from 0 to 100.")
    roles = {role.value for role in Role}
    for role in choice.roles:
        if role not in roles:
            raise PlanRefused(f"There is no role {role!r}; there are {', '.join(sorted(roles))}.")
    for code in choice.marketplaces:
        if code not in MARKETPLACES:
            raise PlanRefused(f"{code!r} is no marketplace; they are {', '.join(MARKETPLACES)}.")
    if len(choice.user_ids) > MOST_CHOSEN:
        raise PlanRefused(f"Name at most {MOST_CHOSEN} users; for more there is the percentage.")
