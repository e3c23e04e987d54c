"""No row of this folder's checklist is forgotten: it is shown on each lane, or its exclusion says why not."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from compliance.checklist import Duty, Exclusion, duties, exclusions, shown_by_test
from compliance.raw.conftest import LANES, is_for_lane, runs_on

FOLDER = Path(__file__).parent
REPOSITORY = FOLDER.parent.parent


def modules() -> Iterator[ModuleType]:
    for path in sorted(FOLDER.glob("test_*.py")):
        if path != Path(__file__):
            yield importlib.import_module(f"compliance.raw.{path.stem}")


SHOWN = {
    lane: {
        duty
        for module in modules()
        for test in vars(module).values()
        if is_for_lane(test, lane)
        for duty in shown_by_test(test)
    }
    for lane in LANES
}
DUTIES = duties(FOLDER)
DUE = {lane: [duty for duty in DUTIES if runs_on(lane, duty.over)] for lane in LANES}
EXCLUSIONS = exclusions(FOLDER)


def is_shown(duty: Duty, lane: str) -> bool:
    # A row that is due once is shown by any combination, and a test without one goes through whatever it needs.
    return any((each.row == duty.row and None in (duty.over, each.over)) or each == duty for each in SHOWN[lane])


@pytest.mark.parametrize("lane", LANES)
def test_every_row_is_shown_or_excluded_with_a_reason(lane: str) -> None:
    forgotten = [
        duty for duty in DUTIES if not is_shown(duty, lane) and not any(each.covers(lane, duty) for each in EXCLUSIONS)
    ]
    assert forgotten == []


@pytest.mark.parametrize("lane", LANES)
def test_no_exclusion_names_a_row_that_is_shown(lane: str) -> None:
    stale = [duty for duty in DUE[lane] if is_shown(duty, lane) and any(each.covers(lane, duty) for each in EXCLUSIONS)]
    assert stale == []


def test_no_test_shows_a_row_that_does_not_exist() -> None:
    rows = {duty.row for duty in DUTIES}
    assert {duty.row for shown in SHOWN.values() for duty in shown} <= rows


@pytest.mark.parametrize("excluded", EXCLUSIONS, ids=lambda each: each.rows[0])
def test_every_exclusion_has_a_reason_and_a_proof_that_exists(excluded: Exclusion) -> None:
    assert set(excluded.rows) <= {duty.row for duty in DUTIES}
    assert set(excluded.by) <= set(LANES)
    assert len(excluded.reason) > 20
    # What neither lane shows has to be shown by someone.
    assert excluded.proof is not None or len(excluded.by) < len(LANES)
    if excluded.proof is not None:
        path, _, name = excluded.proof.partition("::")
        tree = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_documented_limit_has_a_row() -> None:
    page = (REPOSITORY / "docs/reference/limits.md").read_text(encoding="utf-8")
    # What stands behind them is between processes, or of others than SignalR's clients.
    sections = ("Of a connection", "Of a server", "Of requests that another process holds the connection of")
    texts = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", page, flags=re.MULTILINE | re.DOTALL))
    text = "".join(texts[section] for section in sections)
    options = set(re.findall(r"`([a-z_]+_(?:bytes|seconds|items|per_second)|maximum_[a-z_]+)`", text))
    assert len(options) > 15
    assert {f"limit-{option}" for option in options} <= {duty.row for duty in DUTIES}
