"""Alerts as the book keeps them: who raised one, and what has become of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

LEVELS: Final = ("info", "warning", "error", "critical")
"""In rising order."""

FIRING: Final = "firing"
"""It was raised, and nobody has said anything about it."""
ACKNOWLEDGED: Final = "acknowledged"
"""Somebody takes care of it."""
RESOLVED: Final = "resolved"
"""It is over: by the figures of its rule, or by somebody's word where no rule watches."""

BY_RULE: Final = "rule"
BY_PERSON: Final = "person"
BY_SYSTEM: Final = "system"
BY_PUBLISHER: Final = "published"
"""One of the shop's own programs, by `/api/publish`."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One line of the book."""

    id: str
    """Names what it is about: raised twice under one id, it is one alert."""
    message: str
    level: str
    """One of `LEVELS`."""
    origin: str
    """`rule`, `person`, `system` or `published`."""
    raised_by: str
    """For people: a name, or `system`."""
    raised_at: datetime
    state: str = FIRING
    rule: str = ""
    """The rule that watches it; empty: none does."""
    value: float | None = None
    """What was measured when the rule raised it."""
    threshold: float | None = None
    unit: str = ""
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None


def is_at_least(level: str, least: str) -> bool:
    """Whether a level is that one or a higher one."""
    return LEVELS.index(level) >= LEVELS.index(least)
