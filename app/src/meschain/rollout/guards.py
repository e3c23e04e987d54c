"""Whether green does so much worse than blue that a roll-out has to stop, or to go back. Figures in, verdict out.

A figure has to stand above its level at several looks, and one that only wavers around it is not forgotten before it
has come down to half: so neither a single hiccup decides, nor does a fault hide between two hiccups.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from meschain.services.options import GuardOptions


@dataclass(frozen=True, slots=True)
class SideHealth:
    """How one side did over the window. None: too little happened to say."""

    connects_failed: float | None = None
    """Percent."""
    errors: float | None = None
    """Percent."""
    latency_ms: float | None = None
    """95th percentile."""


class Action(enum.StrEnum):
    """What a guard wants."""

    HOLD = "hold"
    ROLL_BACK = "rollback"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done, and why; no action: nothing, or not yet."""

    action: Action | None = None
    reason: str = ""
    """Also without an action, while something begins to look wrong."""


@dataclass(slots=True)
class Trigger:
    """Fires when a value was at the level or above at so many looks, without having come down to half in between."""

    level: float
    needed: int
    _seen: int = field(default=0, init=False)

    def look(self, value: float | None) -> bool:
        """None: nothing was seen, and looks in a row begin anew."""
        if value is None:
            self._seen = 0
            return False
        if value >= self.level:
            self._seen += 1
        elif value <= self.level / 2:
            self._seen = 0
        return value >= self.level and self._seen >= self.needed

    @property
    def is_suspicious(self) -> bool:
        """Whether it has seen something that it has not forgotten."""
        return self._seen > 0


_CONNECTS: Final = "connects that failed"
_ERRORS: Final = "calls and sends that failed"
_LATENCY: Final = "time to a client"


class Guard:
    """Judges one version of a plan; another version is judged by another."""

    def __init__(self, options: GuardOptions | None = None) -> None:
        self._options = options or GuardOptions()
        needed = self._options.looks
        self._triggers: Mapping[tuple[Action, str], Trigger] = {
            (Action.ROLL_BACK, _CONNECTS): Trigger(self._options.rollback_connects, needed),
            (Action.ROLL_BACK, _ERRORS): Trigger(self._options.rollback_errors, needed),
            (Action.ROLL_BACK, _LATENCY): Trigger(self._options.rollback_latency_ms, needed),
            (Action.HOLD, _CONNECTS): Trigger(self._options.hold_connects, needed),
            (Action.HOLD, _ERRORS): Trigger(self._options.hold_errors, needed),
            (Action.HOLD, _LATENCY): Trigger(self._options.hold_latency_ms, needed),
        }

    def judge(self, blue: SideHealth, green: SideHealth) -> Verdict:
        """Look once. What is wrong with both sides is not green's fault: what counts is how much worse it does."""
        worse = {
            _CONNECTS: _excess(green.connects_failed, _connects(blue.connects_failed)),
            _ERRORS: _excess(green.errors, blue.errors),
            _LATENCY: _excess(green.latency_ms, blue.latency_ms),
        }
        fired = [key for key, trigger in self._triggers.items() if trigger.look(worse[key[1]])]
        if fired:
            action, what = fired[0]  # those that go back stand first
            return Verdict(action, _sentence(what, blue, green))
        suspicious = [what for (_, what), trigger in self._triggers.items() if trigger.is_suspicious]
        return Verdict(None, _sentence(suspicious[0], blue, green) if suspicious else "")


_ALL: Final = 100.0


def _connects(percent: float | None) -> float | None:
    """A side to which no connect succeeds is not reached from here at all, and measures nothing."""
    return None if percent == _ALL else percent


def _excess(green: float | None, blue: float | None) -> float | None:
    return None if green is None else green - (blue or 0.0)


def _sentence(what: str, blue: SideHealth, green: SideHealth) -> str:
    values = {
        _CONNECTS: (green.connects_failed, blue.connects_failed, "%"),
        _ERRORS: (green.errors, blue.errors, "%"),
        _LATENCY: (green.latency_ms, blue.latency_ms, "ms"),
    }
    on_green, on_blue, unit = values[what]
    return f"{what}: {_number(on_green)} {unit} on green, {_number(on_blue)} {unit} on blue"


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.0f}"
