from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from app.tests.services.conftest import Run, World
from app.tests.services.fakes import settle, some_order

from meschain.domain.payloads import OrderNotification
from meschain.services.options import OrderOptions
from meschain.services.orders import OrderWatcher
from meschain.services.ports import ShopUnavailable

OPTIONS = OrderOptions()


class FakeSource:
    """Gives what a test puts in; counts the batches that were taken to their end."""

    def __init__(self) -> None:
        self.batches: asyncio.Queue[Sequence[OrderNotification] | Exception] = asyncio.Queue()
        self.taken = 0
        self.opened = 0

    async def confirmed(self) -> AsyncIterator[Sequence[OrderNotification]]:
        self.opened += 1
        while True:
            batch = await self.batches.get()
            if isinstance(batch, Exception):
                raise batch
            yield batch
            self.taken += 1


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def refreshed() -> list[None]:
    return []


@pytest.fixture
def watcher(world: World, source: FakeSource, refreshed: list[None]) -> OrderWatcher:
    return OrderWatcher(
        source=source,
        publisher=world.publisher,
        activity=world.activity,
        refresh=lambda: refreshed.append(None),
        clock=world.clock,
    )


async def test_orders_are_announced_in_order_and_the_figures_follow(
    world: World, source: FakeSource, watcher: OrderWatcher, refreshed: list[None], run: Run
) -> None:
    await run(watcher.run)
    source.batches.put_nowait([some_order(1), some_order(2, "shop")])
    await settle()
    assert [order.order_id for order in world.publisher.orders()] == [1, 2]
    assert [row.text for row in world.activity_rows.rows] == ["Order TY-1 from Trendyol.", "Order TY-2 from the shop."]
    assert len(refreshed) == 1
    assert source.taken == 1


async def test_a_failing_publish_is_tried_again_before_the_cursor_moves(
    world: World, source: FakeSource, watcher: OrderWatcher, run: Run
) -> None:
    world.publisher.failures = 2
    await run(watcher.run)
    source.batches.put_nowait([some_order(1)])
    await settle()
    assert (world.publisher.orders(), source.taken) == ([], 0)
    await world.clock.advance(OPTIONS.first_pause_seconds)
    assert (world.publisher.orders(), source.taken) == ([], 0)
    await world.clock.advance(OPTIONS.first_pause_seconds * 2)
    assert [order.order_id for order in world.publisher.orders()] == [1]
    assert source.taken == 1


async def test_an_order_that_can_never_be_sent_does_not_hold_up_the_next(
    world: World, source: FakeSource, watcher: OrderWatcher, run: Run
) -> None:
    world.publisher.failures = OPTIONS.attempts
    await run(watcher.run)
    source.batches.put_nowait([some_order(1), some_order(2)])
    await world.clock.advance(OPTIONS.attempts * OPTIONS.longest_pause_seconds)
    assert [order.order_id for order in world.publisher.orders()] == [2]
    assert len(world.activity_rows.rows) == 2  # the first is still told of, in the activity


async def test_a_shop_that_goes_away_is_watched_again_after_a_pause(
    world: World, source: FakeSource, watcher: OrderWatcher, run: Run
) -> None:
    await run(watcher.run)
    source.batches.put_nowait(ShopUnavailable("away"))
    source.batches.put_nowait(ShopUnavailable("still away"))
    source.batches.put_nowait([some_order(1)])
    await settle()
    assert source.opened == 1
    await world.clock.advance(OPTIONS.first_pause_seconds)
    assert source.opened == 2
    await world.clock.advance(OPTIONS.first_pause_seconds * 2)
    assert source.opened == 3
    assert [order.order_id for order in world.publisher.orders()] == [1]


async def test_an_order_announced_again_is_one_row_of_activity(
    world: World, source: FakeSource, watcher: OrderWatcher, run: Run
) -> None:
    await run(watcher.run)
    source.batches.put_nowait([some_order(1)])
    source.batches.put_nowait([some_order(1)])
    await settle()
    assert len(world.publisher.orders()) == 2
    assert len(world.activity_rows.rows) == 1
