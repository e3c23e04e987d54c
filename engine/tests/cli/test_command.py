"""The command as its users run it: exit codes, what is on the terminal, the reports."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hubwire.cli
from hubwire.cli.bench.limits import FIGURES
from hubwire.cli.bench_hub import LISTENING
from hubwire.cli.failures import ExitCode

HUBWIRE = [sys.executable, "-m", "hubwire.cli"]
TIMEOUT_SECONDS = 60


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A bench hub in a process of its own."""
    with subprocess.Popen([*HUBWIRE, "bench-hub", "--port", "0"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().removeprefix(LISTENING).strip()
        finally:
            server.terminate()


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*HUBWIRE, "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)


def small(*arguments: str) -> list[str]:
    return ["--connections=6", "--ramp=100", "--rate=10", "--warmup=0", "--duration=0.5", *arguments]


def test_a_load_test_of_two_processes_from_its_start_to_its_reports(url: str, tmp_path: Path) -> None:
    as_json, as_page = tmp_path / "report.json", tmp_path / "report.html"
    done = bench(
        url, *small("--processes=2", "--load=group", "--groups=2", "--limit=lost==0", "--limit", "errors==0"),
        "--json", str(as_json), "--html", str(as_page),
    )  # fmt: skip
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "PASS: 2 limits hold"
    assert re.search(r"^received +30 \(.*\) of 30 expected, 0 lost$", done.stdout, re.MULTILINE)
    assert re.search(r"^measure +0/0\.5 s  6 open", done.stderr, re.MULTILINE)
    assert "\r" not in done.stderr

    report: dict[str, Any] = json.loads(as_json.read_text(encoding="utf-8"))
    assert report["version"] == 1
    assert set(report["figures"]) == set(FIGURES)
    figures = report["figures"]
    assert (figures["connected"], figures["sent"], figures["expected"], figures["received"]) == (6, 10, 30, 30)
    assert (figures["lost"], figures["errors"], figures["dropped"], figures["unsent"]) == (0, 0, 0, 0)
    assert figures["latency.p50"] <= figures["latency.p99"] <= figures["latency.max"]
    assert sum(row["received"] for row in report["series"]) == 30
    assert [each["process"] for each in report["generators"]] == [0, 1]
    assert report["limits"] == [
        {"text": "lost==0", "measured": "0", "passed": True},
        {"text": "errors==0", "measured": "0", "passed": True},
    ]
    assert (report["passed"], report["interrupted"], report["exit_code"]) == (True, False, 0)
    assert report["scenario"]["method"] == "SendToGroup"
    assert report["url"] == url

    page = as_page.read_text(encoding="utf-8")
    for text in ("PASS: 2 limits hold", url, "lost==0", "holds", "SendToGroup", "<svg"):
        assert text in page


def test_a_limit_that_does_not_hold_is_named_in_the_last_line(url: str) -> None:
    done = bench(url, *small("--load=idle", "--limit=connected>6", "--limit=failed==0", "--quiet"))
    assert done.returncode == ExitCode.LIMITS_FAILED
    assert done.stdout.splitlines()[-1] == "FAIL: connected>6 (measured: 6)"
    assert done.stderr == ""


def test_without_limits_the_last_line_says_so(url: str) -> None:
    done = bench(url, *small("--quiet"))
    assert done.returncode == ExitCode.DONE
    assert done.stdout.splitlines()[-1] == "DONE: no limit was given"


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["bench"], "hubwire: There is no address"),
        (["bench", "http://127.0.0.1:1/", "--limit=lost"], "hubwire: The limit 'lost' compares nothing"),
        (["bench", "http://127.0.0.1:1/", "--nothing"], "unrecognized arguments: --nothing"),
        (["nothing"], "invalid choice: 'nothing'"),
        ([], "required: COMMAND"),
        (["bench", "http://127.0.0.1:1/", "--ca=/nowhere.pem"], "hubwire: --ca: /nowhere.pem cannot be used"),
        (["bench-hub", "--host=203.0.113.1", "--port=0"], "hubwire: 203.0.113.1:0 cannot be listened on"),
        (["bench-hub", "--port=100000"], "hubwire: --port is 100000; give a number from 0"),
    ],
)
def test_a_wrong_command_line_ends_with_two(
    arguments: list[str], answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = hubwire.cli.main(arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code == ExitCode.USAGE
    assert answer in capsys.readouterr().err


def test_a_server_that_is_not_there_ends_with_three_and_a_report(tmp_path: Path) -> None:
    as_json = tmp_path / "report.json"
    done = bench("http://127.0.0.1:1/hub", "--connections=1000", "--limit=lost==0", "--json", str(as_json))
    assert done.returncode == ExitCode.UNREACHABLE
    assert done.stdout.splitlines()[-1] == "FAIL: no connection came about"
    report = json.loads(as_json.read_text(encoding="utf-8"))
    assert report["exit_code"] == ExitCode.UNREACHABLE
    assert report["figures"]["connected"] == 0
    assert 20 <= report["figures"]["failed"] < 1000  # it gives up early
    assert report["errors"][0]["kind"] == "connect: NegotiationFailed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_load_test_writes_what_it_has(url: str, tmp_path: Path, number: signal.Signals) -> None:
    as_json = tmp_path / "report.json"
    command = [*HUBWIRE, "bench", url, "--connections=6", "--warmup=0", "--duration=1h", "--json", str(as_json)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("measure "):
            assert process.poll() is None
        if number is signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does: all processes get it
        else:
            process.send_signal(number)
        output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == ExitCode.INTERRUPTED
    assert output.splitlines()[-1] == "INTERRUPTED"
    report = json.loads(as_json.read_text(encoding="utf-8"))
    assert (report["interrupted"], report["figures"]["connected"]) == (True, 6)


def test_a_signed_hub_lets_users_in_by_its_connection_string(tmp_path: Path) -> None:
    command = [*HUBWIRE, "bench-hub", "--port", "0", "--signed"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            url = server.stdout.readline().removeprefix(LISTENING).strip()
            connection_string = server.stdout.readline().split("'")[1]
            refused = bench(url, *small("--load=idle", "--quiet"))
            secret = tmp_path / "connection-string"
            secret.write_text(connection_string, encoding="utf-8")
            done = bench(
                "--hub=bench", f"--connection-string=@{secret}", *small("--load=user", "--users=3", "--limit=lost==0")
            )
        finally:
            server.terminate()
    assert refused.returncode == ExitCode.UNREACHABLE
    assert "connect: negotiate answered with status 401" in refused.stdout
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    assert re.search(r"^sent +30 ", done.stdout, re.MULTILINE)
    assert re.search(r"^received +60 .* of 60 expected", done.stdout, re.MULTILINE)
    assert connection_string not in done.stdout + done.stderr


def test_more_connections_than_the_system_allows_are_refused_with_what_to_do() -> None:
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300)); import hubwire.cli; "
        "sys.exit(hubwire.cli.main(['bench', 'http://127.0.0.1:1/hub', '--connections=1000']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    assert done.returncode == ExitCode.USAGE
    assert done.stderr == (
        "hubwire: 1000 connections in 1 processes need 1164 open files in each, and this system allows 300; "
        "give --processes 5, or raise the limit with ulimit -n.\n"
    )


def test_without_the_client_the_error_says_how_to_install_it() -> None:
    program = (
        "import sys; sys.modules['aiohttp'] = None; import hubwire.cli; "
        "sys.exit(hubwire.cli.main(['bench', 'http://127.0.0.1:1/hub']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    assert done.returncode == ExitCode.USAGE
    assert done.stderr == "hubwire: hubwire bench needs the client; install it with: pip install 'hubwire[client]'\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], ["bench", "bench-hub"]),
        (["bench", "--help"], ["--connections", "--limit", "examples:", "exit codes:", "latency.p99.9", "bench-hub"]),
        (["bench-hub", "--help"], ["--port", "--signed", "Echo"]),
        (["--version"], ["hubwire "]),
    ],
)
def test_the_help_says_what_there_is(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        hubwire.cli.main(arguments)
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for word in words:
        assert word in text
