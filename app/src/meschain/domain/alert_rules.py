"""Rules over figures: when one raises its alert, and when that is over. Pure: time is an argument, figures are given.

A figure has to stand at the threshold, or above it, for a while before its alert is raised, and at `clear_at` or below
it for as long before it is over; in between nothing changes. After an alert was raised the same rule raises no other
for some time. So neither a spike nor a figure that goes up and down makes many alerts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One rule; more is worse."""

    name: str
    title: str
    """For people, before the figure."""
    unit: str
    """Empty: it either holds or does not, and the figure is 1 or 0."""
    threshold: float
    clear_at: float
    """Below the threshold."""
    for_seconds: float
    level: str

    def words(self, reading: Reading) -> str:
        """The message of its alert."""
        about = f" ({reading.about})" if reading.about else ""
        if not self.unit or reading.value is None:
            return f"{self.title}{about}"
        return f"{self.title}{about}: {reading.value:.10g} {self.unit}, the limit is {self.threshold:.10g}"


RULES: Final[Mapping[str, AlertRule]] = {
    rule.name: rule
    for rule in (
        # Every twentieth answer: more than the odd deadlock, long before all of a page's requests fail.
        AlertRule("error_rate", "Requests that failed", "%", 5.0, 2.0, 120.0, "error"),
        # People notice a second; at two they wait.
        AlertRule("response_time", "Slowest 5 % of the answers took at least", "ms", 2000.0, 1000.0, 300.0, "warning"),
        # Half a minute: a restart of the server is over by then.
        AlertRule("database_down", "The shop's database does not answer", "", 1.0, 0.0, 30.0, "critical"),
        # Four rounds of probes.
        AlertRule("probe_down", "Probed addresses that do not answer", "probes", 1.0, 0.0, 120.0, "error"),
        # A shop that syncs every night has one within a day.
        AlertRule("sync_stale", "Time since the last successful sync", "h", 26.0, 24.0, 0.0, "warning"),
        # As many as the panel lists of a marketplace: from there on nobody sees all of them.
        AlertRule("stock_low", "Products short of stock", "products", 50.0, 40.0, 600.0, "warning"),
        # A batch is 100; what waits longer than the time below is not on its way.
        AlertRule("webhook_backlog", "Webhooks that wait to be worked on", "webhooks", 500.0, 100.0, 300.0, "error"),
        # A fifth is left, for the reconnects of those who are in.
        AlertRule("connections", "Open connections, of those that fit", "%", 80.0, 70.0, 60.0, "warning"),
    )
}
"""All there are, by name, with their defaults."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a figure says."""

    value: float | None
    """None: there is nothing to measure, so that nothing is wrong."""
    about: str = ""
    """What of many it concerns, for people."""


@dataclass(frozen=True, slots=True)
class RuleState:
    """What a rule remembers from one look to the next, over restarts."""

    alert_id: str = ""
    """Of the alert that stands; empty: none does."""
    since: datetime | None = None
    """Since when the figure says without a break that the alert is due, or that it is over; None: it does not."""
    fired_at: datetime | None = None
    """When it raised an alert last."""
    is_known: bool = False
    """Whether the figure could be read at the last look."""
    value: float | None = None
    """What it said then."""

    @property
    def word(self) -> str:
        """`ok`, `pending`, `firing`, or `unknown` while the figure cannot be read and no alert stands."""
        if self.alert_id:
            return "firing"
        if not self.is_known:
            return "unknown"
        return "pending" if self.since is not None else "ok"


class Verdict(Enum):
    """What a look at a figure comes to."""

    NOTHING = "nothing"
    FIRES = "fires"
    RESOLVES = "resolves"


def judge(
    rule: AlertRule, state: RuleState, reading: Reading | None, now: datetime, held_until: datetime | None
) -> tuple[RuleState, Verdict]:
    """The state after this look, and what it comes to; whoever is told that it fires sets the alert's id.

    Args:
        reading: None: the figure cannot be read, which says nothing: an alert that stands goes on, and none is raised.
        held_until: until then none is raised; it is when the figure still says so.
    """
    if reading is None:
        return replace(state, is_known=False, value=None), Verdict.NOTHING
    value = reading.value
    known = replace(state, is_known=True, value=value)
    if state.alert_id:
        points_on = value is None or value <= rule.clear_at
    else:
        points_on = value is not None and value >= rule.threshold
    if not points_on:
        return replace(known, since=None), Verdict.NOTHING
    # A clock that was set back must not make it wait for the time to come round again.
    since = now if state.since is None else min(state.since, now)
    is_due = now - since >= timedelta(seconds=rule.for_seconds)
    if state.alert_id:
        return (replace(known, alert_id="", since=None), Verdict.RESOLVES) if is_due else _waits(known, since)
    if not is_due or (held_until is not None and now < held_until):
        return _waits(known, since)
    return replace(known, since=None, fired_at=now), Verdict.FIRES


def _waits(state: RuleState, since: datetime) -> tuple[RuleState, Verdict]:
    return replace(state, since=since), Verdict.NOTHING
