"""What administrators do with the book: look, acknowledge, resolve, silence a rule; each act is audited.

Whoever calls has checked that the person may. Knows no route and no table.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from meschain.domain.alert_rules import AlertRule
from meschain.domain.alerts import ACKNOWLEDGED, RESOLVED, Alert
from meschain.domain.payloads import AlertBookAnswer, AlertRow, AlertRuleRow
from meschain.domain.roles import Identity
from meschain.services.alert_payloads import row_of, rule_row_of
from meschain.services.alert_ports import AlertBook, KeptRule, Silence
from meschain.services.alerts import AlertService
from meschain.services.errors import AlertRefused, AlertStands, AlertUnknown, Refused
from meschain.services.options import AlertOptions
from meschain.services.ports import AuditStore, Clock
from meschain.services.text import cleaned

T = TypeVar("T")

_ATTEMPTS = 3
"""Of a change beside somebody else's; each needs one more of them at the same moment."""


class AlertAdministration:
    """The use cases.

    Args:
        rules: those that watch, by name.
    """

    def __init__(
        self,
        *,
        book: AlertBook,
        rules: Mapping[str, AlertRule],
        alerts: AlertService,
        audit: AuditStore,
        clock: Clock,
        options: AlertOptions | None = None,
    ) -> None:
        self._book = book
        self._rules = rules
        self._alerts = alerts
        self._audit = audit
        self._clock = clock
        self._options = options or AlertOptions()

    async def list(self, limit: int | None = None) -> AlertBookAnswer:
        """The newest alerts, a page of them, and every rule that watches."""
        wanted = self._options.page if limit is None else limit
        alerts = await self._book.latest(max(1, min(wanted, self._options.largest_page)))
        kept, now = await self._book.rules(), self._clock.now()
        return AlertBookAnswer(
            alerts=[row_of(alert) for alert in alerts],
            rules=[rule_row_of(rule, kept.get(name, KeptRule()), now) for name, rule in self._rules.items()],
        )

    async def acknowledge(self, who: Identity, alert_id: str) -> AlertRow:
        """Somebody takes care of it; that is said once, and stays whoever says it again.

        Raises: AlertUnknown; AlertStands when it is over.
        """

        def acknowledged(alert: Alert) -> Alert | None:
            if alert.state == RESOLVED:
                raise AlertStands("The alert is over; there is nothing to acknowledge.")
            if alert.state == ACKNOWLEDGED:
                return None
            name = who.name[: self._options.source_characters]
            return replace(alert, state=ACKNOWLEDGED, acknowledged_by=name, acknowledged_at=self._clock.now())

        return await self._audited(who, "AcknowledgeAlert", {"alert": alert_id}, self._change(alert_id, acknowledged))

    async def resolve(self, who: Identity, alert_id: str) -> AlertRow:
        """It is over, says somebody. Raises: AlertUnknown; AlertStands when its rule decides that."""

        def resolved(alert: Alert) -> Alert | None:
            if alert.rule in self._rules:
                raise AlertStands(
                    f"The rule {alert.rule} watches it, and ends it; silence the rule, or acknowledge it."
                )
            return None if alert.state == RESOLVED else replace(alert, state=RESOLVED, resolved_at=self._clock.now())

        return await self._audited(who, "ResolveAlert", {"alert": alert_id}, self._change(alert_id, resolved))

    async def silence(self, who: Identity, rule: str, minutes: int, reason: str) -> AlertRuleRow:
        """The rule raises and sends nothing for so long; what is wrong after that is told then.

        Raises: AlertUnknown; AlertRefused for a time that is too long or no time.
        """
        words = cleaned(reason)
        details = {"rule": rule, "minutes": minutes, "reason": words[: self._options.reason_characters]}

        async def silenced() -> AlertRuleRow:
            if not 0 < minutes <= self._options.longest_silence_minutes:
                raise AlertRefused(f"Silence a rule for 1 to {self._options.longest_silence_minutes} minutes.")
            if len(words) > self._options.reason_characters:
                raise AlertRefused(f"A reason has at most {self._options.reason_characters} characters.")
            name = who.name[: self._options.source_characters]
            until = self._clock.now() + timedelta(minutes=minutes)
            return await self._silence(rule, Silence(until, name, words))

        return await self._audited(who, "SilenceAlertRule", details, silenced())

    async def end_silence(self, who: Identity, rule: str) -> AlertRuleRow:
        """The rule speaks again. Raises: AlertUnknown."""
        return await self._audited(who, "EndAlertRuleSilence", {"rule": rule}, self._silence(rule, None))

    async def _silence(self, name: str, silence: Silence | None) -> AlertRuleRow:
        rule = self._rules.get(name)
        if rule is None:
            raise AlertUnknown(f"There is no such rule; they are {', '.join(self._rules)}.")
        await self._book.silence(name, silence)
        return rule_row_of(rule, (await self._book.rules()).get(name, KeptRule()), self._clock.now())

    async def _change(self, alert_id: str, change: Callable[[Alert], Alert | None]) -> AlertRow:
        """Store what `change` makes of it, as it is at that moment; None: it stays."""
        for _ in range(_ATTEMPTS):
            alert = await self._book.get(alert_id)
            if alert is None:
                raise AlertUnknown("There is no such alert; it may be older than the book keeps them.")
            changed = change(alert)
            if changed is None:
                return row_of(alert)
            if await self._alerts.change(changed, alert.state):
                return row_of(changed)
        raise AlertStands("Somebody else changes the alert at this moment; look again.")

    async def _audited(self, who: Identity, action: str, details: Mapping[str, object], act: Awaitable[T]) -> T:
        try:
            result = await act
        except Refused as refused:
            await self._audit.add(who.user_id, action, details, f"refused: {refused}")
            raise
        await self._audit.add(who.user_id, action, details, "ok")
        return result
