"""Who is on the wrong side is told, a few at a time, and closed when the time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest
from app.tests.rollout.memory import MemoryPlaced, MemoryPlans
from app.tests.services.fakes import FakeClock

from meschain.domain.payloads import ServerMoving
from meschain.domain.roles import Identity, Role
from meschain.domain.rollout import Side
from meschain.rollout.mover import Mover
from meschain.rollout.plans import Rollout
from meschain.services.options import RolloutOptions
from meschain.services.rollout_ports import PlacedConnection

OPTIONS = RolloutOptions(deadline_seconds=10, under_way_seconds=60, back_under_way_seconds=60)
PER_SECOND = 100


class Clients:
    """Remembers what connections were told, and when."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.told: list[tuple[float, Side, str, ServerMoving]] = []
        self.closed: list[tuple[float, Side, str]] = []
        self.refused: list[float] = []
        self.away: set[str] = set()
        """Hubs that are not reached."""
        self.answers = asyncio.Event()
        """Unset: they hang."""
        self.answers.set()
        self.asked = 0

    async def tell_moving(self, side: Side, hub: str, connection_ids: Sequence[str], moving: ServerMoving) -> None:
        self.asked += len(connection_ids)
        await self.answers.wait()
        self._reach(hub)
        self.told += [(self._clock.monotonic(), side, each, moving) for each in connection_ids]

    async def close(self, side: Side, hub: str, connection_ids: Sequence[str]) -> None:
        self._reach(hub)
        self.closed += [(self._clock.monotonic(), side, each) for each in connection_ids]

    def _reach(self, hub: str) -> None:
        if hub in self.away:
            self.refused.append(self._clock.monotonic())
            raise ConnectionError("the side is away")


@pytest.fixture
def clients(clock: FakeClock) -> Clients:
    return Clients(clock)


@pytest.fixture
def mover(plans: MemoryPlans, placed: MemoryPlaced, clients: Clients, clock: FakeClock) -> Mover:
    return Mover(
        plans=plans,
        connections=placed,
        clients=clients,
        clock=clock,
        per_second=PER_SECOND,
        options=OPTIONS,
        random=Random(1),  # noqa: S311 - an order, no secret
    )


@pytest.fixture
def deployed(plans: MemoryPlans, placed: MemoryPlaced, clients: Clients, clock: FakeClock) -> Mover:
    """With the options that it has in earnest."""
    return Mover(plans=plans, connections=placed, clients=clients, clock=clock, per_second=PER_SECOND)


async def fill(placed: MemoryPlaced, count: int, side: Side = Side.BLUE, hub: str = "hub") -> None:
    for number in range(count):
        identity = Identity(f"own:{number}", "", Role.VIEWER)
        await placed.opened(PlacedConnection(hub, f"c{number}", side, identity))


async def steps(mover: Mover, clock: FakeClock, seconds: float) -> None:
    for _ in range(round(seconds / OPTIONS.step_seconds)):
        await mover.step()
        await clock.advance(OPTIONS.step_seconds)


async def test_they_are_told_at_the_rate_and_once(
    mover: Mover, rollout: Rollout, placed: MemoryPlaced, clients: Clients, clock: FakeClock
) -> None:
    await fill(placed, 250)
    await rollout.start("own:1", percent=100)
    await steps(mover, clock, 5)
    assert sorted(each for _, _, each, _ in clients.told) == sorted(f"c{number}" for number in range(250))
    start = clients.told[0][0]
    for second in range(3):
        count = sum(start + second <= at < start + second + 1 - 1e-6 for at, *_ in clients.told)
        assert count <= PER_SECOND
    assert {(side, moving.reason) for _, side, _, moving in clients.told} == {(Side.BLUE, "rollout")}
    assert clients.told[0][3].deadline == "2025-03-10T09:30:10.000Z"
    assert clients.closed == []


async def test_who_stays_is_closed_after_the_deadline_and_who_moved_is_left_alone(
    mover: Mover, rollout: Rollout, placed: MemoryPlaced, clients: Clients, clock: FakeClock
) -> None:
    await fill(placed, 3)
    await rollout.start("own:1", percent=100)
    await steps(mover, clock, 1)
    await placed.ended("hub", "c1")
    await steps(mover, clock, 8)
    assert clients.closed == []
    await steps(mover, clock, 4)
    assert sorted(each for _, _, each in clients.closed) == ["c0", "c2"]
    assert len(clients.told) == 3


async def test_a_rollback_turns_at_once_and_a_hold_stops(
    mover: Mover, rollout: Rollout, placed: MemoryPlaced, clients: Clients, clock: FakeClock
) -> None:
    await fill(placed, 500)
    await rollout.start("own:1", percent=100)
    await steps(mover, clock, 1)
    await rollout.hold("own:1")
    await steps(mover, clock, 5)
    assert len(clients.told) == PER_SECOND
    await fill_green(placed, clients)
    before = clock.monotonic()
    await rollout.roll_back("own:1")
    await steps(mover, clock, 2)
    back = [(at, each) for at, side, each, _ in clients.told if side is Side.GREEN]
    assert len(back) == PER_SECOND
    assert back[0][0] - before < OPTIONS.look_seconds


