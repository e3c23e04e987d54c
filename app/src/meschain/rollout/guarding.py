"""Looks at both sides every second while a roll-out is under way, and holds it or rolls it back as the guard says.

Runs in one process at a time. What clients meet is seen from both ends: by probes that connect as they do, and by the
counts of all processes, where a client that was sent to a side and did not arrive there within some seconds has failed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from meschain.domain.rollout import Plan, PlanState, Side
from meschain.rollout.guards import Action, Guard, SideHealth, Verdict
from meschain.rollout.meter import TELL_SECONDS
from meschain.rollout.plans import FIGURES, Rollout
from meschain.rollout.prober import Probe, Prober
from meschain.services.options import GuardOptions
from meschain.services.ports import Clock
from meschain.services.rollout_ports import CountStore, PlanChanged, PlanRefused, PlanStore, ReportStore, SideCounts

WHO: Final = "service:rollout"
"""Who the audit says it was."""
_TELL_SECONDS: Final = round(TELL_SECONDS)
_UNDER_WAY: Final = frozenset({PlanState.RUNNING, PlanState.HELD})

_log = logging.getLogger(__name__)


class Guarding:
    """The loop behind the guards."""

    def __init__(
        self,
        *,
        plans: PlanStore,
        rollout: Rollout,
        counts: CountStore,
        reports: ReportStore,
        prober: Prober,
        clock: Clock,
        acts: bool = True,
        options: GuardOptions | None = None,
    ) -> None:
        """Args: acts: whether it does what it thinks is right, besides saying it."""
        self._acts = acts
        self._plans = plans
        self._rollout = rollout
        self._counts = counts
        self._reports = reports
        self._prober = prober
        self._clock = clock
        self._options = options or GuardOptions()
        self.plan = Plan()
        """As of the last look."""
        self._guard = Guard(self._options)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - boundary to the database; the next look tries again
                _log.warning("the guards of the roll-out could not look", exc_info=True)
            await self._clock.sleep(self._options.look_seconds)

    def is_under_way(self) -> bool:
        """Whether there is anything to look at."""
        return self.plan.state in _UNDER_WAY

    async def look(self) -> None:
        """Look once, say what was seen, and act on it."""
        plan = await self._plans.current()
        if plan.version != self.plan.version:
            # What was wrong before somebody decided anew is judged anew.
            self._guard = Guard(self._options)
        self.plan = plan
        if not self.is_under_way():
            return
        health = await self._health()
        verdict = self._guard.judge(health[Side.BLUE], health[Side.GREEN]) if plan.sends_to_green else Verdict()
        content: dict[str, object] = {side.value: _shown(each) for side, each in health.items()}
        await self._reports.put(FIGURES, {**content, "guard": verdict.reason})
        if self._acts:
            await self._act(plan, verdict)

    async def _act(self, plan: Plan, verdict: Verdict) -> None:
        try:
            if verdict.action is Action.ROLL_BACK:
                await self._rollout.roll_back(WHO, verdict.reason)
                _log.error("the roll-out was rolled back: %s", verdict.reason)
            elif verdict.action is Action.HOLD and plan.state is PlanState.RUNNING:
                await self._rollout.hold(WHO, verdict.reason, version=plan.version)
                _log.warning("the roll-out is held: %s", verdict.reason)
        except (PlanChanged, PlanRefused) as error:
            _log.info("somebody else was faster: %s", error)

    async def _health(self) -> dict[Side, SideHealth]:
        now = int(self._clock.now().timestamp())
        window, patience = round(self._options.window_seconds), round(self._options.arrival_seconds)
        recent = await self._counts.between(now - window, now)
        first, last = now - window - patience, now - patience
        sent = await self._counts.between(first, last)
        # No longer than what was sent, or those who were sent later make up for those who failed. A second early, since
        # each process tells at its own moment; at each delay that is allowed, so that neither the first clients of many
        # are missed while they are on their way, nor the last ones after the window has passed them.
        arrived = [
            await self._counts.between(first + delay, last + delay) for delay in range(-_TELL_SECONDS, patience + 1)
        ]
        return {
            side: self._side(
                self._prober.recent(side), recent[side], sent[side], max(each[side].connected for each in arrived)
            )
            for side in Side
        }

    def _side(self, probes: Sequence[Probe], recent: SideCounts, sent: SideCounts, arrived: int) -> SideHealth:
        """Args: arrived: of those who were sent."""
        failed_probes = sum(probe.latency_ms is None for probe in probes)
        missing = max(0, sent.negotiated - arrived)
        # Not summed up: thousands of clients that came before a fault would hide the probes that meet it.
        connects = (
            self._percent(failed_probes, len(probes), self._options.least_probes),
            self._percent(missing + sent.refused, sent.negotiated + sent.refused, self._options.least_clients),
        )
        errors = (
            self._percent(recent.failed_calls, recent.calls, self._options.least_calls),
            self._percent(recent.failed_sends, recent.sends, self._options.least_calls),
        )
        return SideHealth(_worst(connects), _worst(errors), self._latency_ms(probes))

    def _percent(self, failed: int, tried: int, least: int) -> float | None:
        return failed * 100 / tried if tried >= least else None

    def _latency_ms(self, probes: Sequence[Probe]) -> float | None:
        values = sorted(probe.latency_ms for probe in probes if probe.latency_ms is not None)
        return values[int(len(values) * 0.95)] if len(values) >= self._options.least_probes else None


def _worst(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _shown(health: SideHealth) -> dict[str, object]:
    return {
        "connectsFailed": round(health.connects_failed or 0.0, 1),
        "errors": round(health.errors or 0.0, 1),
        "latencyMs": round(health.latency_ms or 0.0, 1),
    }
