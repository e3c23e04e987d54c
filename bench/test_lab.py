"""Scenario files say what they measure and where the bar lies; results have the shape that readers count on."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree  # nosec - our own file

import pytest

import run
from lab.chart import draw
from lab.measures import Sample
from lab.results import judge, quick_row, summarize
from lab.scenario import BadScenario, Bar, Scenario, load_scenario, load_scenarios
from lab.stacks import LIMIT, OURS, STACKS
from lab.table import write_table

RESULTS = Path(__file__).parent / "results"
SCENARIOS = {scenario.name: scenario for scenario in load_scenarios()}
SHORT = Scenario("short", "A short one", "broadcast", "us", Bar("at most C + 1.6", limit_plus=1.6), rounds=2)


def a_round(ours: float, limit: float, peer: float = 20.0) -> dict[str, Sample | str]:
    return {OURS: Sample(ours, {"user_us": 1.0}), LIMIT: Sample(limit), "ws": Sample(peer)}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_a_scenario_names_its_unit_its_bar_and_who_takes_part(scenario: Scenario) -> None:
    assert scenario.title
    assert scenario.unit
    assert scenario.bar.text
    assert scenario.bar != Bar(scenario.bar.text), "the bar is words only"
    assert set(scenario.peers) <= set(STACKS) - {OURS, LIMIT}
    assert set(scenario.bar.ahead_of) <= set(scenario.peers)
    assert ("under" in scenario.bar.text) == (scenario.bar.under is not None)
    assert all(STACKS[name].can_serve(scenario) for name in scenario.peers)
    assert scenario.rounds >= 5
    assert load_scenario(RESULTS.parent / "scenarios" / f"{scenario.name}.toml", is_quick=True).rounds == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('title = "a"\nmeasure = "walk"\nunit = "s"\n[bar]\ntext = "none"\n', "measure is 'walk'"),
        ('title = "a"\nmeasure = "echo"\nunit = "s"\nspeed = 1\n[bar]\ntext = "none"\n', "speed is unknown"),
        ('title = "a"\nmeasure = "echo"\nunit = "s"\n', "text"),
        ('title = "a"\nmeasure = "echo"\n[bar]\ntext = "none"\n', "unit"),
        ('title = "a"\nmeasure = "echo"\nunit = "s"\nrounds = 0\n[bar]\ntext = "none"\n', "one round"),
    ],
)
def test_a_scenario_that_cannot_be_run_says_why(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(BadScenario, match=complaint):
        load_scenario(path)


def test_a_name_that_no_scenario_has_is_refused() -> None:
    with pytest.raises(BadScenario, match="No scenario walk"):
        load_scenarios(["walk"])


def test_ratios_are_taken_within_each_round() -> None:
    result: dict[str, Any] = summarize(SHORT, [a_round(6, 3), a_round(12, 4)])
    assert result["stacks"][OURS]["value"] == {"median": 9, "min": 6, "max": 12}
    assert result["stacks"][OURS]["ratio_to_limit"] == {"median": 2.5, "min": 2, "max": 3}
    assert result["stacks"][OURS]["details"] == {"user_us": {"median": 1, "min": 1, "max": 1}}
    assert "ratio_to_limit" not in result["stacks"][LIMIT]


@pytest.mark.parametrize(
    ("bar", "better", "verdict"),
    [
        (Bar("", at_most=6), "lower", True),
        (Bar("", at_most=5.9), "lower", False),
        (Bar("", under=6.1), "lower", True),
        (Bar("", under=6), "lower", False),
        (Bar("", at_least=6), "higher", True),
        (Bar("", limit_plus=1), "lower", True),
        (Bar("", limit_plus=0.9), "lower", False),
        (Bar("", limit_times=1.2), "lower", True),
        (Bar("", limit_times=1.1), "lower", False),
        (Bar("", ahead_of=("ws",)), "lower", True),
        (Bar("", ahead_of=("ws",)), "higher", False),
        (Bar("", at_most_detail="user_us"), "lower", False),
        (Bar("", details_at_most={"user_us": 1}), "lower", True),
        (Bar("", at_most=6, limit_plus=0.5), "lower", False),
    ],
)
def test_a_bar_holds_when_all_of_it_does(bar: Bar, better: str, verdict: bool) -> None:
    assert judge(replace(SHORT, bar=bar, better=better), [a_round(6, 5), a_round(6, 5)]).holds is verdict


@pytest.mark.parametrize(
    ("bar", "last_round", "reason"),
    [
        (Bar("", at_most=9), {**a_round(6, 5), OURS: "lost 3"}, "1 of 2 rounds of ours failed"),
        (Bar("", ahead_of=("ws", "socket.io")), a_round(6, 5), "socket.io was not measured"),
        (Bar("", at_most=9, undecided_by={"user_us": "too early"}), a_round(6, 5), "too early (round 1, 2)"),
    ],
    ids=["a round failed", "a peer is absent", "a detail forbids it"],
)
def test_what_was_not_measured_is_not_decided_and_says_why(
    bar: Bar, last_round: dict[str, Sample | str], reason: str
) -> None:
    result: dict[str, Any] = summarize(replace(SHORT, bar=bar), [a_round(6, 5), last_round])
    assert (result["holds"], result["not_decided_because"]) == (None, reason)
    assert f"not decided ({reason})" in write_table([{**result, **run.circumstances([])}])


def test_a_bar_of_peers_or_limit_that_failed_in_every_round_is_not_decided() -> None:
    for name, bar in (("ws", Bar("", ahead_of=("ws",))), (LIMIT, Bar("", limit_plus=9))):
        rounds = [{**a_round(6, 5), name: "refused"}] * 2
        assert judge(replace(SHORT, bar=bar), rounds).reason == f"{name} was not measured"


def test_an_allowance_counts_in_the_round_that_it_was_taken_in() -> None:
    # The medians, 5 and 6, would keep it; two of three rounds do not.
    rounds = [{OURS: Sample(*each)} for each in ((3.0, {"a": 2.0}), (5.0, {"a": 6.0}), (9.0, {"a": 8.0}))]
    assert judge(replace(SHORT, bar=Bar("", at_most_detail="a")), rounds).holds is False


def test_a_failure_of_a_peer_is_told_and_leaves_the_rest() -> None:
    result: dict[str, Any] = summarize(SHORT, [a_round(6, 5), {**a_round(6, 5), "ws": "lost 3"}])
    assert result["stacks"]["ws"]["failures"] == ["lost 3"]
    assert result["stacks"]["ws"]["values"] == [20]
    assert result["holds"] is True


def test_a_quick_row_has_the_agreed_shape() -> None:
    row = quick_row(SHORT, [a_round(6, 3)])
    assert row == {"ours": 6, "limit": 3, "peers": {"ws": 20}, "ratio_to_limit": 2, "unit": "us"}


def test_a_quick_row_without_limit_has_no_ratio() -> None:
    row = quick_row(SHORT, [{OURS: Sample(6)}])
    assert row == {"ours": 6, "limit": None, "peers": {}, "ratio_to_limit": None, "unit": "us"}


def test_a_quick_run_writes_after_each_scenario_what_it_has(tmp_path: Path) -> None:
    quick = run.QuickResults(tmp_path)
    for number, scenario in enumerate(SCENARIOS.values(), 1):
        samples = {OURS: Sample(6, dict.fromkeys([*scenario.bar.undecided_by, *scenario.bar.details_at_most], 0.0))}
        details = samples[OURS].details
        details |= {scenario.bar.at_most_detail: 7.0} if scenario.bar.at_most_detail else {}
        quick.add(scenario, [], [{**samples, LIMIT: "refused"}])
        assert len(json.loads((tmp_path / "quick.json").read_text())) == number
        about = json.loads((tmp_path / "quick-circumstances.json").read_text())
        assert about["is_complete"] is (number == len(SCENARIOS))
        assert about["scenarios"][scenario.name]["failures"] == {LIMIT: ["refused"]}
    check_quick(tmp_path)


def check_quick(folder: Path) -> None:
    """Fails unless programs and people find in these two files what they count on."""
    rows = json.loads((folder / "quick.json").read_text())
    about = json.loads((folder / "quick-circumstances.json").read_text())
    assert list(about["scenarios"]) == list(rows)
    assert set(rows) <= set(SCENARIOS)
    assert about["is_complete"] is (set(rows) == set(SCENARIOS))
    assert {"command", "date", "machine", "versions"} <= set(about)
    for row in rows.values():
        assert set(row) == {"ours", "limit", "peers", "ratio_to_limit", "unit"}
    for verdict in about["scenarios"].values():
        assert {"bar", "holds", "not_decided_because"} <= set(verdict)


def test_rounds_begin_with_another_stack_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def note(scenario: Scenario, stack: Any) -> Sample:
        order.append(stack.name)
        return Sample(1.0)

    monkeypatch.setattr(run, "measure", note)
    rounds = run.run_scenario(SHORT, [STACKS[OURS], STACKS[LIMIT], STACKS["ws"]])
    assert order == [OURS, LIMIT, "ws", LIMIT, "ws", OURS]
    assert [list(each) for each in rounds] == [[OURS, LIMIT, "ws"]] * 2


def test_table_and_plot_show_every_result() -> None:
    result = {**summarize(SHORT, [a_round(6, 3), {**a_round(7, 3), "ws": "lost <3>"}]), **run.circumstances([])}
    table = write_table([result])
    assert "A short one" in table
    assert "A round of ws gave nothing: lost <3>." in table
    assert "does not hold" in table
    drawing = ElementTree.fromstring(draw([result]))  # noqa: S314 - our own
    assert [each.text for each in drawing.iter() if each.text in (OURS, LIMIT, "ws")] == [OURS, LIMIT, "ws"]


def test_kept_results_say_how_they_came_about() -> None:
    for path in (RESULTS / "load").glob("*.json"):
        result = json.loads(path.read_text())
        assert result["scenario"] == path.stem
        assert result["unit"] == SCENARIOS[path.stem].unit
        assert {"command", "date", "machine", "versions", "parameters", "holds"} <= set(result)
        assert {"median", "min", "max"} == set(result["stacks"][OURS]["value"])
        assert "python" in result["versions"]


def test_a_kept_quick_result_has_the_agreed_shape() -> None:
    for path in RESULTS.glob("quick.json"):
        check_quick(path.parent)


def test_no_word_of_the_machine_beyond_its_shape() -> None:
    machine = run.circumstances([])["machine"]
    assert isinstance(machine, dict)
    assert set(machine) == {"cores", "cpu", "memory_gib", "system", "kernel", "architecture"}
    assert sys.prefix not in json.dumps(run.circumstances([]))
