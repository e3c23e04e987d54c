"""Every harness holds for its first inputs, for changes of them and for random bytes; then a short search for more."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from engine.fuzz import run
from engine.fuzz.changes import Changer
from engine.fuzz.harnesses import NAMES, load
from engine.fuzz.run import judge
from engine.fuzz.target import CRASH, Watched, dictionary_line, search_blindly
from hypothesis import given
from hypothesis import strategies as st

harnesses = pytest.mark.parametrize("name", NAMES)


@harnesses
def test_the_first_inputs_hold(name: str) -> None:
    harness = load(name)
    seeds = list(harness.seeds())
    assert len(seeds) >= 5
    for data in (b"", *seeds, *harness.TOKENS):
        harness.check(data)


@harnesses
def test_changes_of_them_hold(name: str) -> None:
    harness = load(name)
    changer = Changer(harness)
    choose = random.Random(name)  # noqa: S311 (the same inputs each time)
    changed = {changer.any(choose) for _ in range(600)}
    assert len(changed) > 300
    for data in changed:
        harness.check(data)


@harnesses
@given(data=st.binary(max_size=200))
def test_random_bytes_hold(name: str, data: bytes) -> None:
    load(name).check(data)


@pytest.mark.timeout(400)
def test_a_short_search_finds_nothing(tmp_path: Path) -> None:
    """Guided by coverage where atheris is installed, at random elsewhere; `make fuzz` is the long one."""
    results = tmp_path / "latest.json"
    seconds = 0.5 * len(NAMES)  # two at once: one second each
    code = run.main(
        ["--seconds", str(seconds), "--jobs", "2", "--results", str(results), "--findings", str(tmp_path / "findings")]
    )
    text = results.with_suffix(".txt").read_text("utf-8")
    assert code == 0, text
    content = json.loads(results.read_text("utf-8"))
    assert content["verdict"] == "ok"
    assert [harness["name"] for harness in content["harnesses"]] == list(NAMES)
    for harness in content["harnesses"]:  # how many more depends on the machine, and on what else it does
        assert harness["inputs"] > len(Changer(load(harness["name"])).seeds), text
    assert list((tmp_path / "findings").iterdir()) == []


def test_an_input_that_fails_is_kept(tmp_path: Path) -> None:
    def check(data: bytes) -> None:
        if b"zz" in data:
            raise RuntimeError("found")

    class Fragile:
        TOKENS = (b"zz",)
        TREES = None

        def seeds(self) -> list[bytes]:
            return [b"abc", b"def"]

        def check(self, data: bytes) -> None:
            check(data)

    watched = Watched(check, tmp_path / "samples")
    findings = tmp_path / "findings"
    findings.mkdir()
    assert search_blindly(watched, Changer(Fragile()), 60, 5, findings) == CRASH
    (finding,) = findings.iterdir()
    assert b"zz" in finding.read_bytes()
    watched.sample()
    seconds, executions, resident, blocks = json.loads((tmp_path / "samples").read_text().splitlines()[-1])
    assert executions == watched.executions
    assert resident >= 0
    assert blocks > 0
    assert seconds >= 0


STEADY = [(float(second), second * 1_000, 40_000, 500_000) for second in range(1, 101)]
LEAKING = [(second, inputs, 40_000 + inputs, 500_000) for second, inputs, _, _ in STEADY]
KEEPING = [(second, inputs, 40_000, 500_000 + inputs) for second, inputs, _, _ in STEADY]
OUTPUT = "INFO: seed\n#512\tNEW    cov: 70 ft: 239 corp: 62/11458b lim: 4096\nstat::number_of_executed_units: 99000\n"


@pytest.mark.parametrize(
    ("samples", "output", "code", "has_hung", "verdict"),
    [
        (STEADY, OUTPUT, 0, False, "ok"),
        (STEADY, "", 0, False, "ok"),
        (STEADY, OUTPUT + "==1== ERROR: libFuzzer: fuzz target exited", CRASH, False, "crash"),
        (STEADY, OUTPUT + "ALARM: working on the last Unit for 6 seconds", 70, False, "hang"),
        (STEADY, OUTPUT, -9, True, "hang"),
        (STEADY, "", -14, False, "hang"),
        (STEADY, OUTPUT + "==1== ERROR: libFuzzer: out-of-memory", 71, False, "memory limit"),
        (LEAKING, OUTPUT, 0, False, "memory growth"),
        (KEEPING, OUTPUT, 0, False, "memory growth"),
        ([], "ImportError", 1, False, "broken"),
        ([], "", 0, False, "broken"),
    ],
    ids=[
        *("nothing found", "unguided", "an exception", "a slow input", "no end", "alarm", "too much memory"),
        *("memory grows", "objects stay", "it does not start", "it does nothing"),
    ],
)
def test_what_a_harness_leaves_behind_is_judged(
    samples: list[tuple[float, int, int, int]], output: str, code: int, has_hung: bool, verdict: str
) -> None:
    report = judge("name", 100.0, samples, output, code, has_hung)
    assert report.verdict == verdict
    assert verdict in run.line_of(report)


def test_figures_are_read_from_what_libfuzzer_says() -> None:
    report = judge("name", 100.0, STEADY, OUTPUT, 0, False)
    assert (report.inputs, report.coverage, report.corpus) == (99_000, 70, 62)


def test_tokens_are_written_as_libfuzzer_reads_them() -> None:
    assert dictionary_line(b'a"\n\xff') == '"\\x61\\x22\\x0a\\xff"\n'
