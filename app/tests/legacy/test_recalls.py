"""Which old pages are told to come again, and at what pace; stores are fakes in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from app.tests.legacy.use_specs import RecallStoreSpec
from app.tests.services.fakes import START, FakeClock, settle

from meschain.legacy.options import LegacyOptions
from meschain.legacy.recalls import Recalls
from meschain.services.legacy_recall import Recall, StoredRecall

OPTIONS = LegacyOptions()


class MemoryRecalls:
    """`RecallStore` in memory; fails while `is_away`."""

    def __init__(self) -> None:
        self.rows: list[tuple[StoredRecall, datetime]] = []
        self.is_away = False
        self._count = 0

    async def add(self, recall: Recall, asked_at: datetime) -> None:
        self._count += 1
        kept = [row for row in self.rows if (asked_at - row[1]).days < 1]
        self.rows = [*kept, (StoredRecall(self._count, recall), asked_at)]

    async def newest(self) -> int:
        return self._count

    async def behind(self, number: int) -> Sequence[StoredRecall]:
        if self.is_away:
            raise ConnectionError("the database is away")
        return [stored for stored, _ in self.rows if stored.number > number]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class TestMemoryRecalls(RecallStoreSpec):
    @pytest.fixture
    def store(self) -> MemoryRecalls:
        return MemoryRecalls()


@dataclass(eq=False)
class Page:
    listener: str
    address: str
    clock: FakeClock
    recalled_at: list[float] = field(default_factory=list)
    fails: bool = False

    async def recall(self) -> None:
        self.recalled_at.append(self.clock.monotonic())
        if self.fails:
            raise ConnectionError("it is closed")


@asynccontextmanager
async def watching(store: MemoryRecalls, pages: Sequence[Page], clock: FakeClock) -> AsyncIterator[None]:
    running = asyncio.create_task(Recalls(store, lambda: pages, clock, OPTIONS).run())
    await settle()
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def passed(clock: FakeClock, seconds: float) -> None:
    for _ in range(round(seconds / 0.05)):
        await clock.advance(0.05)


async def test_those_of_the_listener_and_network_are_ended_at_the_pace(clock: FakeClock) -> None:
    store = MemoryRecalls()
    wanted = [Page("first", f"198.51.100.{number}", clock) for number in range(20)]
    others = [Page("second", "198.51.100.1", clock), Page("first", "192.0.2.1", clock)]
    wanted[3].fails = True  # which holds up nobody
    async with watching(store, [*wanted, *others], clock):
        await store.add(Recall("first", "198.51.100.0/24", 10), START)
        await passed(clock, OPTIONS.recall_look_seconds + 1)
        count = sum(len(page.recalled_at) for page in wanted)
        assert 0 < count <= 11
        await passed(clock, 2)
    assert all(len(page.recalled_at) == 1 for page in wanted)
    assert all(page.recalled_at == [] for page in others)
    assert wanted[-1].recalled_at[0] - wanted[0].recalled_at[0] >= 1.9 - 1e-6


async def test_what_was_asked_for_before_concerns_connections_that_are_gone(clock: FakeClock) -> None:
    store = MemoryRecalls()
    page = Page("first", "192.0.2.1", clock)
    await store.add(Recall("first", "", 10), START)
    async with watching(store, [page], clock):
        await passed(clock, 3)
    assert page.recalled_at == []


async def test_one_that_takes_back_another_does_not_wait_for_it(clock: FakeClock) -> None:
    store = MemoryRecalls()
    first = [Page("first", "192.0.2.1", clock) for _ in range(50)]
    second = [Page("second", "192.0.2.1", clock)]
    async with watching(store, [*first, *second], clock):
        await store.add(Recall("first", "", 1), START)
        await passed(clock, 2)
        await store.add(Recall("second", "", 1), START)
        await passed(clock, 2)
    assert len(second[0].recalled_at) == 1
    assert sum(len(page.recalled_at) for page in first) < 10


async def test_a_database_that_is_away_is_asked_again(clock: FakeClock) -> None:
    store = MemoryRecalls()
    page = Page("first", "192.0.2.1", clock)
    async with watching(store, [page], clock):
        store.is_away = True
        await store.add(Recall("first", "192.0.2.0/24", 10), START)
        await passed(clock, 3)
        assert page.recalled_at == []
        store.is_away = False
        await passed(clock, 2)
    assert len(page.recalled_at) == 1


async def test_who_has_left_meanwhile_is_passed_over(clock: FakeClock) -> None:
    store = MemoryRecalls()
    pages = [Page("first", "192.0.2.1", clock) for _ in range(5)]
    there = list(pages)
    async with watching(store, there, clock):
        await store.add(Recall("first", "", 1), START)
        await passed(clock, OPTIONS.recall_look_seconds + 0.5)
        there.remove(pages[4])
        await passed(clock, 6)
    assert [len(page.recalled_at) for page in pages] == [1, 1, 1, 1, 0]
