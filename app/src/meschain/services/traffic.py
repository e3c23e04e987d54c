"""What our own HTTP and hub layers did over a sliding window: counts and a histogram per second, in fixed memory.

The HTTP middleware and the hubs' observer feed it by `record`. It knows neither the engine nor any server; its memory
is `window_seconds` times the number of histogram buckets, whatever the traffic. Several processes of one service give
each other their `numbers`, which `ServiceTraffic` adds up: percentiles from the summed histogram, so they are no means
of percentiles.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from meschain.services.ports import Clock, StoredConnections, WindowFigures

CONNECTION_EVENTS: Final = "connection events"
"""Source of a number of connections that were counted by what was told of them."""

_SMALLEST_SECONDS: Final = 0.0001
_GROWTH: Final = 1.15
"""Each bucket is 15 % wider than the one before, so that a percentile is off by less than that."""
_BUCKETS: Final = 96
"""0.1 ms x 1.15^95 is about a minute; what takes longer falls into the last one."""

_BUCKET: Final = "bucket."

BOUNDS: Final = tuple(_SMALLEST_SECONDS * _GROWTH**index for index in range(_BUCKETS - 1))
"""Upper bounds of all buckets but the last."""


class _Second:
    """What happened in one second."""

    __slots__ = ("buckets", "failures", "requests", "stamp")

    def __init__(self) -> None:
        self.stamp = -1
        self.requests = 0
        self.failures = 0
        self.buckets = array("L", bytes(array("L").itemsize * _BUCKETS))

    def restart(self, stamp: int) -> None:
        self.stamp = stamp
        self.requests = 0
        self.failures = 0
        for index in range(_BUCKETS):
            self.buckets[index] = 0


class SlidingWindow:
    """What one process saw."""

    def __init__(self, clock: Clock, window_seconds: int = 60) -> None:
        if window_seconds < 1:
            raise ValueError(f"a window of {window_seconds} s is too short; set window_seconds to 1 or more")
        self._clock = clock
        self._window_seconds = window_seconds
        self._seconds = [_Second() for _ in range(window_seconds)]
        self._started = clock.monotonic()
        self._connections: Callable[[], int] = lambda: 0

    @property
    def window_seconds(self) -> int:
        """How far it looks back."""
        return self._window_seconds

    def record(self, seconds: float, failed: bool) -> None:
        """An HTTP request was answered or a hub method ran; `failed` when the fault was ours."""
        slot = self._current()
        slot.requests += 1
        slot.failures += failed
        slot.buckets[bisect_left(BOUNDS, seconds)] += 1

    def count_connections_by(self, count: Callable[[], int]) -> None:
        """Ask this for the number of open connections; without it there are none."""
        self._connections = count

    def figures(self) -> WindowFigures:
        """Those of this process."""
        return summed([self.numbers()], self._window_seconds)

    def numbers(self) -> dict[str, float]:
        """What happened in this process, by name: what `summed` takes. At most a hundred names, as few as can be."""
        now = self._clock.monotonic()
        newest = int(now)
        requests = failures = 0
        totals = [0] * _BUCKETS
        for slot in self._seconds:
            if newest - self._window_seconds < slot.stamp <= newest and slot.requests:
                requests += slot.requests
                failures += slot.failures
                for index, count in enumerate(slot.buckets):
                    totals[index] += count
        # A server younger than its window has a rate over its life; under a second that would be a wild number.
        covered = min(float(self._window_seconds), max(1.0, now - self._started))
        return {
            "requests": requests,
            "failures": failures,
            "per_second": requests / covered,
            "connections": self._connections(),
            "uptime": now - self._started,
            **{f"{_BUCKET}{index}": count for index, count in enumerate(totals) if count},
        }

    def _current(self) -> _Second:
        stamp = int(self._clock.monotonic())
        slot = self._seconds[stamp % self._window_seconds]
        if slot.stamp != stamp:
            slot.restart(stamp)
        return slot


class ServiceTraffic:
    """The `TrafficMeter`, of the whole service: this process as of now, the others as they last told.

    Args:
        others: Gives the `numbers` of each other process that lives.
        stored: Knows the connections where no process holds them itself. None: each counts its own.
    """

    def __init__(
        self,
        window: SlidingWindow,
        others: Callable[[], Iterable[Mapping[str, float]]],
        stored: StoredConnections | None = None,
    ) -> None:
        self._window = window
        self._others = others
        self._stored = stored

    async def figures(self) -> WindowFigures:
        figures = summed([self._window.numbers(), *self._others()], self._window.window_seconds)
        if self._stored is None:
            return figures
        return replace(figures, connections=await self._stored.count(), connections_source=CONNECTION_EVENTS)


def summed(processes: Sequence[Mapping[str, float]], window_seconds: int) -> WindowFigures:
    """The figures of these processes together. Percentiles are 0 while nothing was measured."""
    totals = [0] * _BUCKETS
    for numbers in processes:
        for name, count in numbers.items():
            if name.startswith(_BUCKET):
                index = int(name.removeprefix(_BUCKET))
                if index < _BUCKETS:  # a process of another version may have more
                    totals[index] += int(count)

    def total(name: str) -> float:
        return sum(numbers.get(name, 0) for numbers in processes)

    return WindowFigures(
        requests=int(total("requests")),
        failures=int(total("failures")),
        p50_seconds=_percentile(totals, 0.50),
        p95_seconds=_percentile(totals, 0.95),
        per_second=total("per_second"),
        window_seconds=float(window_seconds),
        connections=int(total("connections")),
        uptime_seconds=max((numbers.get("uptime", 0.0) for numbers in processes), default=0.0),
    )


def _percentile(totals: list[int], share: float) -> float:
    """The value below which that share lies, on a straight line within its bucket."""
    count = sum(totals)
    if count == 0:
        return 0.0
    rank = share * count
    seen = 0
    for index, inside in enumerate(totals):
        if inside and seen + inside >= rank:
            low = BOUNDS[index - 1] if index else 0.0
            if index == len(BOUNDS):
                return low  # the last bucket has no upper end
            return low + (BOUNDS[index] - low) * (rank - seen) / inside
        seen += inside
    return BOUNDS[-1]
