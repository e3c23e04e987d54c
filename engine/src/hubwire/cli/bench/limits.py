"""The language of limits: `latency.p99<50ms`, `lost==0`. Knows names of figures, not where they come from."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hubwire.cli.failures import UsageFailed


class Unit(StrEnum):
    """What a figure counts."""

    SECONDS = "s"
    COUNT = ""
    RATE = "/s"
    PERCENT = "%"


FIGURES: dict[str, tuple[Unit, str]] = {
    "latency.p50": (Unit.SECONDS, "from when a message was due to its arrival: half were faster"),
    "latency.p90": (Unit.SECONDS, "nine in ten were faster"),
    "latency.p99": (Unit.SECONDS, "99 of 100 were faster"),
    "latency.p99.9": (Unit.SECONDS, "999 of 1,000 were faster"),
    "latency.max": (Unit.SECONDS, "the slowest"),
    "connect.p50": (Unit.SECONDS, "from when a connection was due until it was ready: half were faster"),
    "connect.p90": (Unit.SECONDS, "nine in ten were faster"),
    "connect.p99": (Unit.SECONDS, "99 of 100 were faster"),
    "connect.max": (Unit.SECONDS, "the slowest"),
    "connect.rate": (Unit.RATE, "connections that became ready in a second"),
    "connected": (Unit.COUNT, "connections that came about"),
    "failed": (Unit.COUNT, "connections that did not"),
    "dropped": (Unit.COUNT, "connections that were lost afterwards"),
    "reconnects": (Unit.COUNT, "of those, how many came back"),
    "sent": (Unit.COUNT, "messages or calls sent"),
    "unsent": (Unit.COUNT, "messages that were due and could not be sent"),
    "sent.rate": (Unit.RATE, "messages or calls sent in a second of the measured time"),
    "expected": (Unit.COUNT, "arrivals that should follow from what was sent"),
    "received": (Unit.COUNT, "arrivals"),
    "received.rate": (Unit.RATE, "arrivals in a second of the measured time, the drain left out"),
    "lost": (
        Unit.COUNT,
        "expected and not arrived; not measured, so that no limit holds, when nothing was expected",
    ),
    "lost_percent": (Unit.PERCENT, "the same, of what was expected"),
    "surplus": (Unit.COUNT, "arrived and not expected: twice, or at a connection that should not have it"),
    "errors": (Unit.COUNT, "everything that went wrong, by kind in the report"),
    "generator.lag.p99": (Unit.SECONDS, "how late our own processes were: a large one spoils the other figures"),
}
"""Every figure that a limit may name, with its unit."""

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit, as it was written and as it is meant."""

    text: str
    figure: str
    comparison: str
    bound: float
    """In seconds, percent or a count."""

    def holds(self, value: float | None) -> bool:
        """Whether a figure keeps it; one that could not be measured does not."""
        return value is not None and _OPERATORS[self.comparison](value, self.bound)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a limit."""

    text: str
    measured: str
    passed: bool


def parse_limit(text: str) -> Limit:
    """Read one limit.

    Raises: UsageFailed.
    """
    compact = "".join(text.split())
    for comparison in _OPERATORS:  # the longer ones first
        figure, found, bound = compact.partition(comparison)
        if found:
            break
    else:
        raise UsageFailed(f"The limit {text!r} compares nothing; write it like latency.p99<50ms or lost==0.")
    if figure not in FIGURES:
        near = difflib.get_close_matches(figure, FIGURES, 1)
        hint = f"did you mean {near[0]}?" if near else f"name one of {', '.join(FIGURES)}."
        raise UsageFailed(f"The limit {text!r} names no figure; {hint}")
    return Limit(compact, figure, comparison, _bound(text, figure, bound))


def judge(limits: tuple[Limit, ...], figures: Mapping[str, float | None]) -> tuple[Verdict, ...]:
    """Return what became of each limit."""
    return tuple(
        Verdict(limit.text, shown(limit.figure, figures.get(limit.figure)), limit.holds(figures.get(limit.figure)))
        for limit in limits
    )


def shown(figure: str, value: float | None) -> str:
    """Return a figure for people."""
    if value is None:
        return "not measured"
    unit = FIGURES[figure][0]
    if unit is Unit.SECONDS:
        return duration(value)
    if unit is Unit.COUNT:
        return f"{value:,.0f}"
    return f"{value:,.1f}{unit}" if unit is Unit.RATE else f"{value:.3g} %"


def duration(seconds: float) -> str:
    """Return a duration with three digits and the unit that suits it."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} us"
    if seconds < 1:
        milliseconds = seconds * 1e3
        return f"{milliseconds:.{0 if milliseconds >= 100 else 1 if milliseconds >= 10 else 2}f} ms"
    return f"{seconds:.2f} s"


def _bound(text: str, figure: str, bound: str) -> float:
    unit = FIGURES[figure][0]
    number, factor = bound, 1.0
    if unit is Unit.SECONDS:
        for suffix in _SECONDS:
            if bound.endswith(suffix):
                number, factor = bound.removesuffix(suffix), _SECONDS[suffix]
                break
        else:
            raise UsageFailed(f"The limit {text!r} needs a unit: us, ms or s, like {figure}<50ms.")
    elif unit is not Unit.COUNT:
        number = bound.removesuffix(unit)
    try:
        value = float(number) * factor
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise UsageFailed(f"The limit {text!r} ends with {bound!r}; give a number from 0, like {_example(figure)}.")
    return value


def _example(figure: str) -> str:
    return f"{figure}<50ms" if FIGURES[figure][0] is Unit.SECONDS else f"{figure}<=10"
