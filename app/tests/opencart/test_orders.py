"""The watcher: a cursor on the order history that loses nothing and repeats nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from app.tests.opencart.clock import ManualClock
from app.tests.opencart.world import World

from meschain.domain.payloads import OrderNotification
from meschain.opencart.orders import CURSOR, LONGEST_PAUSE_SECONDS, OrderHistorySource
from meschain.opencart.store import OpenCartShop
from meschain.services.ports import ShopUnavailable


class MemoryCursors:
    def __init__(self) -> None:
        self.saved: dict[str, int] = {}

    async def load(self, name: str) -> int | None:
        return self.saved.get(name)

    async def save(self, name: str, position: int) -> None:
        self.saved[name] = position


class FlakyShop(OpenCartShop):
    """Fails as often as it is told to."""

    outages = 0

    async def confirmed_since(self, history_id: int, limit: int) -> tuple[int, Sequence[OrderNotification]]:
        self._fail()
        return await super().confirmed_since(history_id, limit)

    async def newest_history_id(self) -> int:
        self._fail()
        return await super().newest_history_id()

    def _fail(self) -> None:
        if self.outages:
            self.outages -= 1
            raise ShopUnavailable("away")


def flaky(world: World) -> FlakyShop:
    return FlakyShop(world.database(), world.clock)


@asynccontextmanager
async def watching(
    shop: OpenCartShop, cursors: MemoryCursors, clock: ManualClock, *, batch_rows: int = 200
) -> AsyncIterator[asyncio.Queue[list[int]]]:
    """Batches of order ids as they come; each is taken when the next is asked for."""
    found: asyncio.Queue[list[int]] = asyncio.Queue()

    async def run() -> None:
        async for batch in OrderHistorySource(shop, cursors, clock, batch_rows=batch_rows).confirmed():
            await found.put([order.order_id for order in batch])

    task = asyncio.create_task(run())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def following(found: asyncio.Queue[list[int]], clock: ManualClock) -> list[int]:
    """The next batch, after one poll."""
    await clock.until_asleep()
    clock.advance(0.5)
    async with asyncio.timeout(20):
        return await found.get()


async def nothing(found: asyncio.Queue[list[int]], clock: ManualClock) -> None:
    """Let a poll pass that finds nothing."""
    await clock.until_asleep()
    clock.advance(0.5)
    await clock.until_asleep()
    assert found.empty()


async def test_it_begins_at_the_newest_and_tells_what_follows(world: World) -> None:
    await world.history(await world.order(0), 1)
    cursors = MemoryCursors()
    async with watching(world.shop(), cursors, world.clock) as found:
        await nothing(found, world.clock)
        order_id = await world.order(0)
        await nothing(found, world.clock)
        await world.history(order_id, 16)
        await nothing(found, world.clock)
        newest = await world.history(order_id, 1)
        assert await following(found, world.clock) == [order_id]
        await world.clock.until_asleep()
        assert cursors.saved == {CURSOR: newest}
        assert world.clock.slept[-1] == 0.5


async def test_a_batch_not_asked_beyond_is_told_again_after_a_restart(shop_4_1: World) -> None:
    world, cursors = shop_4_1, MemoryCursors()
    cursors.saved[CURSOR] = 0
    order_id = await world.order(0)
    await world.history(order_id, 1)
    batches = OrderHistorySource(world.shop(), cursors, world.clock).confirmed()
    first = await anext(batches)
    assert ([order.order_id for order in first], cursors.saved) == ([order_id], {CURSOR: 0})
    event_id = first[0].event_id
    await batches.aclose()  # type: ignore[attr-defined]  # an async generator behind the port's iterator
    async with watching(world.shop(), cursors, world.clock) as found:
        async with asyncio.timeout(20):
            assert await found.get() == [order_id]
        await world.clock.until_asleep()
    assert first[0].event_id == event_id
    async with watching(world.shop(), cursors, world.clock) as found:
        await nothing(found, world.clock)


async def test_what_happened_while_it_was_stopped_comes_in_batches_without_waiting(shop_4_1: World) -> None:
    world, cursors = shop_4_1, MemoryCursors()
    cursors.saved[CURSOR] = await world.history(await world.order(0), 1)
    orders = [await world.order(0) for _ in range(5)]
    for order_id in orders:
        await world.history(order_id, 1)
    async with watching(world.shop(), cursors, world.clock, batch_rows=2) as found:
        await world.clock.until_asleep()
        assert [found.get_nowait() for _ in range(3)] == [orders[:2], orders[2:4], orders[4:]]


async def test_an_outage_is_waited_out_with_growing_pauses_and_loses_nothing(shop_4_1: World) -> None:
    world, cursors, shop = shop_4_1, MemoryCursors(), flaky(shop_4_1)
    clock = ManualClock(jump=True)
    shop.outages = 2
    source = OrderHistorySource(shop, cursors, clock).confirmed()
    cursors.saved[CURSOR] = 0
    order_id = await world.order(0)
    await world.history(order_id, 1)
    first = await anext(source)
    assert [order.order_id for order in first] == [order_id]
    assert clock.slept == [0.5, 1.0]
    second_id = await world.order(0)
    await world.history(second_id, 1)
    shop.outages = 9
    clock.slept.clear()
    assert [order.order_id for order in await anext(source)] == [second_id]
    assert clock.slept[:4] == [0.5, 1.0, 2.0, 4.0]
    assert max(clock.slept) == LONGEST_PAUSE_SECONDS
    await source.aclose()  # type: ignore[attr-defined]  # an async generator behind the port's iterator


async def test_a_cursor_beyond_the_history_begins_at_its_end(shop_4_1: World) -> None:
    cursors = MemoryCursors()
    cursors.saved[CURSOR] = 4711
    newest = await shop_4_1.history(await shop_4_1.order(0), 1)
    async with watching(shop_4_1.shop(), cursors, shop_4_1.clock) as found:
        await nothing(found, shop_4_1.clock)
        assert cursors.saved == {CURSOR: newest}
        order_id = await shop_4_1.order(0)
        await shop_4_1.history(order_id, 1)
        assert await following(found, shop_4_1.clock) == [order_id]
