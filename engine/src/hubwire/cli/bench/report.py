"""The result of a load test as plain data, for JSON, the page and the terminal. Knows how nothing is drawn."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from hubwire.cli.bench.histogram import Histogram
from hubwire.cli.bench.limits import Verdict, judge
from hubwire.cli.bench.run import Measurement
from hubwire.cli.bench.scenario import Scenario
from hubwire.cli.bench.target import shown_url
from hubwire.cli.failures import ExitCode

VERSION = 1
"""Of the JSON report. Fields are added without a new one, never renamed."""
BUSY_PERCENT = 85.0
LATE_SECONDS = 0.020
"""From here on our own processes spoil the figures."""
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}


@dataclass(frozen=True, slots=True)
class Row:
    """One second. Durations are in seconds, None without any arrival."""

    second: int
    phase: str
    open: int
    sent: int
    received: int
    dropped: int
    errors: int
    latency_p50: float | None
    latency_p99: float | None
    latency_max: float | None
    lag_max: float


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """A kind of error."""

    kind: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class GeneratorFigures:
    """One of our own processes."""

    process: int
    cpu_percent: float
    memory_bytes: int
    lag_p99: float | None
    lag_max: float


@dataclass(frozen=True, slots=True)
class BenchReport:
    """Everything."""

    version: int
    hubwire: str
    started_at: str
    machine: Mapping[str, str | int]
    url: str
    scenario: Mapping[str, object]
    figures: Mapping[str, float | None]
    """Every figure that a limit may name; durations in seconds."""
    measured_seconds: float
    series: tuple[Row, ...]
    errors: tuple[ErrorKind, ...]
    generators: tuple[GeneratorFigures, ...]
    warnings: tuple[str, ...]
    limits: tuple[Verdict, ...]
    passed: bool
    released: bool
    """Whether the load ever began; without it nothing was measured but the connecting."""
    interrupted: bool
    exit_code: int

    def to_json(self) -> bytes:
        """Return the report as a JSON file."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def build(scenario: Scenario, measured: Measurement, started_at: datetime) -> BenchReport:
    """Return the report of a measurement."""
    figures = _figures(scenario, measured)
    verdicts = judge(scenario.limits, figures)
    passed = all(verdict.passed for verdict in verdicts)
    generators = tuple(_generators(measured))
    return BenchReport(
        version=VERSION,
        hubwire=importlib.metadata.version("hubwire"),
        started_at=started_at.astimezone(UTC).isoformat(timespec="seconds"),
        machine={
            "system": f"{platform.system()} {platform.release()}",
            "python": platform.python_version(),
            "processor": platform.machine(),
            "cores": os.cpu_count() or 0,
        },
        url=shown_url(scenario.url),
        scenario=_described(scenario),
        figures=figures,
        measured_seconds=round(measured.measured_seconds, 3),
        series=tuple(_rows(measured)),
        errors=tuple(
            ErrorKind(kind, counted.count, counted.example)
            for kind, counted in sorted(measured.errors.kinds.items(), key=lambda item: -item[1].count)
        ),
        generators=generators,
        warnings=tuple(_warnings(scenario, measured, generators)),
        limits=verdicts,
        passed=passed,
        released=measured.was_released,
        interrupted=measured.is_interrupted,
        exit_code=_exit_code(measured, passed),
    )


def _exit_code(measured: Measurement, passed: bool) -> int:
    if measured.is_interrupted:
        return ExitCode.INTERRUPTED
    if measured.lost_processes or not measured.counts.connected or not measured.was_released:
        return ExitCode.UNREACHABLE
    return ExitCode.DONE if passed else ExitCode.LIMITS_FAILED


def _figures(scenario: Scenario, measured: Measurement) -> dict[str, float | None]:
    counts = measured.counts
    seconds = measured.measured_seconds
    lost = _lost(scenario, measured)
    lag = Histogram().merge(farewell.generator.lag for farewell in measured.farewells)
    return {
        **_quantiles("latency", measured.latency),
        **{name: value for name, value in _quantiles("connect", measured.connect).items() if name != "connect.p99.9"},
        "connect.rate": counts.connected / measured.connect_seconds if measured.connect_seconds else None,
        "connected": counts.connected,
        "failed": counts.failed,
        "dropped": counts.dropped,
        "reconnects": counts.reconnects,
        "sent": counts.measured_sent,
        "unsent": counts.unsent,
        "sent.rate": counts.sent_in_time / seconds if seconds else None,
        "expected": measured.expected,
        "received": counts.measured_received,
        "received.rate": counts.received_in_time / seconds if seconds else None,
        "lost": lost,
        "surplus": None if measured.lost_processes else counts.measured_received - measured.as_expected,
        "lost_percent": None if lost is None else 100 * lost / measured.expected if measured.expected else 0.0,
        "errors": measured.errors.total,
        "generator.lag.p99": _seconds(lag.quantile(0.99)),
    }


