"""The parent of a load test: what it does when a process is lost or somebody is impatient."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from hubwire.cli.bench import descriptors
from hubwire.cli.bench.descriptors import check_descriptors, sockets_needed
from hubwire.cli.bench.limits import parse_limit
from hubwire.cli.bench.report import build
from hubwire.cli.bench.run import Interruption, Measurement, Phase, Run
from hubwire.cli.bench.scenario import Load, Scenario
from hubwire.cli.bench.terminal import verdict
from hubwire.cli.bench_hub import LISTENING
from hubwire.cli.failures import ExitCode, UsageFailed

NEVER_SECONDS = 3600.0


@contextmanager
def bench_hub() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "hubwire.cli", "bench-hub", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().removeprefix(LISTENING).strip(), server
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with bench_hub() as (address, _):
        yield address


def scenario(url: str) -> Scenario:
    return Scenario(url, load=Load.IDLE, connections=4, processes=2, warmup=0, duration=NEVER_SECONDS)


def children() -> list[int]:
    """The processes that our own process has started for a load test."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with (
                    open(f"/proc/{entry}/stat", encoding="utf-8") as stat,
                    open(f"/proc/{entry}/cmdline", "rb") as words,
                ):
                    is_ours = int(stat.read().rpartition(")")[2].split()[1]) == os.getpid()
                    if is_ours and b"spawn_main" in words.read():
                        found.append(int(entry))
            except OSError:
                continue
    return found


def test_a_process_that_is_lost_ends_the_test_with_what_the_others_have(url: str) -> None:
    killed: list[int] = []

    def show(phase: Phase, age_seconds: float, measured: Measurement) -> None:
        if phase is Phase.MEASURE and not killed:
            killed.append(children()[0])
            os.kill(killed[0], signal.SIGKILL)

    measured = Run(scenario(url), show, Interruption()).run()
    assert len(measured.lost_processes) == 1
    assert len(measured.farewells) == 1
    assert "a process of ours was lost" in measured.errors.kinds
    assert children() == []


def test_a_server_that_goes_before_the_load_begins_is_no_success() -> None:
    with bench_hub() as (address, server):

        def show(phase: Phase, age_seconds: float, measured: Measurement) -> None:
            if measured.counts.connected:
                server.kill()

        # The second one is due 5 s behind the first, of which we hear within 2 s.
        given = Scenario(address, connections=2, ramp=0.2, reconnect=False, limits=(parse_limit("lost==0"),))
        measured = Run(given, show, Interruption()).run()
    assert (measured.counts.connected, measured.counts.failed, measured.was_released) == (1, 1, False)
    report = build(given, measured, datetime.now(UTC))
    assert report.exit_code == ExitCode.UNREACHABLE
    assert verdict(report) == "FAIL: the load never began"


def test_a_second_signal_does_not_wait(url: str) -> None:
    interruption = Interruption()

    def show(phase: Phase, age_seconds: float, measured: Measurement) -> None:
        if phase is Phase.MEASURE:
            for number in (signal.SIGINT, signal.SIGTERM):
                os.kill(os.getpid(), number)

    with interruption.listening():
        Run(scenario(url), show, interruption).run()
    assert interruption.count == 2
    assert children() == []


def test_signals_are_given_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interruption().listening():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("connections", "processes", "transports", "needed"),
    [
        (100, 1, ("websockets",), 100 + 100 + 64),
        (100, 3, ("websockets",), 34 + 34 + 64),
        (1000, 1, ("websockets",), 1000 + 100 + 64),
        (1000, 2, ("websockets", "sse"), 1000 + 50 + 64),
        (1000, 1, ("longpolling",), 2000 + 100 + 64),
    ],
)
def test_sockets_are_counted_before_they_are_opened(
    connections: int, processes: int, transports: tuple[str, ...], needed: int
) -> None:
    given = Scenario("http://x/", connections=connections, processes=processes, transports=transports)
    assert sockets_needed(given) == needed


@pytest.mark.parametrize("connections", [1000, 5000, 99_999])
def test_the_advice_for_too_many_connections_is_good(connections: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "_hard_limit", lambda: 1024)
    with pytest.raises(UsageFailed) as failed:
        check_descriptors(Scenario("http://x/", connections=connections))
    advised = int(str(failed.value).partition("--processes ")[2].partition(",")[0])
    if advised <= 256:
        check_descriptors(Scenario("http://x/", connections=connections, processes=advised))
