"""What the settings say of alerts: changes to rules, and receivers of webhooks. Checked by `settings`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from meschain.domain.alert_rules import RULES, AlertRule

Level = Literal["info", "warning", "error", "critical"]


class AlertRuleSettings(BaseModel):
    """What of a rule is another than by default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    """Whether it watches at all."""
    threshold: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """The figure from which on something is wrong, in the rule's unit."""
    clear_at: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """The figure, below the threshold, at which it is over. None: the same share of the threshold as by default."""
    for_seconds: float | None = Field(default=None, ge=0, le=86_400)
    """How long the figure has to stand there, for either."""
    level: Level | None = None
    """Of its alerts."""


class AlertWebhook(BaseModel):
    """An address that hears of alerts."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    """Address of the receiver, http or https."""
    secret: SecretStr
    """Signs our requests, so that the receiver can tell them from others; random, at least 32 characters."""


def changed_rules(changes: Mapping[str, AlertRuleSettings]) -> Mapping[str, AlertRule]:
    """The rules that watch, with these changes. Raises: ValueError naming the rule that cannot be."""
    for name in changes:
        if name not in RULES:
            raise ValueError(f"there is no rule {name!r}; they are {', '.join(RULES)}")
    rules: dict[str, AlertRule] = {}
    for name, rule in RULES.items():
        change = changes.get(name, AlertRuleSettings())
        if change.enabled:
            rules[name] = _changed(rule, change)
    return rules


def _changed(rule: AlertRule, change: AlertRuleSettings) -> AlertRule:
    threshold = rule.threshold if change.threshold is None else change.threshold
    clear_at = threshold * rule.clear_at / rule.threshold if change.clear_at is None else change.clear_at
    if clear_at >= threshold:
        raise ValueError(f"clear_at of the rule {rule.name} is not below its threshold, {threshold:g}; lower it")
    return replace(
        rule,
        threshold=threshold,
        clear_at=clear_at,
        for_seconds=rule.for_seconds if change.for_seconds is None else change.for_seconds,
        level=change.level or rule.level,
    )
