"""The report as JSON, as a page and on the terminal: they say the same, and nothing secret."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from hubwire.cli.bench.charts import MAXIMUM_POINTS, Band, Line, chart
from hubwire.cli.bench.histogram import Histogram
from hubwire.cli.bench.limits import parse_limit
from hubwire.cli.bench.page import page
from hubwire.cli.bench.report import BenchReport, build
from hubwire.cli.bench.run import Measurement, Phase, Second
from hubwire.cli.bench.scenario import Load, Scenario
from hubwire.cli.bench.terminal import Progress, progress_line, result_lines
from hubwire.cli.bench.traffic import Counts, Farewell, Generator
from hubwire.cli.bench.traffic import Progress as ProgressReport
from hubwire.cli.failures import ExitCode

URL = "https://ann:secret-1@example.com/hub?access_token=secret-2"
STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def histogram(*microseconds: int) -> Histogram:
    result = Histogram()
    for each in microseconds:
        result.add(each)
    return result


def farewell(cpu_percent: float = 12.0, lag_us: int = 500) -> Farewell:
    last = ProgressReport(0, 0, 3, Counts(), Histogram(), 0)
    return Farewell(last, Histogram(), {}, Generator(0, cpu_percent, 64 * 2**20, histogram(lag_us)))


def measured() -> Measurement:
    measurement = Measurement(
        counts=Counts(
            connected=3,
            sent=12,
            received=36,
            measured_sent=10,
            measured_received=28,
            sent_in_time=9,
            received_in_time=26,
            dropped=1,
            errors=1,
        ),
        expected=30,
        as_expected=28,
        open_at_end=3,
        connect=histogram(1000, 2000, 3000),
        connect_seconds=1.5,
        latency=histogram(*range(1000, 29_000, 1000)),
        measured_seconds=2.0,
        was_released=True,
        farewells=[farewell()],
        seconds=[
            Second(Phase.CONNECT, {0: 1}),
            Second(Phase.MEASURE, {0: 3}, Counts(sent=5, received=14), histogram(4000), 300),
            Second(Phase.MEASURE, {}, Counts(sent=5, received=14, errors=1, dropped=1)),
        ],
    )
    measurement.errors.add("dropped: <b>closed</b>", "the server's words & more")
    return measurement


def scenario(*limits: str, load: Load = Load.BROADCAST) -> Scenario:
    return Scenario(
        URL, load=load, connections=3, access_token="secret-3", headers=("X-Key: secret-4",),
        limits=tuple(parse_limit(limit) for limit in limits),
    )  # fmt: skip


def report(*limits: str, change: Callable[[Measurement], object] = lambda _: None) -> BenchReport:
    measurement = measured()
    change(measurement)
    return build(scenario(*limits), measurement, STARTED)


def test_figures_follow_from_the_counts() -> None:
    figures = report().figures
    assert figures["lost"] == 2
    assert figures["lost_percent"] == pytest.approx(100 * 2 / 30)
    assert (figures["sent.rate"], figures["received.rate"], figures["connect.rate"]) == (4.5, 13, 2)
    assert figures["latency.max"] == 0.028
    assert figures["connect.max"] == 0.003
    assert figures["latency.p50"] == pytest.approx(0.014, rel=1 / 64)
    assert figures["generator.lag.p99"] == 0.0005


def test_a_process_that_was_silent_for_a_second_still_has_its_connections() -> None:
    assert [row.open for row in report().series] == [1, 3, 3]


def test_json_page_and_terminal_say_the_same() -> None:
    result = report("lost==0", "latency.p99<1s")
    as_json = json.loads(result.to_json())
    text, as_page = "\n".join(result_lines(result)), page(result)
    for each in as_json["limits"]:
        assert each["text"] in text
        assert each["text"].replace("<", "&lt;") in as_page
    for written in ("28.0 ms", "13.0/s", "FAIL: lost==0 (measured: 2)", "12 % of a core", "64 MiB"):
        assert written in text
        assert written in as_page
    assert text.splitlines()[-1] == "FAIL: lost==0 (measured: 2)"
    assert as_json["exit_code"] == ExitCode.LIMITS_FAILED


def test_nothing_secret_is_in_any_report() -> None:
    result = report()
    for text in (result.to_json().decode(), page(result), "\n".join(result_lines(result)), repr(scenario())):
        assert "secret" not in text
        assert "ann:" not in text


def test_the_page_needs_nothing_from_anywhere_and_believes_no_text() -> None:
    text = page(report())
    addresses = set(re.findall(r"https?://[^\s\"'<]+", text))
    assert addresses == {"https://example.com/hub?access_token=%E2%80%A6"}
    assert not re.search(r"<(script|link|img|iframe)|url\(|@import|\bsrc=", text)
    assert "<b>closed</b>" not in text
    assert "&lt;b&gt;closed&lt;/b&gt;" in text
    assert "prefers-color-scheme: dark" in text


def test_the_page_is_well_formed() -> None:
    text = page(report("lost==0"))
    body = re.sub(r"<meta[^>]*>", "", text.removeprefix("<!doctype html>"))
    ElementTree.fromstring(body)  # noqa: S314 - our own text


def nothing_arrived(measurement: Measurement) -> None:
    measurement.counts.measured_received = measurement.as_expected = 0
    measurement.errors.kinds.clear()


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        (lambda each: each.farewells.append(farewell(cpu_percent=97)), "itself a bottleneck"),
        (lambda each: each.farewells.append(farewell(lag_us=60_000)), "itself a bottleneck"),
        (lambda each: setattr(each, "is_interrupted", True), "Interrupted"),
        (lambda each: each.lost_processes.append(0), "were lost (1)"),
        (lambda each: setattr(each, "as_expected", 20), "8 arrivals were not expected"),
        (nothing_arrived, "Nothing arrived, without an error. Does 'Broadcast' send"),
    ],
)
def test_what_spoils_the_figures_is_said(change: Callable[[Measurement], object], warning: str) -> None:
    result = report(change=change)
    assert [each for each in result.warnings if warning in each]
    assert warning in "\n".join(result_lines(result))
    assert warning.replace("'", "&#x27;") in page(result)


@pytest.mark.parametrize(
    ("change", "code", "last_line"),
    [
        (lambda each: None, ExitCode.DONE, "PASS: 1 limit holds"),
        (lambda each: setattr(each, "is_interrupted", True), ExitCode.INTERRUPTED, "INTERRUPTED"),
        (lambda each: each.lost_processes.append(0), ExitCode.UNREACHABLE, "FAIL: a process was lost"),
        (
            lambda each: setattr(each, "counts", Counts(failed=3)),
            ExitCode.UNREACHABLE,
            "FAIL: no connection came about",
        ),
        (lambda each: setattr(each, "was_released", False), ExitCode.UNREACHABLE, "FAIL: the load never began"),
    ],
)
def test_how_it_went_decides_exit_code_and_last_line(
    change: Callable[[Measurement], object], code: ExitCode, last_line: str
) -> None:
    result = report("errors<5", change=change)
    assert result.exit_code == code
    assert result_lines(result)[-1] == last_line


def test_nothing_that_was_expected_is_no_success() -> None:
    def nothing_was_sent(measurement: Measurement) -> None:
        measurement.expected = measurement.as_expected = 0
        measurement.counts.measured_sent = measurement.counts.measured_received = 0

    result = report("lost==0", "lost_percent<1%", change=nothing_was_sent)
    assert (result.figures["lost"], result.figures["lost_percent"]) == (None, None)
    assert result.exit_code == ExitCode.LIMITS_FAILED
    text = "\n".join(result_lines(result))
    assert "FAIL: lost==0 (measured: not measured), lost_percent<1% (measured: not measured)" in text
    assert "No arrival was expected" in text
    assert re.search(r"of 0 expected$", text, re.MULTILINE)


def test_what_came_twice_makes_up_for_nothing_that_is_lost() -> None:
    result = report(change=lambda each: setattr(each, "as_expected", 20))
    assert (result.figures["lost"], result.figures["surplus"]) == (10, 8)
    assert "of 30 expected, 10 lost, 8 not expected" in "\n".join(result_lines(result))
    assert "<b>8</b><span>not expected</span>" in page(result)


def test_what_was_lost_is_not_known_when_a_process_is() -> None:
    figures = report(change=lambda each: each.lost_processes.append(0)).figures
    assert (figures["lost"], figures["lost_percent"], figures["surplus"]) == (None, None, None)


def test_idle_connections_lose_nothing() -> None:
    measurement = Measurement(counts=Counts(connected=3), was_released=True)
    result = build(scenario("lost==0", load=Load.IDLE), measurement, STARTED)
    assert (result.figures["lost"], result.exit_code) == (0, ExitCode.DONE)


def test_idle_connections_have_a_report_without_messages() -> None:
    result = build(scenario(load=Load.IDLE), measured(), STARTED)
    assert "latency" not in "\n".join(result_lines(result))
    assert "Latency</" not in page(result)
    assert result.scenario["method"] is None


FLOWING = "3 open  sent 5/s  received 14/s  p50 14.1 ms  p99 28.0 ms  1 dropped  1 errors"


@pytest.mark.parametrize(
    ("phase", "age", "line"),
    [
        (Phase.STARTING, 1.0, "starting  1 dropped  1 errors"),
        (Phase.CONNECT, 1.0, "connect   3 of 3 connections  1 dropped  1 errors"),
        (Phase.WARMUP, -0.1, f"warm-up   0/2 s  {FLOWING}"),
        (Phase.MEASURE, 12.0, f"measure   12/30 s  {FLOWING}"),
    ],
)
def test_progress_is_one_line(phase: Phase, age: float, line: str) -> None:
    assert progress_line(scenario(), phase, age, measured()) == line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_one_line_that_is_written_over() -> None:
    stream = Terminal()
    progress = Progress(scenario(), stream, is_quiet=False)
    progress.show(Phase.MEASURE, 1.0, measured())
    progress.show(Phase.CLOSE, 1.0, Measurement())
    progress.end()
    text = stream.getvalue()
    assert text.count("\r") == 2
    assert text.count("\n") == 1
    first, second = text.rstrip("\n").split("\r")[1:]
    assert len(second) == len(first)  # nothing of the longer line stays


def test_quiet_says_nothing() -> None:
    stream = io.StringIO()
    progress = Progress(scenario(), stream, is_quiet=True)
    progress.show(Phase.MEASURE, 1.0, measured())
    progress.end()
    assert stream.getvalue() == ""


def svg(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314 - our own text


def test_a_chart_has_gaps_where_there_is_no_value_and_dots_for_lone_ones() -> None:
    figure = svg(chart("A & B", [Line("a", [1, 2, None, 3, None, 4, 5])], [Band("now", 1, 3)], str))
    (path,) = figure.iter("path")
    assert path.get("d", "").count("M") == 2
    assert len(list(figure.iter("circle"))) == 1
    assert len(list(figure.iter("rect"))) == 1


@pytest.mark.parametrize("values", [[], [None, None], [0, 0], [5.0], [1e-9, 1e9]])
def test_charts_of_little_or_nothing_can_be_drawn(values: list[float | None]) -> None:
    svg(chart("t", [Line("a", values)], [Band("b", 0, 0)], str))


def test_a_day_of_seconds_is_a_line_of_few_points_that_keeps_the_peaks() -> None:
    values: list[float | None] = [1.0] * 86_400
    values[40_000] = 50.0
    figure = svg(chart("t", [Line("a", values)], [], str))
    (path,) = figure.iter("path")
    points = re.findall(r"[\d.]+ ([\d.]+)", path.get("d", ""))
    assert len(points) <= MAXIMUM_POINTS
    assert len(set(points)) == 2
