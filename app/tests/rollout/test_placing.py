"""Where a connection is held is noted at its connect, or at the first call that succeeds in noting it."""

from __future__ import annotations

import pytest
from app.tests.rollout.memory import MemoryCounts, MemoryPlaced
from app.tests.services.fakes import FakeClock

from hubwire import Hub, HubCallerContext, InvocationContext
from hubwire.plane.local import LocalDataPlane
from hubwire.testing import make_caller
from meschain.domain.rollout import Side
from meschain.rollout.meter import SideMeter
from meschain.rollout.placing import PlaceFilter
from meschain.services.rollout_ports import PlacedConnection


class FailingOnce(MemoryPlaced):
    """The first connection cannot be stored at the first attempt."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.attempts = 0

    async def opened(self, connection: PlacedConnection) -> None:
        self.attempts += 1
        if self.attempts == 1:
            raise ConnectionError("the database is away")
        await super().opened(connection)


async def answered(call: InvocationContext) -> object:
    return "an answer"


async def test_what_could_not_be_noted_is_noted_at_the_next_call_and_then_no_more(
    counts: MemoryCounts, clock: FakeClock
) -> None:
    placed = FailingOnce(clock)
    places = PlaceFilter(Side.GREEN, placed, SideMeter(counts, "one", clock))
    context = HubCallerContext(LocalDataPlane(), make_caller("own:1", connection_id="a"))
    call = InvocationContext(context, Hub(), "Method", ())
    with pytest.raises(ConnectionError):
        await places.invoke(call, answered)
    assert placed.open == {}
    for _ in range(2):
        assert await places.invoke(call, answered) == "an answer"
    assert placed.open["hub", "a"].side is Side.GREEN
    assert placed.attempts == 2
