"""What the parent of a load test and its processes tell each other, through pipes. Plain data, no behaviour."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field

from hubwire.cli.bench.histogram import Histogram
from hubwire.cli.bench.tally import Counted

# From the parent


@dataclass(frozen=True, slots=True)
class Begin:
    """Open connections; times are in nanoseconds of the monotonic clock, which all processes share."""

    at_ns: int


@dataclass(frozen=True, slots=True)
class Go:
    """Send, from `warmup_ns` until `end_ns`; what is due from `start_ns` on counts."""

    warmup_ns: int
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Finish:
    """Close everything, say what you have counted and end."""


Command = Begin | Go | Finish

# From a process


@dataclass(frozen=True, slots=True)
class Hello:
    """The process is there."""

    process: int


@dataclass(frozen=True, slots=True)
class Ready:
    """Every connection is there or has failed."""

    process: int
    members: Mapping[int, int]
    """How many connections are in each set of receivers."""


@dataclass(slots=True)
class Counts:
    """What one process has counted since it began."""

    connected: int = 0
    """Connections that came about."""
    failed: int = 0
    dropped: int = 0
    reconnects: int = 0
    sent: int = 0
    """Everything, with the warm-up."""
    received: int = 0
    measured_sent: int = 0
    """Of what counts."""
    measured_received: int = 0
    sent_in_time: int = 0
    """Of what counts, until the end of what is measured; the drain is left out."""
    received_in_time: int = 0
    unsent: int = 0
    errors: int = 0

    def plus(self, other: Counts) -> Counts:
        """Return the sum."""
        return Counts(*map(operator.add, astuple(self), astuple(other)))

    def minus(self, other: Counts) -> Counts:
        """Return the difference."""
        return Counts(*map(operator.sub, astuple(self), astuple(other)))


@dataclass(frozen=True, slots=True)
class Progress:
    """What happened in one process since its last report."""

    process: int
    second: int
    """Since the beginning, from 0, in which most of it happened."""
    open: int
    """Connections that are ready now."""
    counts: Counts
    latency: Histogram
    """Of the arrivals since the last report that count."""
    lag_us: int
    """The longest that this process was late since the last report."""
    has_sent: bool = False
    """Whether everything that was due is sent."""
    sent_to: Mapping[int, int] = field(default_factory=dict)
    """Measured messages for each set of receivers, from then on."""
    arrivals: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """From then on: how many connections of a set of receivers got so many measured messages, by set and number."""


@dataclass(frozen=True, slots=True)
class Generator:
    """How one process of ours fared."""

    process: int
    cpu_percent: float
    """Of one core, while it was measured."""
    memory_bytes: int
    """At most."""
    lag: Histogram
    """How late it was."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """The last words of a process."""

    last: Progress
    connect: Histogram
    errors: Mapping[str, Counted]
    generator: Generator


Report = Hello | Ready | Progress | Farewell
