"""The checklist with the official JavaScript client in Node. All cases run at once; each is reported by itself."""

from __future__ import annotations

import pytest
from compliance.conftest import Judged
from compliance.javascript import Case, Result, cases, run_in_node

pytestmark = pytest.mark.timeout(360)


@pytest.fixture(scope="module")
def outcome(judged: Judged, request: pytest.FixtureRequest) -> dict[str, Result]:
    """The results of all cases that were asked for."""
    wanted = [
        item.callspec.id
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path
    ]
    return run_in_node(wanted, judged.url, judged.secure_url, judged.certificate)


@pytest.mark.parametrize("case", [pytest.param(each, id=each.id) for each in cases("node")])
def test_row(case: Case, outcome: dict[str, Result]) -> None:
    outcome[case.id].check()
