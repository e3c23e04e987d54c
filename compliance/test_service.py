"""The checklist once more, through `hubwire service`: negotiate at the application, and its hub behind the service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from compliance.javascript import Case, Result, cases, run_in_node
from compliance.service import served

pytestmark = pytest.mark.timeout(360)

_STREAMS = "Streams are not passed on to the application; the client gets a clear error, which extra tests show."
_OTHER_PATHS = "The row is about a path that only the conformance server itself has."
_REQUEST = "The client's own request ends at the service; the application sees query and claims."

NOT_HERE = {
    "02": "HTTPS makes no difference to the service's contract.",
    **dict.fromkeys(("05", "06", "08", "09", "10", "15", "16", "J", "K", "L", "N"), _STREAMS),
    "22": "A silent server is looked for by the client alone.",
    "23": _REQUEST,
    **dict.fromkeys(("25", "28", "29", "32", "33", "34", "35", "B", "C", "G"), _OTHER_PATHS),
    "26": "Without negotiate there is nothing that leads to the service.",
    "31": _REQUEST,
    "D": _REQUEST,
    "E": "What the service closes may come again, as in Azure's; so the client does.",
    "F": "The service's limit is 1 MiB, which extra tests show.",
    "H": "A refused connect is kept unless the service is told otherwise, which extra tests show.",
}

LONG = "I"
"""300 calls, each of which is two HTTP requests here: one combination for each protocol shows as much as all."""

CASES = [
    case
    for case in cases("node")
    if case.row not in NOT_HERE
    and (case.row != LONG or (case.client == "signalr-10" and case.transport == "WebSockets"))
]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Result]]:
    with served(tmp_path_factory.mktemp("service")) as (_, application):
        yield run_in_node([case.id for case in CASES], application.url, application.url, None)


@pytest.mark.parametrize("case", [pytest.param(each, id=each.id) for each in CASES])
def test_row(case: Case, outcome: dict[str, Result]) -> None:
    outcome[case.id].check()
