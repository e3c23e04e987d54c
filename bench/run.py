"""Runs the scenarios of the load lab: ours, the plain C limit and the peers, interleaved in rounds.

Usage: python bench/run.py [NAME ...] [--quick] [--rounds N] [--stacks ours,limit]
Writes bench/results/load/<name>.json, bench/results/README.md and load.svg; with --quick bench/results/quick.json and
quick-circumstances.json instead. Each is written after every scenario: a run that is interrupted leaves what it has.
Ends with 1 when a scenario of ours did not come to an end. Bars are printed, and judged by readers: machines differ.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.chart import draw
from lab.generator import RunFailed
from lab.machine import shape, versions
from lab.measures import Sample, measure
from lab.processes import stop_children_when_terminated
from lab.results import Round, quick_row, quick_verdict, summarize
from lab.scenario import BadScenario, Scenario, load_scenarios
from lab.stacks import LIMIT, OURS, STACKS, Stack
from lab.table import write_table

RESULTS = Path(__file__).parent / "results"
QUICK_PEERS_SECONDS = 150.0
"""After so long a quick run leaves the remaining peers out, so that it ends in time on a slow machine too."""


def stacks_of(scenario: Scenario, wanted: Sequence[str] | None) -> list[Stack]:
    names = [OURS, *([LIMIT] if scenario.with_limit else []), *scenario.peers]
    return [STACKS[name] for name in names if wanted is None or name in wanted or name == OURS]


def run_scenario(scenario: Scenario, stacks: Sequence[Stack]) -> list[Round]:
    """Each round measures every stack once, beginning with another one each time."""
    rounds: list[Round] = []
    for number in range(scenario.rounds):
        order = [*stacks[number % len(stacks) :], *stacks[: number % len(stacks)]]
        found: dict[str, Sample | str] = {}
        for stack in order:
            begun = time.monotonic()
            print(f"  round {number + 1} of {scenario.rounds}  {stack.name:<20}", end="", flush=True)
            try:
                sample = measure(scenario, stack)
            except RunFailed as failure:
                found[stack.name] = str(failure)
                print(f"FAILED: {failure}", flush=True)
                continue
            found[stack.name] = sample
            print(f"{sample.value:>12,.2f} {scenario.unit}  ({time.monotonic() - begun:.0f} s)", flush=True)
        rounds.append({stack.name: found[stack.name] for stack in stacks})
    return rounds


def circumstances(stacks: Sequence[Stack]) -> dict[str, object]:
    return {
        "command": " ".join(["python", "bench/run.py", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": shape(),
        "versions": versions(
            [name for stack in stacks for name in stack.packages],
            [name for stack in stacks for name in stack.node_packages],
        ),
    }


def show(result: dict[str, Any]) -> None:
    for name, stack in result["stacks"].items():
        if value := stack.get("value"):
            ratio = stack.get("ratio_to_limit")
            beside = f"   {ratio['median']:.2f} x limit ({ratio['min']:.2f} to {ratio['max']:.2f})" if ratio else ""
            print(f"  {name:<20}{value['median']:>12,.2f}   ({value['min']:,.2f} to {value['max']:,.2f}){beside}")
    verdict = {True: "holds", False: "DOES NOT HOLD", None: "NOT DECIDED"}[result["holds"]]
    if result["not_decided_because"]:
        verdict += f": {result['not_decided_because']}"
    print(f"  bar: {result['bar']}: {verdict}\n", flush=True)


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


class QuickResults:
    """What a quick run writes: figures for programs, and beside them how they came about."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: dict[str, object] = {}
        self._verdicts: dict[str, object] = {}
        self._stacks: dict[str, Stack] = {}

    def add(self, scenario: Scenario, stacks: Sequence[Stack], rounds: Sequence[Round]) -> None:
        """Take a scenario in, and write all that there are."""
        self._rows[scenario.name] = quick_row(scenario, rounds)
        self._verdicts[scenario.name] = quick_verdict(scenario, rounds)
        self._stacks |= {stack.name: stack for stack in stacks}
        write_json(self._folder / "quick.json", self._rows)
        all_names = {each.name for each in load_scenarios()}
        about: dict[str, object] = {
            **circumstances(list(self._stacks.values())),
            "is_complete": all_names <= set(self._rows),
        }
        write_json(self._folder / "quick-circumstances.json", {**about, "scenarios": self._verdicts})


def write_overview() -> None:
    """Tables and plot of all results that there are, those of earlier runs included."""
    results = [json.loads(path.read_text()) for path in sorted((RESULTS / "load").glob("*.json"))]
    (RESULTS / "README.md").write_text(write_table(results))
    (RESULTS / "load.svg").write_text(draw(results))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="scenarios; all when none is named")
    parser.add_argument("--quick", action="store_true", help="all in less than 4 minutes, with wide ranges")
    parser.add_argument("--rounds", type=int, help="instead of the scenarios' own")
    parser.add_argument("--stacks", help="only these besides ours, with commas between")
    parser.add_argument("--no-results", action="store_true", help="write nothing")
    options = parser.parse_args()
    stop_children_when_terminated()
    try:
        scenarios = load_scenarios(options.names, is_quick=options.quick)
    except BadScenario as error:
        raise SystemExit(str(error)) from error
    wanted = options.stacks.split(",") if options.stacks else None
    begun = time.monotonic()
    quick = QuickResults(RESULTS)
    has_failed = False
    for number, scenario in enumerate(scenarios, 1):
        if options.rounds:
            scenario = replace(scenario, rounds=options.rounds)
        print(f"[{number}/{len(scenarios)}] {scenario.title}", flush=True)
        stacks = stacks_of(scenario, wanted)
        if options.quick and time.monotonic() - begun > QUICK_PEERS_SECONDS:
            print("  the peers are left out: time is short", flush=True)
            stacks = [stack for stack in stacks if stack.name in (OURS, LIMIT)]
        rounds = run_scenario(scenario, stacks)
        result = {**summarize(scenario, rounds), **circumstances(stacks)}
        has_failed |= any(isinstance(each[OURS], str) for each in rounds)
        show(result)
        if options.no_results:
            continue
        if options.quick:
            quick.add(scenario, stacks, rounds)
        else:
            write_json(RESULTS / "load" / f"{scenario.name}.json", result)
            write_overview()
    raise SystemExit(1 if has_failed else 0)


if __name__ == "__main__":
    main()
