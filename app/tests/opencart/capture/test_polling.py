"""Changes by asking."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime

import pytest
from app.tests.opencart.capture.change_source_spec import ChangeSourceSpec
from app.tests.opencart.capture.follower import Follower
from app.tests.opencart.clock import ManualClock
from app.tests.opencart.world import World

from meschain.opencart.capture.numbering import GAP_SECONDS
from meschain.opencart.capture.polling import LARGEST_SHARE, PollingOptions, PollingSource
from meschain.opencart.schema import Version

MakeWorld = Callable[..., Awaitable[World]]


class TestPolling(ChangeSourceSpec):
    @pytest.fixture
    async def follower(self, world: World) -> AsyncIterator[Follower]:
        follower = Follower(world, PollingSource)
        await follower.start()
        yield follower
        await follower.stop()


INSERT = (
    "INSERT INTO {order_history} (order_history_id, order_id, order_status_id, notify, comment, date_added)"
    " VALUES (?, ?, 1, 0, '', '2026-06-15 10:00:30')"
)


@pytest.fixture
async def polled(shop_4_1: World) -> AsyncIterator[Follower]:
    """Not started."""
    follower = Follower(shop_4_1, PollingSource)
    yield follower
    await follower.stop()


async def test_what_is_there_at_the_beginning_is_no_news(polled: Follower) -> None:
    world = polled.world
    await world.product(5)
    await world.history(await world.order(0), 1)
    await polled.start()
    assert polled.log.events == []
    assert (await polled.catch_up()).events == []


async def test_a_first_look_that_did_not_come_to_its_end_makes_no_news_of_the_stock(polled: Follower) -> None:
    await polled.world.product(5)
    await polled.step()  # orders and log-ins; the stock would have been next
    await polled.stop()
    following = polled.again()
    await following.start()
    assert following.log.stock == []
    await following.stop()


async def test_a_quantity_that_changes_twice_between_looks_is_told_with_its_last_value(polled: Follower) -> None:
    world = polled.world
    product = await world.product(5)
    await polled.start()
    for quantity in (4, 3):
        await world.run("UPDATE {product} SET quantity = ? WHERE product_id = ?", quantity, product)
    assert (await polled.catch_up()).stock == [(product, 3)]
    for quantity in (2, 3):
        await world.run("UPDATE {product} SET quantity = ? WHERE product_id = ?", quantity, product)
    assert (await polled.catch_up()).stock == []


async def test_a_row_that_becomes_visible_late_is_not_lost_even_by_a_stop(polled: Follower) -> None:
    world = polled.world
    await polled.start()
    early, late = await world.order(0), await world.order(0)
    await world.run(INSERT, 3, early)
    found = (await polled.catch_up()).orders
    await polled.stop()
    await world.run(INSERT, 2, late)
    following = polled.again()
    found += (await following.catch_up()).orders
    await following.stop()
    assert found == [(early, "created"), (late, "created")]


async def test_a_row_that_comes_later_than_gaps_are_looked_for_is_passed_over(polled: Follower) -> None:
    world = polled.world
    await polled.start()
    await world.run(INSERT, 3, 4711)
    await polled.catch_up()
    polled.clock.advance(GAP_SECONDS)
    await polled.catch_up()
    await world.run(INSERT, 2, await world.order(0))
    assert (await polled.catch_up()).orders == []


async def test_after_a_long_stop_the_rest_follows_without_waiting(polled: Follower) -> None:
    world = polled.world
    await polled.start()
    await polled.stop()
    orders = [await world.order(0) for _ in range(5)]
    for order_id in orders:
        await world.history(order_id, 1)
    following = polled.again(lambda capture: PollingSource(capture, PollingOptions(batch_rows=3)))
    await following.step()
    slept = len(following.clock.slept)
    await following.step()
    assert len(following.clock.slept) == slept
    assert [order_id for order_id, _ in following.log.orders] == orders
    await following.stop()


async def test_a_history_that_was_replaced_is_followed_from_its_end(polled: Follower) -> None:
    world = polled.world
    await polled.start()
    order_id = await world.order(0)
    await world.run(INSERT, 500, order_id)
    await polled.catch_up()
    polled.clock.advance(GAP_SECONDS)
    await polled.catch_up()
    await polled.stop()
    await world.run("DELETE FROM {order_history}")
    await world.run(INSERT, 7, order_id)
    following = polled.again()
    await following.start()
    other = await world.order(0)
    await world.run(INSERT, 8, other)
    assert (await following.catch_up()).orders == [(other, "created")]
    await following.stop()


async def test_stock_is_read_in_pages_and_gaps_between_them_are_deletions(shop_4_1: World) -> None:
    world = shop_4_1
    products = [await world.product(1) for _ in range(7)]
    follower = Follower(world, lambda capture: PollingSource(capture, PollingOptions(page_rows=3)))
    await follower.start()
    await world.run("DELETE FROM {product} WHERE product_id IN (?, ?)", products[2], products[4])
    await world.run("UPDATE {product} SET quantity = 5 WHERE product_id IN (?, ?)", products[0], products[5])
    assert (await follower.catch_up()).stock == [(products[0], 5), (products[5], 5)]
    await follower.stop()


async def test_looks_at_a_large_stock_come_less_often(shop_4_1: World) -> None:
    world = shop_4_1
    product = await world.product(1)
    follower = Follower(world, PollingSource)
    slow = SlowClock(follower.clock, seconds=2.0)
    follower.source = PollingSource(replace(follower.capture, clock=slow))
    await follower.start()
    await world.run("UPDATE {product} SET quantity = 5 WHERE product_id = ?", product)
    begun = follower.clock.monotonic()
    while not follower.log.stock:
        await follower.step()
    assert follower.clock.monotonic() - begun >= 2.0 / LARGEST_SHARE
    await follower.stop()


async def test_an_account_that_does_not_see_options_and_log_ins_is_no_error(make_world: MakeWorld) -> None:
    world = await make_world("sqlite", Version.V4_1)
    for table in ("product_option_value", "user_login"):
        await world.run(f"DROP TABLE {{{table}}}")
    follower = Follower(world, PollingSource)
    await follower.start()
    product = await world.product(5)
    assert (await follower.catch_up()).stock == [(product, 5)]
    await follower.stop()


class SlowClock:
    """Every second question what time it is finds it so much later."""

    def __init__(self, clock: ManualClock, *, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        self._clock.advance(self._seconds)
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
