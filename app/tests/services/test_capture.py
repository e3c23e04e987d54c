"""Carrying changes of the shop into the log of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import pytest
from app.tests.services.conftest import Run, World
from app.tests.services.fakes import MemoryEvents, settle, some_order

from meschain.domain.new_events import activity_event, order_event
from meschain.domain.payloads import UserActivity
from meschain.services.capture import ChangeCapture
from meschain.services.clock import iso_utc
from meschain.services.options import CaptureOptions
from meschain.services.ports import CaptureImpossible, Changes, ShopUnavailable

OPTIONS = CaptureOptions()
NOTHING = Changes([], {})


class FakeSource:
    """Gives what a test puts in; counts the batches that were taken to their end."""

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.batches: asyncio.Queue[Changes | Exception] = asyncio.Queue()
        self.taken = 0
        self.opened = 0
        self.closed = 0

    async def changes(self) -> AsyncGenerator[Changes, None]:
        self.opened += 1
        try:
            while True:
                batch = await self.batches.get()
                if isinstance(batch, Exception):
                    raise batch
                yield batch
                self.taken += 1
        finally:
            self.closed += 1


def activity(number: int) -> UserActivity:
    moment = iso_utc(datetime(2026, 6, 15, tzinfo=UTC))
    return UserActivity(event_id=f"a{number}", kind="order", user="A", text="x", details={}, occurred_at=moment)


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def refreshed() -> list[None]:
    return []


@pytest.fixture
def events(world: World) -> MemoryEvents:
    return MemoryEvents(world.clock)


def capture(world: World, events: MemoryEvents, refreshed: list[None], *sources: FakeSource) -> ChangeCapture:
    return ChangeCapture(
        sources=sources,
        events=events,
        activity=world.activity_rows,
        refresh=lambda: refreshed.append(None),
        clock=world.clock,
    )


async def test_events_and_positions_are_stored_and_the_figures_follow(
    events: MemoryEvents, world: World, source: FakeSource, refreshed: list[None], run: Run
) -> None:
    await run(capture(world, events, refreshed, source).run)
    batch = [order_event(some_order(1)), activity_event(activity(1)), order_event(some_order(2, "shop"))]
    source.batches.put_nowait(Changes(batch, {"history": "2"}))
    source.batches.put_nowait(NOTHING)
    source.batches.put_nowait(Changes([], {"history": "3"}))
    await settle()
    assert [stored.event for stored in events.rows] == batch
    assert events.cursors.rows == {"history": "3"}
    assert world.activity_rows.rows == [activity(1)]
    assert (len(refreshed), source.taken) == (1, 3)


async def test_activities_of_one_batch_are_kept_up_to_a_limit(
    events: MemoryEvents, world: World, source: FakeSource, refreshed: list[None], run: Run
) -> None:
    await run(capture(world, events, refreshed, source).run)
    many = [activity(number) for number in range(OPTIONS.shown + 7)]
    source.batches.put_nowait(Changes([activity_event(each) for each in many], {}))
    await settle()
    assert world.activity_rows.rows == many[7:]
    assert len(events.rows) == len(many)


async def test_a_shop_that_goes_away_is_followed_again_after_growing_pauses(
    events: MemoryEvents, world: World, source: FakeSource, refreshed: list[None], run: Run
) -> None:
    await run(capture(world, events, refreshed, source).run)
    for pause in (0.5, 1.0, 2.0):
        source.batches.put_nowait(ShopUnavailable("away"))
        await settle()
        opened = source.opened
        await world.clock.advance(pause - 0.01)
        await settle()
        assert source.opened == opened
        await world.clock.advance(0.01)
        await settle()
        assert source.opened == opened + 1
    assert source.closed == source.opened - 1


async def test_a_way_that_is_not_possible_gives_way_to_the_next_and_is_tried_again_later(
    events: MemoryEvents, world: World, refreshed: list[None], run: Run
) -> None:
    binlog, polling = FakeSource("binary log"), FakeSource("polling")
    await run(capture(world, events, refreshed, binlog, polling).run)
    binlog.batches.put_nowait(CaptureImpossible("grant something"))
    await settle()
    polling.batches.put_nowait(Changes([order_event(some_order(1))], {}))
    await settle()
    assert (binlog.opened, polling.opened, len(events.rows)) == (1, 1, 1)
    await world.clock.advance(OPTIONS.retry_seconds)
    polling.batches.put_nowait(NOTHING)
    await settle()
    assert (binlog.opened, polling.closed) == (2, 1)
    binlog.batches.put_nowait(Changes([order_event(some_order(2))], {}))
    await settle()
    assert len(events.rows) == 2


async def test_when_nothing_is_possible_it_says_so(events: MemoryEvents, world: World, refreshed: list[None]) -> None:
    source = FakeSource()
    source.batches.put_nowait(CaptureImpossible("grant something"))
    with pytest.raises(CaptureImpossible, match="grant something"):
        await capture(world, events, refreshed, source).run()
