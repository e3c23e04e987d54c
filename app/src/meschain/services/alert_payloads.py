"""Alerts and rules as they travel. Pure."""

from __future__ import annotations

from datetime import datetime

from meschain.domain.alert_rules import AlertRule
from meschain.domain.alerts import Alert
from meschain.domain.payloads import AlertRow, AlertRuleRow, SystemAlert
from meschain.services.alert_ports import KeptRule
from meschain.services.clock import iso_utc


def system_alert_of(alert: Alert) -> SystemAlert:
    """What pages are told."""
    return SystemAlert(
        id=alert.id,
        message=alert.message,
        level=alert.level,
        source=alert.raised_by,
        timestamp=iso_utc(alert.raised_at),
        state=alert.state,
        rule=alert.rule,
        acknowledged_by=alert.acknowledged_by,
    )


def row_of(alert: Alert) -> AlertRow:
    """A line of the book."""
    return AlertRow(
        id=alert.id,
        message=alert.message,
        level=alert.level,
        timestamp=iso_utc(alert.raised_at),
        source=alert.origin,
        raised_by=alert.raised_by,
        rule=alert.rule,
        state=alert.state,
        value=alert.value,
        threshold=alert.threshold,
        unit=alert.unit,
        acknowledged_by=alert.acknowledged_by,
        acknowledged_at=_iso(alert.acknowledged_at),
        resolved_at=_iso(alert.resolved_at),
    )


def rule_row_of(rule: AlertRule, kept: KeptRule, now: datetime) -> AlertRuleRow:
    """A rule with what it remembers; a silence that is over is none."""
    silence = kept.silence if kept.is_silent(now) else None
    return AlertRuleRow(
        name=rule.name,
        title=rule.title,
        unit=rule.unit,
        threshold=rule.threshold,
        clear_at=rule.clear_at,
        for_seconds=rule.for_seconds,
        level=rule.level,
        state=kept.state.word,
        value=kept.state.value,
        silenced_until=_iso(silence.until) if silence else None,
        silenced_by=silence.by if silence else "",
        silence_reason=silence.reason if silence else "",
    )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else iso_utc(moment)
