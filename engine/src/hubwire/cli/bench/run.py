"""The parent of a load test: starts the processes, leads them through the phases, gathers what they count.

Opens no connection itself. Phases: connect, warm-up, measure, drain, close.
"""

from __future__ import annotations

import multiprocessing
import secrets
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import cast

from hubwire.cli.bench.histogram import Histogram
from hubwire.cli.bench.process import main as work
from hubwire.cli.bench.scenario import Scenario
from hubwire.cli.bench.tally import Tally
from hubwire.cli.bench.traffic import Begin, Command, Counts, Farewell, Finish, Go, Hello, Progress, Ready, Report
from hubwire.clock import Clock, SystemClock

_WAIT_SECONDS = 0.2
_LEAD_NS = 200_000_000
"""Between an order and its time, so that it has arrived everywhere."""
_GIVE_UP_AFTER = 20
"""So many connections have failed and none has come about: the others will not either."""
_CLOSING_SECONDS = 20.0
_NS = 1_000_000_000


class Phase(StrEnum):
    """What the load test is doing."""

    STARTING = "starting"
    CONNECT = "connect"
    WARMUP = "warm-up"
    MEASURE = "measure"
    DRAIN = "drain"
    CLOSE = "close"


@dataclass(slots=True)
class Second:
    """What happened in one second, in all processes."""

    phase: Phase
    open: dict[int, int] = field(default_factory=dict)
    """Connections that were ready, by process."""
    counts: Counts = field(default_factory=Counts)
    """Of this second alone."""
    latency: Histogram = field(default_factory=Histogram)
    lag_us: int = 0


@dataclass(slots=True)
class Measurement:
    """Everything that was gathered."""

    counts: Counts = field(default_factory=Counts)
    expected: int = 0
    as_expected: int = 0
    """Of the arrivals those that were expected: of each connection no more than it should get."""
    open_at_end: int = 0
    connect: Histogram = field(default_factory=Histogram)
    connect_seconds: float = 0.0
    """From the first due connection to the last that was settled."""
    latency: Histogram = field(default_factory=Histogram)
    measured_seconds: float = 0.0
    errors: Tally = field(default_factory=Tally)
    farewells: list[Farewell] = field(default_factory=list)
    seconds: list[Second] = field(default_factory=list)
    was_released: bool = False
    """Whether the order to send, or to be idle for as long, was ever given."""
    is_interrupted: bool = False
    lost_processes: list[int] = field(default_factory=list)