async def fill_green(placed: MemoryPlaced, clients: Clients) -> None:
    """Those that were told have moved."""
    for _, _, each, _ in list(clients.told):
        old = placed.open[("hub", each)]
        await placed.ended("hub", each)
        await placed.opened(PlacedConnection("hub", f"{each}-new", Side.GREEN, old.identity))


async def test_a_side_that_is_away_is_told_once_it_is_back_and_has_its_whole_deadline(
    mover: Mover, rollout: Rollout, placed: MemoryPlaced, clients: Clients, clock: FakeClock
) -> None:
    await fill(placed, 50)
    await rollout.start("own:1", percent=100)
    clients.away = {"hub"}
    await steps(mover, clock, 13)
    assert (clients.told, clients.closed) == ([], [])
    pauses = [after - before for before, after in pairwise(clients.refused)]
    assert len(pauses) > 5
    assert min(pauses) > OPTIONS.retry_seconds - 1e-6
    clients.away = set()
    back = clock.monotonic()
    await steps(mover, clock, 3)
    assert sorted(each for _, _, each, _ in clients.told) == sorted(f"c{number}" for number in range(50))
    await steps(mover, clock, 13)
    assert len(clients.told) == 50
    assert len(clients.closed) == 50
    assert min(at for at, *_ in clients.closed) - back > OPTIONS.deadline_seconds - 1e-6


async def test_who_could_not_be_closed_is_closed_at_the_next_attempt(
    mover: Mover, rollout: Rollout, placed: MemoryPlaced, clients: Clients, clock: FakeClock
) -> None:
    await fill(placed, 1)
    await rollout.start("own:1", percent=100)
    await steps(mover, clock, 9)
    assert len(clients.told) == 1
    clients.away = {"hub"}
    await steps(mover, clock, 5)
    assert clients.refused
    clients.away = set()
    await steps(mover, clock, 3)
    assert [each for _, _, each in clients.closed] == ["c0"]
    assert len(clients.told) == 1


async def test_a_hub_that_is_away_holds_up_no_other(
    mover: Mover, rollout: Rollout, placed: MemoryPlaced, clients: Clients, clock: FakeClock
) -> None:
    await fill(placed, 100)
    await fill(placed, 100, hub="other")
    await rollout.start("own:1", percent=100)
    clients.away = {"other"}
    await steps(mover, clock, 3)
    assert len(clients.told) == 100
    assert clients.closed == []


async def test_no_more_are_told_than_come_through(
    deployed: Mover, rollout: Rollout, placed: MemoryPlaced, clients: Clients, clock: FakeClock
) -> None:
    options = RolloutOptions()
    await fill(placed, 250)
    await rollout.start("own:1", percent=100)
    await steps(deployed, clock, 2)
    assert len(clients.told) == 20
    for _, _, each, _ in clients.told[:5]:
        await placed.ended("hub", each)
    await steps(deployed, clock, 0.5)
    assert len(clients.told) == 25
    # Who does not know the word is waited for no longer.
    await steps(deployed, clock, options.settle_seconds)
    assert len(clients.told) > 40


async def test_twice_as_many_go_back_at_the_same_time(
    deployed: Mover, rollout: Rollout, placed: MemoryPlaced, clients: Clients, clock: FakeClock
) -> None:
    await fill(placed, 250, side=Side.GREEN)
    await rollout.start("own:1", percent=100)
    await rollout.roll_back("own:1")
    await steps(deployed, clock, 2)
    assert len(clients.told) == 40


async def test_a_side_that_hangs_gets_no_more_and_who_is_told_late_has_its_whole_deadline(
    deployed: Mover, rollout: Rollout, placed: MemoryPlaced, clients: Clients, clock: FakeClock
) -> None:
    options = RolloutOptions()
    await fill(placed, 250)
    await rollout.start("own:1", percent=100)
    clients.answers.clear()
    await steps(deployed, clock, options.deadline_seconds + 5)
    assert (clients.told, clients.closed, clients.asked) == ([], [], 20)
    clients.answers.set()
    answered = clock.monotonic()
    await steps(deployed, clock, options.deadline_seconds - 1)
    assert clients.closed == []
    await steps(deployed, clock, 9)
    assert min(at for at, *_ in clients.closed) - answered > options.deadline_seconds - 1e-6


async def test_who_was_being_told_at_a_stop_is_told_by_the_next_one(
    mover: Mover, rollout: Rollout, placed: MemoryPlaced, clients: Clients, clock: FakeClock
) -> None:
    await fill(placed, 5)
    await rollout.start("own:1", percent=100)
    clients.answers.clear()
    running = asyncio.create_task(mover.run())
    for _ in range(5):
        await clock.advance(OPTIONS.step_seconds)
    assert clients.asked == 5
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    clients.answers.set()
    await steps(mover, clock, 7)
    assert len(clients.told) == 5
    assert clients.closed == []
