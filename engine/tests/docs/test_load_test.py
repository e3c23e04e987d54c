"""The page "Put load on a server" (load-test.md) is true: its commands, its file, its hub, its figures."""

from __future__ import annotations

import re
import shlex
from inspect import signature
from pathlib import Path

import pytest
from engine.tests.docs.pages import HOW_TO, REPOSITORY

from hubwire.cli.bench.command import EPILOG
from hubwire.cli.bench.connection import MAXIMUM_UNANSWERED
from hubwire.cli.bench.histogram import SUB_BUCKETS
from hubwire.cli.bench.limits import FIGURES
from hubwire.cli.bench.options import OPTIONS, read_options
from hubwire.cli.bench.scenario import CALLS, Load, Scenario
from hubwire.cli.bench.stamp import MAXIMUM_DEPTH
from hubwire.cli.bench.tally import MAXIMUM_EXAMPLE_CHARACTERS, MAXIMUM_KINDS
from hubwire.cli.bench.wire import WRITE_LIMIT_BYTES
from hubwire.cli.bench.worker import FINE_RATE
from hubwire.cli.bench_hub import BenchHub
from hubwire.cli.command import parser
from hubwire.cli.values import MAXIMUM_FILE_BYTES
from hubwire.hub.methods import methods_of

PAGE = HOW_TO / "load-test.md"
TEXT = PAGE.read_text(encoding="utf-8")
LIMITS = (REPOSITORY / "docs" / "reference" / "limits.md").read_text(encoding="utf-8")
README = (REPOSITORY / "engine" / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^hubwire (.+)$", TEXT + README, re.MULTILINE)
EXAMPLES = re.findall(r"^  hubwire (.+?)(?:   .*)?$", EPILOG, re.MULTILINE)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("command", COMMANDS + EXAMPLES)
def test_every_command_can_be_given(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # for the reports, and what the examples read
    (tmp_path / "nightly.toml").write_text('url = "http://127.0.0.1:8000/bench"\n', encoding="utf-8")
    (tmp_path / "azure.txt").write_text("Endpoint=https://x.service.signalr.net;AccessKey=k;", encoding="utf-8")
    arguments = parser().parse_args(shlex.split(command.replace("URL", "http://127.0.0.1:8000/bench")))
    if command.startswith("bench "):
        read_options(arguments)


def test_the_file_can_be_read(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    file = tmp_path / "nightly.toml"
    file.write_text(text, encoding="utf-8")
    scenario, _ = read_options(parser().parse_args(["bench", "--config", str(file)]))
    assert (scenario.load, scenario.connections, scenario.duration, len(scenario.limits)) == (Load.ECHO, 2000, 300.0, 4)


def test_the_hub_in_c_sharp_has_the_methods_of_ours() -> None:
    (text,) = blocks("csharp")
    methods = {
        name: len(arguments.split(",")) for name, arguments in re.findall(r"(\w+)\(((?:\w+ \w+(?:, )?)+)\)", text)
    }
    ours = {method.name: len(signature(method.function).parameters) - 1 for method in methods_of(BenchHub).values()}
    assert {name: methods[name] for name in ours} == ours
    assert {call.method for call in CALLS.values()} | {"JoinGroup"} == set(ours)
    assert text.count('SendAsync("Receive", text)') == 3


@pytest.mark.parametrize("load", Load)
def test_the_table_says_what_each_load_calls(load: Load) -> None:
    call = Scenario("http://x/", load=load, headers=("X: {user}",)).call
    written = "nothing" if call is None else f"`{call.method}({', '.join(str(each)[1:-1] for each in call.arguments)})`"
    assert re.search(rf"^\| `{load}` \| {re.escape(written)}", TEXT, re.MULTILINE)


def test_what_is_printed_has_the_lines_that_the_page_shows() -> None:
    (text,) = blocks("text")
    labels = [line[:12].strip() for line in text.splitlines() if line[:1].isalpha() and line[12:13] == " "]
    assert labels == ["hub", "load", "connect", "sent", "received", "latency", "generator 1"]
    assert text.splitlines()[-1] == "PASS: 2 limits hold"


def test_figures_and_options_that_are_named_exist() -> None:
    assert set(re.findall(r"`(--[a-z-]+)", TEXT)) <= {option.flag for option in OPTIONS.values()} | {
        "--config",
        "--signed",
    }
    assert "unsent" in FIGURES


def test_bounds_are_those_of_the_code() -> None:
    assert f"{MAXIMUM_UNANSWERED:,} calls" in TEXT
    assert f"{WRITE_LIMIT_BYTES // 2**20} MiB" in TEXT
    assert f"{FINE_RATE:.0f} messages a second" in TEXT
    assert f"{100 / SUB_BUCKETS:.1f} %" in TEXT
    assert MAXIMUM_DEPTH == 3
    for value in (
        f"{MAXIMUM_UNANSWERED:,}",
        f"{WRITE_LIMIT_BYTES:,} bytes",
        f"{MAXIMUM_FILE_BYTES:,} bytes",
        f"{MAXIMUM_KINDS}, with an example of {MAXIMUM_EXAMPLE_CHARACTERS} characters",
    ):
        assert f"| {value} |" in LIMITS
    scenario = Scenario("http://x/")
    assert f"| `--dials` | {scenario.dials} |" in LIMITS
    assert f"| `--connect-timeout` | {scenario.connect_timeout:g} s |" in LIMITS
    assert f"| `--drain` | {scenario.drain:g} s |" in LIMITS
