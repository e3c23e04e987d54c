"""What was missed is replayed; what cannot be is said. Hubs and connections: `hubs/test_resuming`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from app.tests.services.fakes import START, FakeClock, FakeShop, MemoryEvents, some_event
from app.tests.services.store_specs import pruned

from meschain.domain.events import ADMIN_HUB, ADMINS_GROUP, MARKETPLACE_HUB, StoredEvent, marketplace_group
from meschain.domain.payloads import ResumeAnswer
from meschain.services.errors import ResumeRefused
from meschain.services.options import EventOptions
from meschain.services.resume import LAST_ORDERS, ResumeService

TRENDYOL = {marketplace_group("trendyol")}


class Caller:
    """Resumes as a connection would, and notes what it is sent."""

    def __init__(self, service: ResumeService) -> None:
        self._service = service
        self.replayed: list[int] = []

    async def resume(
        self, position: object, groups: Sequence[str] | set[str], hub: str = MARKETPLACE_HUB
    ) -> ResumeAnswer:
        async def replay(events: Sequence[StoredEvent]) -> None:
            self.replayed.extend(stored.position for stored in events)

        return await self._service.resume(hub, groups, ("trendyol",), position, replay)


@pytest.fixture
def events(clock: FakeClock) -> MemoryEvents:
    return MemoryEvents(clock)


@pytest.fixture
def shop() -> FakeShop:
    return FakeShop()


@pytest.fixture
def caller(events: MemoryEvents, shop: FakeShop) -> Caller:
    return Caller(ResumeService(events=events, shop=shop, options=EventOptions(replay=3, replay_scan=6)))


def answer(position: int, *, complete: bool = True, more: bool = False, orders: Sequence[Any] = ()) -> ResumeAnswer:
    return ResumeAnswer(position=position, complete=complete, more=more, orders=list(orders), events=[])


async def test_what_its_groups_missed_is_replayed_in_order(events: MemoryEvents, caller: Caller) -> None:
    codes = ("trendyol", "n11", "trendyol", "", "trendyol")
    await events.append([some_event(n, marketplace=code) for n, code in enumerate(codes, 1)])
    assert await caller.resume(1, TRENDYOL) == answer(5)
    assert caller.replayed == [3, 5]


async def test_administrators_are_replayed_everything(events: MemoryEvents, caller: Caller) -> None:
    await events.append([some_event(1, "alert", ""), some_event(2, "activity", ""), some_event(3)])
    assert await caller.resume(0, {ADMINS_GROUP}, ADMIN_HUB) == answer(3)
    assert caller.replayed == [1, 2, 3]


async def test_who_is_in_no_group_is_replayed_nothing(events: MemoryEvents, caller: Caller) -> None:
    await events.append([some_event(1), some_event(2, "alert", "")])
    assert await caller.resume(0, ()) == answer(2)
    assert await caller.resume(0, TRENDYOL, ADMIN_HUB) == answer(2)
    assert caller.replayed == []


async def test_more_than_a_call_replays_comes_with_the_next(events: MemoryEvents, caller: Caller) -> None:
    await events.append([some_event(n) for n in range(1, 8)])
    assert await caller.resume(0, TRENDYOL) == answer(3, more=True)
    assert await caller.resume(3, TRENDYOL) == answer(6, more=True)
    assert await caller.resume(6, TRENDYOL) == answer(7)
    assert caller.replayed == [1, 2, 3, 4, 5, 6, 7]


async def test_more_than_a_call_looks_through_comes_with_the_next(events: MemoryEvents, caller: Caller) -> None:
    await events.append([some_event(n, marketplace="n11") for n in range(1, 8)] + [some_event(8)])
    assert await caller.resume(0, TRENDYOL) == answer(6, more=True)
    assert await caller.resume(6, TRENDYOL) == answer(8)
    assert caller.replayed == [8]


async def test_who_has_no_position_begins_now_with_the_last_orders(
    events: MemoryEvents, shop: FakeShop, caller: Caller
) -> None:
    await events.append([some_event(1)])
    found = await caller.resume(None, TRENDYOL)
    assert found == answer(1, orders=await shop.recent_orders(LAST_ORDERS, ("trendyol",)))
    assert caller.replayed == []


async def test_a_position_that_is_not_kept_any_more_is_said_to_be_incomplete(
    events: MemoryEvents, shop: FakeShop, caller: Caller
) -> None:
    await events.append([some_event(n) for n in range(1, 5)])
    await events.mark_published(3)
    await pruned(events, START + timedelta(days=1))
    orders = await shop.recent_orders(LAST_ORDERS, ("trendyol",))
    assert await caller.resume(2, TRENDYOL) == answer(4, complete=False, orders=orders)
    assert caller.replayed == []
    assert await caller.resume(3, TRENDYOL) == answer(4)
    assert caller.replayed == [4]


async def test_what_is_forgotten_while_it_is_asked_for_is_incomplete_too(clock: FakeClock, shop: FakeShop) -> None:
    class Forgetting(MemoryEvents):
        async def newest(self) -> int:
            found = await super().newest()
            await pruned(self, START + timedelta(days=1))
            return found

    for told, at in ((2, 1), (3, 1)):
        events = Forgetting(clock)
        await events.append([some_event(n) for n in range(1, 4)])
        await events.mark_published(told)
        caller = Caller(ResumeService(events=events, shop=shop))
        assert not (await caller.resume(at, TRENDYOL)).complete
        assert caller.replayed == []


async def test_a_position_of_another_database_is_incomplete(events: MemoryEvents, caller: Caller) -> None:
    await events.append([some_event(1)])
    assert not (await caller.resume(2, TRENDYOL)).complete


async def test_a_shop_that_is_away_leaves_the_orders_out(events: MemoryEvents, shop: FakeShop, caller: Caller) -> None:
    shop.go_away()
    assert await caller.resume(None, TRENDYOL) == answer(0)


@pytest.mark.parametrize("position", [-1, 1.5, "3", True, [], {}])
async def test_what_is_no_position_is_refused(caller: Caller, position: object) -> None:
    with pytest.raises(ResumeRefused, match="position"):
        await caller.resume(position, TRENDYOL)


async def test_what_is_stored_while_it_replays_is_left_to_come_live(events: MemoryEvents, shop: FakeShop) -> None:
    class Growing(MemoryEvents):
        async def behind(self, position: int, limit: int) -> Sequence[StoredEvent]:
            await self.append([some_event(await self.newest() + 1)])
            return await super().behind(position, limit)

    growing = Growing(FakeClock())
    await growing.append([some_event(1)])
    caller = Caller(ResumeService(events=growing, shop=shop))
    assert await caller.resume(0, TRENDYOL) == answer(1)
    assert caller.replayed == [1]
