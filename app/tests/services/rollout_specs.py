"""The promises of `services.rollout_ports`, as suites: each implementation inherits one and gives the factory."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from app.tests.services.fakes import START, FakeClock

from meschain.domain.roles import Identity, Role
from meschain.domain.rollout import Plan, PlanState, Side
from meschain.services.ports import OpenConnection
from meschain.services.rollout_ports import (
    ConnectPermits,
    CountStore,
    PlacedConnection,
    PlacedConnections,
    PlanStore,
    ReportStore,
    SideCounts,
)

PLAN = Plan(
    version=1,
    state=PlanState.RUNNING,
    percent=25,
    roles=("admin",),
    user_ids=("own:1", "opencart:Ayşe"),
    marketplaces=("n11",),
    salt="s",
    shadow=True,
    changed_by="shell:ayşe",
    reason="a first try",
    changed_at="2025-03-10T09:30:00.000Z",
)


class PlanStoreSpec:
    """Inherit it and give `store`."""

    @pytest.fixture
    def store(self) -> PlanStore:
        raise NotImplementedError

    async def test_without_one_everybody_stays(self, store: PlanStore) -> None:
        assert await store.current() == Plan()
        assert await store.history(5) == []

    async def test_the_newest_version_counts_and_all_are_kept(self, store: PlanStore) -> None:
        second = replace(PLAN, version=2, percent=50)
        assert await store.add(PLAN)
        assert await store.add(second)
        assert await store.current() == second
        assert await store.history(5) == [second, PLAN]
        assert await store.history(1) == [second]

    async def test_a_version_is_taken_once(self, store: PlanStore) -> None:
        assert await store.add(PLAN)
        assert not await store.add(replace(PLAN, percent=100))
        assert await store.current() == PLAN


def placed(number: int, side: Side = Side.BLUE, hub: str = "a") -> PlacedConnection:
    identity = Identity(f"own:{number}", f"own:{number}", Role.MARKETPLACE_MANAGER, ("n11", "ozon"))
    return PlacedConnection(hub, f"c{number}", side, identity)


class PlacedConnectionsSpec:
    """Inherit it and give `store`, on `clock`."""

    @pytest.fixture
    def store(self, clock: FakeClock) -> PlacedConnections:
        raise NotImplementedError

    async def test_pages_go_through_all_in_order(self, store: PlacedConnections) -> None:
        all_of_them = [placed(1), placed(2, Side.GREEN), placed(1, hub="b"), placed(3, hub="b")]
        for connection in reversed(all_of_them):
            await store.opened(connection)
        first = await store.page(("", ""), 3)
        assert [*first, *await store.page((first[-1].hub, first[-1].connection_id), 3)] == all_of_them
        assert await store.count() == {Side.BLUE: 3, Side.GREEN: 1}

    async def test_told_twice_is_told_once_and_an_end_is_an_end(self, store: PlacedConnections) -> None:
        for _ in range(2):
            await store.opened(placed(1))
        assert await store.count() == {Side.BLUE: 1, Side.GREEN: 0}
        await store.ended("b", "c1")
        assert await store.open_among([("a", "c1"), ("b", "c1"), ("a", "c2")]) == {("a", "c1")}
        await store.ended("a", "c1")
        await store.ended("a", "c1")
        assert await store.page(("", ""), 5) == []

    async def test_many_at_once_lose_nothing(self, store: PlacedConnections) -> None:
        await asyncio.gather(*(store.opened(placed(number)) for number in range(600)))
        changes = [store.ended("a", f"c{number}") for number in range(0, 600, 2)]
        await asyncio.gather(*changes, *(store.opened(placed(number, Side.GREEN, "b")) for number in range(3)))
        assert await store.count() == {Side.BLUE: 300, Side.GREEN: 3}

    async def test_those_that_nobody_heard_of_are_found(self, store: PlacedConnections, clock: FakeClock) -> None:
        await store.opened(placed(1))
        await clock.advance(10)
        await store.opened(placed(2))
        await clock.advance(10)
        await store.seen(OpenConnection("a", "c1", ""))
        found = await store.unseen(START + timedelta(seconds=30), 5)
        assert [each.connection_id for each in found] == ["c2", "c1"]
        assert len(await store.unseen(START + timedelta(seconds=30), 1)) == 1
        assert [each.connection_id for each in await store.unseen(START + timedelta(seconds=15), 5)] == ["c2"]


class CountStoreSpec:
    """Inherit it and give `store`."""

    @pytest.fixture
    def store(self) -> CountStore:
        raise NotImplementedError

    async def test_seconds_of_all_processes_are_summed(self, store: CountStore) -> None:
        await store.add("one", 10, {Side.BLUE: SideCounts(negotiated=1, calls=2)})
        await store.add("two", 10, {Side.BLUE: SideCounts(negotiated=3, refused=1), Side.GREEN: SideCounts(sends=5)})
        await store.add("one", 12, {Side.GREEN: SideCounts(sends=1, failed_sends=1, connected=1, failed_calls=1)})
        await store.add("one", 13, {})
        found = await store.between(10, 11)
        assert found == {Side.BLUE: SideCounts(negotiated=4, refused=1, calls=2), Side.GREEN: SideCounts(sends=5)}
        assert (await store.between(10, 12))[Side.GREEN] == SideCounts(
            sends=6, failed_sends=1, connected=1, failed_calls=1
        )
        assert await store.between(20, 30) == {side: SideCounts() for side in Side}

    async def test_old_seconds_are_deleted(self, store: CountStore) -> None:
        second = int(START.timestamp())
        await store.add("one", second - 1, {Side.BLUE: SideCounts(calls=1)})
        await store.add("one", second, {Side.BLUE: SideCounts(calls=1)})
        assert [deleted async for deleted in store.prune(START, 1_000)] == [1]
        assert (await store.between(second - 5, second))[Side.BLUE] == SideCounts(calls=1)


class ConnectPermitsSpec:
    """Inherit it and give `store` with a window that no test outlasts, and `brief` with one of a tenth of a second."""

    @pytest.fixture
    def store(self) -> ConnectPermits:
        raise NotImplementedError

    @pytest.fixture
    def brief(self) -> ConnectPermits:
        raise NotImplementedError

    async def test_no_more_are_given_than_are_left(self, store: ConnectPermits) -> None:
        assert [await store.take(wanted, 5) for wanted in (3, 4, 1)] == [3, 2, 0]
        assert await store.take(9, 7) == 2

    async def test_many_at_once_share_what_there_is(self, store: ConnectPermits) -> None:
        assert sum(await asyncio.gather(*(store.take(1, 5) for _ in range(12)))) == 5

    async def test_what_was_given_a_while_ago_does_not_count(self, brief: ConnectPermits) -> None:
        assert await brief.take(5, 5) == 5
        async with asyncio.timeout(60):
            while not await brief.take(1, 5):  # noqa: ASYNC110 - the clock is the database's
                await asyncio.sleep(0.02)


class ReportStoreSpec:
    """Inherit it and give `store`."""

    @pytest.fixture
    def store(self) -> ReportStore:
        raise NotImplementedError

    async def test_the_last_word_counts(self, store: ReportStore) -> None:
        assert await store.get("figures") == {}
        await store.put("figures", {"guard": "", "blue": {"errors": 0.5}})
        await store.put("shadow", {"compared": 1})
        await store.put("figures", {"guard": "şüpheli"})
        assert await store.get("figures") == {"guard": "şüpheli"}
        assert await store.get("shadow") == {"compared": 1}
