"""The loop behind the rules: reads their figures, stores what that comes to, then tells it. In one process at a time.

What a rule remembers is stored, the alert that it raises in one transaction with it: so a process that ends at any
moment neither raises an alert twice nor forgets one. Knows neither where figures come from nor who is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from meschain.domain.alert_rules import AlertRule, Reading, RuleState, Verdict, judge
from meschain.domain.alerts import BY_RULE, Alert
from meschain.services.alert_messages import AlertMessages
from meschain.services.alert_ports import AlertBook, AlertMessage, Figure, KeptRule
from meschain.services.alerts import SYSTEM, AlertService
from meschain.services.options import AlertOptions, AlertWatchOptions
from meschain.services.ports import Clock
from meschain.services.text import clip
from meschain.services.waiting import within

_log = logging.getLogger(__name__)

NEVER_KEPT: Final = KeptRule()


class AlertWatch:
    """Watches the figures.

    Args:
        rules: by name; one that stood in the settings before and does not any more has its alert ended.
        figures: of each rule.
    """

    def __init__(
        self,
        *,
        rules: Mapping[str, AlertRule],
        figures: Mapping[str, Figure],
        book: AlertBook,
        alerts: AlertService,
        messages: AlertMessages,
        clock: Clock,
        options: AlertWatchOptions | None = None,
    ) -> None:
        self._rules = rules
        self._figures = figures
        self._book = book
        self._alerts = alerts
        self._messages = messages
        self._clock = clock
        self._options = options or AlertWatchOptions()
        self._unread: set[str] = set()
        """Rules whose figure could not be read at the last look; that is logged when it begins and when it ends."""

    async def run(self) -> None:
        """Look at every interval, for ever."""
        while True:
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - boundary to our own database: the next look is soon
                _log.exception("the rules of alerts could not be looked at")
            await self._clock.sleep(self._options.interval_seconds)

    async def look(self) -> None:
        """Look once at every figure. Raises: any error of our own database; the next look takes it up from there."""
        await self._alerts.tell_rest(self._options.untold)
        readings = dict(
            zip(self._rules, await asyncio.gather(*(self._read(name) for name in self._rules)), strict=True)
        )
        kept = await self._book.rules()
        now = self._clock.now()
        changed: dict[str, RuleState] = {}
        for name, rule in self._rules.items():
            before = kept.get(name, NEVER_KEPT)
            reading = readings[name]
            after, verdict = judge(rule, before.state, reading, now, self._held_until(before))
            if verdict is Verdict.FIRES and reading is not None:
                await self._fire(rule, after, reading)
            elif verdict is Verdict.RESOLVES:
                await self._resolve(name, after, before, now)
            elif after != before.state or name not in kept:
                changed[name] = after
        if changed:
            await self._book.remember(changed)
        for name in kept.keys() - self._rules.keys():
            if kept[name].state.alert_id:
                await self._resolve(name, RuleState(), kept[name], now)

    async def _read(self, name: str) -> Reading | None:
        """What the figure of a rule says; None: it cannot be read."""
        try:
            reading = await within(self._clock, self._options.figure_timeout_seconds, self._figures[name]())
        except Exception as error:  # noqa: BLE001 - boundary to every source of figures: one that fails says nothing
            if name not in self._unread:
                _log.warning("the figure of the rule %s cannot be read: %s", name, type(error).__name__)
            self._unread.add(name)
            return None
        if name in self._unread:
            self._unread.discard(name)
            _log.info("the figure of the rule %s can be read again", name)
        return reading

    def _held_until(self, kept: KeptRule) -> datetime | None:
        fired_at, silence = kept.state.fired_at, kept.silence
        again = None if fired_at is None else fired_at + timedelta(seconds=self._options.again_seconds)
        return max((moment for moment in (again, silence.until if silence else None) if moment), default=None)

    async def _fire(self, rule: AlertRule, state: RuleState, reading: Reading) -> None:
        alert = Alert(
            id=uuid4().hex,
            message=clip(rule.words(reading), AlertOptions().message_characters),
            level=rule.level,
            origin=BY_RULE,
            raised_by=SYSTEM,
            raised_at=self._clock.now(),
            rule=rule.name,
            value=reading.value,
            threshold=rule.threshold,
            unit=rule.unit,
        )
        if await self._book.fires(rule.name, replace(state, alert_id=alert.id), alert, self._messages.of(alert)):
            _log.warning("the rule %s raised alert %s: %s", rule.name, alert.id, alert.message)
            await self._alerts.announce(alert)

    async def _resolve(self, name: str, state: RuleState, before: KeptRule, now: datetime) -> None:
        messages = _none_of if before.is_silent(now) else self._messages.of
        alert = await self._book.resolves(name, state, before.state.alert_id, now, messages)
        if alert is not None:
            _log.warning("the rule %s ended alert %s", name, alert.id)
            await self._alerts.announce(alert)


def _none_of(alert: Alert) -> Sequence[AlertMessage]:
    """Of a rule that is silent nothing leaves."""
    return ()
