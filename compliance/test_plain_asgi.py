"""The rows that use WebSockets once more, with a server that leaves those to ASGI instead of our fast lane."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from compliance.conftest import Judged, running
from compliance.javascript import Case, Result, cases, run_in_node
from compliance.server import ConformanceServer

pytestmark = pytest.mark.timeout(360)

NOT_HERE = {
    "02": "HTTPS makes no difference to the lane.",
    "23": "HTTPS makes no difference to the lane.",
    "35": "uvicorn answers a close frame without a code by one without a code, where the fast lane says 1000.",
}

CASES = [
    case
    for case in cases("node")
    if case.client == "signalr-10" and case.transport in ("WebSockets", None) and case.row not in NOT_HERE
]


@pytest.fixture(scope="module")
def outcome(judged: Judged, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Result]]:
    server = ConformanceServer(tmp_path_factory.mktemp("asgi") / "http.log", ("--plain-asgi",))
    with running(server) as url:
        yield run_in_node([case.id for case in CASES], url, judged.secure_url, judged.certificate)


@pytest.mark.parametrize("case", [pytest.param(each, id=each.id) for each in CASES])
def test_row(case: Case, outcome: dict[str, Result]) -> None:
    outcome[case.id].check()
