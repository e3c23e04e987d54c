"""Every row once more, against three processes on one port: any request of a client may reach any of them.

Nothing keeps a client with one of them. Each row opens several connections and sends several requests for each, so
that together they go every way that there is.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from compliance.conftest import Judged, running
from compliance.javascript import Case, Result, cases, run_in_node
from compliance.redis_server import redis_server
from compliance.server import ConformanceServer

pytestmark = pytest.mark.timeout(360)

WORKERS = 3
LANES = {"fast": (), "asgi": ("--plain-asgi",)}
NOT_HERE = {
    "02": "HTTPS makes no difference to where a request goes.",
    "23": "HTTPS makes no difference to where a request goes.",
}
NOT_ON_ASGI = {
    "35": "uvicorn answers a close frame without a code by one without a code, where the fast lane says 1000.",
}


@dataclass(frozen=True)
class Row:
    """A case on one lane."""

    lane: str
    case: Case


ROWS = [
    Row(lane, case)
    for lane in LANES
    for case in cases("node")
    if case.row not in NOT_HERE
    and (lane == "fast" or (case.client == "signalr-10" and case.transport != "ServerSentEvents"))
    and not (lane == "asgi" and case.row in NOT_ON_ASGI)
]


@pytest.fixture(scope="module")
def outcome(judged: Judged, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Result]:
    folder = tmp_path_factory.mktemp("workers")
    results: dict[tuple[str, str], Result] = {}
    with redis_server(folder) as redis_url:
        for lane, arguments in LANES.items():
            server = ConformanceServer(
                folder / f"{lane}.log", (*arguments, "--workers", str(WORKERS), "--redis-url", redis_url)
            )
            with running(server) as url:
                wanted = [row.case.id for row in ROWS if row.lane == lane]
                found = run_in_node(wanted, url, judged.secure_url, judged.certificate)
            results |= {(lane, case_id): result for case_id, result in found.items()}
    return results


@pytest.mark.parametrize("row", [pytest.param(each, id=f"{each.lane}-{each.case.id}") for each in ROWS])
def test_row(row: Row, outcome: dict[tuple[str, str], Result]) -> None:
    outcome[row.lane, row.case.id].check()
