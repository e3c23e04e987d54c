"""The load generator counts what servers send, on the plain C limit and on ours; with few connections and no times."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lab.generator import LOAD, Outcome, RunFailed, generate, read_outcome
from lab.measures import measure
from lab.processes import free_port, running
from lab.scenario import Bar, Scenario
from lab.stacks import LIMIT, OURS, PROGRAMS, STACKS

ROOT = Path(__file__).parent.parent
SCENARIO = Scenario(
    "short", "A short one", "broadcast", "us", Bar("none"), connections=60, seconds=0.3, warm_seconds=0.1, rounds=1
)


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    subprocess.run(["make", "--silent", "build/bench/load", "build/bench/limit"], cwd=ROOT, check=True)


def against_limit(mode: str, *words: str, seconds: str = "0.3") -> Outcome:
    port = free_port()
    with running([str(PROGRAMS / "limit"), str(port)], port, None) as pid:
        common = [mode, "--port", str(port), "--pid", str(pid), "--seconds", seconds, "--warm", "0.1"]
        return generate([*common, "--trigger", "B", *words])


@pytest.mark.parametrize("name", [LIMIT, OURS])
@pytest.mark.parametrize(
    "scenario",
    [
        SCENARIO,
        replace(SCENARIO, messagepack_share=0.5),
        replace(SCENARIO, receivers="half_group", excluded=5),
        replace(SCENARIO, measure="echo", connections=10, in_flight=2),
        replace(SCENARIO, measure="setup"),
        replace(SCENARIO, measure="idle"),
        replace(SCENARIO, measure="storm"),
        replace(SCENARIO, measure="latency", churn_per_second=50.0, rate=20.0),
    ],
    ids=["broadcast", "two codecs", "group", "echo", "setup", "idle", "storm", "latency beside churn"],
)
def test_each_measure_counts_every_message_once(name: str, scenario: Scenario) -> None:
    sample = measure(scenario, STACKS[name])  # raises when a message is missing, double, or where it does not belong
    assert all(value >= 0 for value in sample.details.values())


@pytest.mark.parametrize("name", sorted(set(STACKS) - {OURS, LIMIT}))
def test_each_peer_understands_what_it_is_asked(name: str) -> None:
    stack = STACKS[name]
    scenarios = [SCENARIO, replace(SCENARIO, measure="echo"), replace(SCENARIO, receivers="half_group", excluded=5)]
    for scenario in scenarios:
        if stack.can_serve(scenario):
            measure(scenario, stack)  # raises when it answers anything else, or reaches others


def test_ours_serves_a_slow_reader_beside_the_others() -> None:
    scenario = replace(
        SCENARIO, measure="slow_reader", slow_bytes_per_second=1000.0, rate=20.0, slow_fill_bytes=200_000
    )
    details = measure(scenario, STACKS[OURS]).details
    assert (details["slow_readers_cut_off"], details["cut_off_before_measuring"]) == (0, 0)


def test_a_slow_reader_that_is_cut_off_while_buffers_are_filled_is_told() -> None:
    # 8 MB are more than the kernel holds and a server keeps for anybody.
    scenario = replace(
        SCENARIO, measure="slow_reader", slow_bytes_per_second=1000.0, rate=20.0, slow_fill_bytes=8_000_000
    )
    details = measure(scenario, STACKS[OURS]).details
    assert (details["slow_readers_cut_off"], details["cut_off_before_measuring"]) == (1, 1)


def test_every_broadcast_reaches_every_receiver() -> None:
    outcome = against_limit("paced", "--rate", "20", "--kind", "40", seconds="0.5")
    assert outcome.receivers == 40
    assert outcome.run.sent == 2 + 10  # the warm-up's too
    assert outcome.counts.delivered == outcome.run.sent * 40
    assert outcome.run.time.samples == outcome.run.units == 10 * 40


def test_a_delay_of_the_server_is_charged_to_every_broadcast_that_was_due_meanwhile() -> None:
    # The limit does not answer while it is stopped: 10 broadcasts a second are due all the same, and count from then.
    port = free_port()
    with running([str(PROGRAMS / "limit"), str(port)], port, None) as pid:
        command = [str(LOAD), "paced", "--port", str(port), "--rate", "10", "--seconds", "2", "--warm", "0"]
        load = subprocess.Popen(
            [*command, "--trigger", "B", "--kind", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert load.stderr is not None
        assert "ready" in load.stderr.readline()
        subprocess.run(["kill", "-STOP", str(pid)], check=True)
        try:
            load.wait(0.6)
        except subprocess.TimeoutExpired:
            pass
        finally:
            subprocess.run(["kill", "-CONT", str(pid)], check=True)
        text, _ = load.communicate(timeout=60)
    outcome = read_outcome(text)
    assert outcome.run.time.samples == 20
    assert outcome.run.time.max_us > 400_000  # a stopped process, not a speed


def test_a_message_to_a_bystander_fails_the_run() -> None:
    with pytest.raises(RunFailed, match="stray"):
        against_limit("broadcast", "--kind", "5", "--kind", "5", "--bystander")


def test_a_wrong_answer_fails_the_run() -> None:
    with pytest.raises(RunFailed, match="wrong_answers"):
        against_limit("echo", "--echo", "hello", "--expect", "goodbye", "--kind", "2")


def test_a_refused_connection_fails_the_run() -> None:
    port = free_port()
    with pytest.raises(RunFailed, match="connects failed"):
        generate(["hold", "--port", str(port), "--kind", "3"])


def test_a_client_without_a_good_token_is_not_counted_as_connected() -> None:
    port = free_port()
    started = STACKS[OURS].start(port, SCENARIO)
    dialect = STACKS[OURS].dialect
    with running(started.command, port, None):
        words = ["hold", "--port", str(port), "--seconds", "0.1", "--negotiate", dialect.negotiate or "", "--kind", "3"]
        with pytest.raises(RunFailed, match="connects failed"):
            generate([*words, "--path", dialect.path, "--first", dialect.first or ""], tokens=["no.good.token"])


@pytest.mark.parametrize("words", [[], ["walk"], ["hold"], ["broadcast", "--port", "1", "--kind", "1"], ["hold", "-x"]])
def test_wrong_words_end_the_generator_with_its_usage(words: list[str]) -> None:
    done = subprocess.run([str(LOAD), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage: load MODE" in done.stderr