def _lost(scenario: Scenario, measured: Measurement) -> int | None:
    """None: nothing was expected, though something should have been sent; or it is not known what."""
    if measured.lost_processes or (scenario.call is not None and not measured.expected):
        return None
    return measured.expected - measured.as_expected


def _quantiles(name: str, histogram: Histogram) -> dict[str, float | None]:
    values = {f"{name}.{label}": _seconds(histogram.quantile(fraction)) for label, fraction in QUANTILES.items()}
    return values | {f"{name}.max": _seconds(histogram.maximum) if histogram.count else None}


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / 1e6


def _rows(measured: Measurement) -> list[Row]:
    rows: list[Row] = []
    is_open: dict[int, int] = {}
    for number, second in enumerate(measured.seconds):
        is_open |= second.open  # a process that said nothing in this second has as many as before
        latency = second.latency
        rows.append(
            Row(
                second=number,
                phase=second.phase,
                open=sum(is_open.values()),
                sent=second.counts.sent,
                received=second.counts.received,
                dropped=second.counts.dropped,
                errors=second.counts.errors,
                latency_p50=_seconds(latency.quantile(0.5)),
                latency_p99=_seconds(latency.quantile(0.99)),
                latency_max=_seconds(latency.maximum) if latency.count else None,
                lag_max=second.lag_us / 1e6,
            )
        )
    return rows


def _generators(measured: Measurement) -> list[GeneratorFigures]:
    return [
        GeneratorFigures(
            generator.process,
            round(generator.cpu_percent, 1),
            generator.memory_bytes,
            _seconds(generator.lag.quantile(0.99)),
            generator.lag.maximum / 1e6,
        )
        for generator in sorted((each.generator for each in measured.farewells), key=lambda each: each.process)
    ]


def _warnings(scenario: Scenario, measured: Measurement, generators: tuple[GeneratorFigures, ...]) -> list[str]:
    warnings = []
    if any(each.cpu_percent > BUSY_PERCENT or (each.lag_p99 or 0.0) > LATE_SECONDS for each in generators):
        warnings.append(
            "The load generator was itself a bottleneck: a process of it used its whole core or was late. "
            "The server may be faster than these figures say; give more --processes, or another machine."
        )
    if measured.is_interrupted:
        warnings.append("Interrupted: these figures are of the time until then.")
    if measured.lost_processes:
        numbers = ", ".join(str(number + 1) for number in measured.lost_processes)
        warnings.append(f"Processes of the load generator were lost ({numbers}); their figures are missing.")
    if measured.expected and not measured.counts.measured_received and not measured.errors.total:
        warnings.append(
            f"Nothing arrived, without an error. Does {scenario.call.method if scenario.call else 'the method'!r} send "
            "the text that it is given on to clients? See --method, --arguments and --target."
        )
    if scenario.call is not None and measured.was_released and not measured.expected:
        warnings.append(
            "No arrival was expected: nothing was sent while it was measured, or nobody was there to receive it. "
            "Give more --rate or --duration."
        )
    surplus = measured.counts.measured_received - measured.as_expected
    if surplus and not measured.lost_processes:
        warnings.append(
            f"{surplus:,} arrivals were not expected: messages came twice, or at connections that they were not for or "
            "that were not there when the load began. They count as received and in the latencies, and make up for "
            "nothing that is lost. Does the method send to more than --load says?"
        )
    return warnings


def _described(scenario: Scenario) -> dict[str, object]:
    """What was done, without anything secret."""
    call = scenario.call
    return {
        "load": scenario.load.value,
        "method": None if call is None else call.method,
        "connections": scenario.connections,
        "senders": scenario.sender_count,
        "rate": scenario.rate,
        "size": scenario.size,
        "groups": scenario.groups,
        "users": scenario.user_count,
        "items": scenario.items,
        "transports": list(scenario.transports),
        "protocols": list(scenario.protocols),
        "skip_negotiation": scenario.skip_negotiation,
        "ramp": scenario.ramp,
        "warmup": scenario.warmup,
        "duration": scenario.duration,
        "processes": scenario.processes,
        "reconnect": scenario.reconnect,
        "limits": [limit.text for limit in scenario.limits],
    }
