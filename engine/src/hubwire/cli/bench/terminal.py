"""What a load test says on the terminal: progress while it runs, then the result. Measures nothing."""

from __future__ import annotations

import shutil
from typing import TextIO

from hubwire.cli.bench.histogram import Histogram
from hubwire.cli.bench.limits import duration, shown
from hubwire.cli.bench.report import BenchReport
from hubwire.cli.bench.run import Measurement, Phase
from hubwire.cli.bench.scenario import Scenario


class Progress:
    """One line, written over itself on a terminal, line by line elsewhere."""

    __slots__ = ("_is_quiet", "_scenario", "_stream", "_width")

    def __init__(self, scenario: Scenario, stream: TextIO, *, is_quiet: bool) -> None:
        self._scenario = scenario
        self._stream = stream
        self._is_quiet = is_quiet
        self._width = 0

    def show(self, phase: Phase, age_seconds: float, measured: Measurement) -> None:
        """Say what is happening."""
        if self._is_quiet:
            return
        line = progress_line(self._scenario, phase, age_seconds, measured)
        if self._stream.isatty():
            line = line[: shutil.get_terminal_size().columns - 1]
            self._stream.write(f"\r{line:<{self._width}}")
            self._width = len(line)
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()

    def end(self) -> None:
        """Leave the line behind."""
        if self._width:
            self._stream.write("\n")
            self._width = 0


def progress_line(scenario: Scenario, phase: Phase, age_seconds: float, measured: Measurement) -> str:
    """Return what one second's line says."""
    counts = measured.counts
    parts = [f"{phase.value:<8}"]
    trouble = [
        f"{measured_count:,} {word}"
        for word, measured_count in (("dropped", counts.dropped), ("errors", counts.errors))
        if measured_count
    ]
    match phase:
        case Phase.STARTING | Phase.CLOSE:
            pass
        case Phase.CONNECT:
            parts.append(f"{counts.connected:,} of {scenario.connections:,} connections")
            if counts.failed:
                parts.append(f"{counts.failed:,} failed")
        case _:
            whole = {Phase.WARMUP: scenario.warmup, Phase.MEASURE: scenario.duration}.get(phase, scenario.drain)
            parts.append(f"{max(min(age_seconds, whole), 0):.0f}/{whole:g} s")
            parts.append(f"{measured.open_at_end:,} open")
            if scenario.call is not None:
                complete = [each for each in measured.seconds[-2:] if len(each.open) == scenario.processes]
                for second in complete[-1:]:
                    parts.append(f"sent {second.counts.sent:,}/s")
                    parts.append(f"received {second.counts.received:,}/s")
                parts.append(_latency(measured.latency))
    return "  ".join([part for part in parts if part] + trouble)


def _latency(latency: Histogram) -> str:
    p50, p99 = latency.quantile(0.5), latency.quantile(0.99)
    if p50 is None or p99 is None:
        return ""
    return f"p50 {duration(p50 / 1e6)}  p99 {duration(p99 / 1e6)}"


def result_lines(report: BenchReport) -> list[str]:
    """Return the result as a table; its last line is the verdict."""

    def of(*names: str) -> str:
        labels = ((name.rpartition(".")[2] if "p99.9" not in name else "p99.9", name) for name in names)
        return "   ".join(f"{label} {shown(name, report.figures[name])}" for label, name in labels)

    def count(name: str) -> str:
        return shown(name, report.figures[name])

    rows = [
        ("hub", report.url),
        ("load", f"{report.scenario['load']}, {_number(report.scenario['connections'])} connections"),
        ("connect", f"{of('connect.p50', 'connect.p99', 'connect.max')}   {count('connect.rate')}"),
        ("", f"{count('connected')} connected, {count('failed')} failed, {count('dropped')} dropped, "
             f"{count('reconnects')} came back"),
    ]  # fmt: skip
    if report.scenario["method"] is not None:
        rows += [
            ("sent", f"{count('sent')} ({count('sent.rate')}), {count('unsent')} could not be sent"),
            ("received", f"{count('received')} ({count('received.rate')}) of {count('expected')} expected"
                         + ("" if report.figures["lost"] is None else f", {count('lost')} lost")
                         + (f", {count('surplus')} not expected" if report.figures["surplus"] else "")),
            ("latency", of("latency.p50", "latency.p90", "latency.p99", "latency.p99.9", "latency.max")),
        ]  # fmt: skip
    for each in report.generators:
        lag = "" if each.lag_p99 is None else f", late by {duration(each.lag_p99)} (p99)"
        memory = each.memory_bytes / 2**20
        rows.append((f"generator {each.process + 1}", f"{each.cpu_percent:.0f} % of a core, {memory:.0f} MiB{lag}"))
    lines = [f"{name:<12} {text}" for name, text in rows]
    if report.errors:
        lines += ["", f"{count('errors')} errors"]
        lines += [f"{each.count:>10,}  {each.kind}" + _example(each.kind, each.example) for each in report.errors]
    lines += [line for warning in report.warnings for line in ("", warning)]
    if report.limits:
        lines.append("")
        lines += [
            f"{'ok' if each.passed else 'FAILED':<8} {each.text} (measured: {each.measured})" for each in report.limits
        ]
    return [*lines, "", verdict(report)]


def verdict(report: BenchReport) -> str:
    """Return the one line that says how it went."""
    if report.interrupted:
        return "INTERRUPTED"
    if report.exit_code not in (0, 1):
        if not report.figures["connected"]:
            return "FAIL: no connection came about"
        return "FAIL: a process was lost" if report.released else "FAIL: the load never began"
    failed = [each for each in report.limits if not each.passed]
    if failed:
        return "FAIL: " + ", ".join(f"{each.text} (measured: {each.measured})" for each in failed)
    if not report.limits:
        return "DONE: no limit was given"
    return f"PASS: {len(report.limits)} limits hold" if len(report.limits) > 1 else "PASS: 1 limit holds"


def _example(kind: str, example: str) -> str:
    return "" if example in kind else f" ({example})"


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
