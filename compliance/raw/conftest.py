"""Servers for the suites on bare sockets: one of each lane, which all tests of a run share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from compliance.conftest import running
from compliance.raw.judge import Judge
from compliance.server import ConformanceServer

_FOLDER = Path(__file__).parent
LANES = {"fast": (), "asgi": ("--plain-asgi",)}


@pytest.fixture(scope="session", params=LANES)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, ConformanceServer]]:
    """A lane, and a server on it as a process of its own."""
    lane = str(request.param)
    server = ConformanceServer(tmp_path_factory.mktemp(lane) / "server.log", LANES[lane])
    with running(server):
        yield lane, server


@pytest.fixture
async def judge(served: tuple[str, ConformanceServer]) -> AsyncIterator[Judge]:
    """The view of one test on such a server; what it leaves open is cut off."""
    lane, server = served
    judge = Judge(server, lane)
    yield judge
    await judge.leave()


fast_only = pytest.mark.parametrize("served", ["fast"], indirect=True)
"""For what the ASGI server decides by itself on the other lane."""


def is_for_lane(test: object, lane: str) -> bool:
    """Whether a test runs on a lane."""
    return lane == "fast" or fast_only.mark not in getattr(test, "pytestmark", ())


def runs_on(lane: str, over: str | None) -> bool:
    """Whether a combination is tried on a lane: only WebSockets are served by another code on the second."""
    return lane == "fast" or over is None or over.startswith("WebSockets")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what would be tried twice, and trials that are not for a lane."""
    items[:] = [item for item in items if not item.path.is_relative_to(_FOLDER) or _is_wanted(item)]


def _is_wanted(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    if callspec is None:
        return True
    lane = str(callspec.params.get("served", "fast"))
    trial = callspec.params.get("trial")
    if trial is not None:
        return bool(trial.is_for(lane))
    return runs_on(lane, callspec.params.get("over"))