class Interruption:
    """Ctrl-C and SIGTERM: once ends in order, twice at once."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals while inside."""

        def note(number: int, frame: FrameType | None) -> None:
            self.count += 1

        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Run:
    """One load test."""

    def __init__(
        self,
        scenario: Scenario,
        show: Callable[[Phase, float, Measurement], None],
        interruption: Interruption,
        clock: Clock | None = None,
    ) -> None:
        """Args:
        show: called about once a second with the phase and its age in seconds.
        """
        self._scenario = scenario
        self._show = show
        self._interruption = interruption
        self._clock: Clock = clock or SystemClock()
        self._pipes: dict[Connection, int] = {}
        self._processes: list[SpawnProcess] = []
        self._phase = Phase.STARTING
        self._phase_since_ns = self._now_ns()
        self._begin_ns = 0
        self._go: Go | None = None
        self._hellos = 0
        self._ready: dict[int, Ready] = {}
        self._last: dict[int, Progress] = {}
        self._measurement = Measurement()
        self._shown_ns = 0

    def run(self) -> Measurement:
        """Return what was measured, also when it was interrupted or a process was lost."""
        self._start()
        try:
            while len(self._measurement.farewells) + len(self._measurement.lost_processes) < len(self._processes):
                self._hear()
                self._lead()
                if self._interruption.count > 1:
                    break
        finally:
            self._end()
        return self._measurement

    # Processes

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        run = secrets.token_hex(4)
        for number in range(self._scenario.processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=work, args=(theirs, self._scenario, number, run), daemon=True)
            # What is ignored stays so in a new process: a Ctrl-C before it can say so itself would kill it.
            handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                process.start()
            finally:
                signal.signal(signal.SIGINT, handler)
            theirs.close()
            self._pipes[ours] = number
            self._processes.append(process)

    def _end(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        deadline = self._clock.monotonic() + (0 if self._interruption.count > 1 else 2)
        for process in self._processes:
            process.join(max(deadline - self._clock.monotonic(), 0))
            if process.is_alive():
                process.terminate()
                process.join()

    def _tell(self, command: Command) -> None:
        for pipe in self._pipes:
            try:
                pipe.send(command)
            except OSError:
                continue  # its end is noticed where we hear

    def _hear(self) -> None:
        for pipe in wait(list(self._pipes), timeout=_WAIT_SECONDS):
            pipe = cast("Connection", pipe)
            try:
                self._receive(cast("Report", pipe.recv()))
            except (EOFError, OSError):
                number = self._pipes.pop(pipe)
                if number not in {farewell.last.process for farewell in self._measurement.farewells}:
                    self._measurement.lost_processes.append(number)
                    self._measurement.errors.add("a process of ours was lost", f"process {number + 1}")
                    self._finish()

    def _receive(self, report: Report) -> None:
        measurement = self._measurement
        match report:
            case Hello():
                self._hellos += 1
            case Ready():
                self._ready[report.process] = report
            case Progress():
                self._note(report)
            case Farewell():
                self._note(report.last)
                measurement.connect.merge([report.connect])
                measurement.errors.merge(report.errors)
                measurement.farewells.append(report)

    def _note(self, progress: Progress) -> None:
        measurement = self._measurement
        before = self._last.get(progress.process)
        self._last[progress.process] = progress
        at = max(progress.second, 0) if self._begin_ns else 0
        while len(measurement.seconds) <= at:
            measurement.seconds.append(Second(self._phase))
        second = measurement.seconds[at]
        second.open[progress.process] = progress.open
        second.counts = second.counts.plus(progress.counts.minus(Counts() if before is None else before.counts))
        second.latency.merge([progress.latency])
        second.lag_us = max(second.lag_us, progress.lag_us)
        measurement.latency.merge([progress.latency])
        measurement.counts = Counts()
        measurement.open_at_end = 0
        for last in self._last.values():
            measurement.counts = measurement.counts.plus(last.counts)
            measurement.open_at_end += last.open
        self._compare()

    def _compare(self) -> None:
        """Hold what has arrived against what should follow from what was sent."""
        measurement = self._measurement
        received = measurement.counts.measured_received
        if per_answer := self._scenario.arrivals_per_answer:
            measurement.expected = measurement.counts.measured_sent * per_answer
            measurement.as_expected = min(received, measurement.expected)
            return
        members: Counter[int] = Counter()
        for ready in self._ready.values():
            members.update(ready.members)
        sent_to: Counter[int] = Counter()
        for last in self._last.values():
            sent_to.update(last.sent_to)
        measurement.expected = sum(count * members[audience] for audience, count in sent_to.items())
        measurement.as_expected = sum(
            connections * min(number, sent_to[audience])
            for last in self._last.values()
            for (audience, number), connections in last.arrivals.items()
        )

    # Phases

    def _lead(self) -> None:
        """Go on to the next phase when it is time."""
        now_ns = self._now_ns()
        counts = self._measurement.counts
        if self._interruption.count and self._phase is not Phase.CLOSE:
            self._measurement.is_interrupted = True
            self._finish()
        match self._phase:
            case Phase.STARTING if self._hellos == len(self._processes):
                self._begin_ns = now_ns + _LEAD_NS
                self._tell(Begin(self._begin_ns))
                self._enter(Phase.CONNECT)
            case Phase.CONNECT:
                if counts.failed >= _GIVE_UP_AFTER and not counts.connected:
                    self._finish()
                elif len(self._ready) == len(self._processes):
                    self._measure(now_ns)
            case Phase.WARMUP if self._go is not None and now_ns >= self._go.start_ns:
                self._enter(Phase.MEASURE)
            case Phase.MEASURE if self._go is not None and now_ns >= self._go.end_ns:
                self._enter(Phase.DRAIN)
            case Phase.DRAIN:
                all_sent = all(last.has_sent for last in self._last.values())
                is_done = all_sent and self._measurement.as_expected >= self._measurement.expected
                if is_done or now_ns >= self._phase_since_ns + self._scenario.drain * _NS:
                    self._finish()
            case Phase.CLOSE if now_ns >= self._phase_since_ns + _CLOSING_SECONDS * _NS:
                self._interruption.count = 2
            case _:
                pass
        if now_ns >= self._shown_ns + _NS:
            self._shown_ns = now_ns
            self._show(self._phase, (now_ns - self._phase_since_ns) / _NS, self._measurement)

    def _measure(self, now_ns: int) -> None:
        self._measurement.connect_seconds = max(now_ns - self._begin_ns, 0) / _NS
        if not any(ready.members for ready in self._ready.values()):
            self._finish()
            return
        warmup_ns = now_ns + _LEAD_NS
        start_ns = warmup_ns + int(self._scenario.warmup * _NS)
        self._go = Go(warmup_ns, start_ns, start_ns + int(self._scenario.duration * _NS))
        self._tell(self._go)
        self._measurement.was_released = True
        self._enter(Phase.WARMUP)

    def _finish(self) -> None:
        if self._phase is Phase.CLOSE:
            return
        if self._go is not None:
            until_ns = min(self._now_ns(), self._go.end_ns)
            self._measurement.measured_seconds = max(until_ns - self._go.start_ns, 0) / _NS
        elif not self._measurement.connect_seconds and self._begin_ns:
            self._measurement.connect_seconds = max(self._now_ns() - self._begin_ns, 0) / _NS
        self._tell(Finish())
        self._enter(Phase.CLOSE)

    def _now_ns(self) -> int:
        return int(self._clock.monotonic() * _NS)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._phase_since_ns = self._now_ns()
        self._shown_ns = 0
