"""A store that falls silent while orders come raises one alert."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest
from app.tests.services.fakes import START, FakeShop, some_order
from app.tests.webhooks.example_vendor import Rig, request

from meschain.services.clock import iso_utc
from meschain.webhooks.watchdog import SilenceWatch


@pytest.fixture
def shop() -> FakeShop:
    shop = FakeShop()
    shop.order_list = []
    return shop


@pytest.fixture
def watch(rig: Rig, shop: FakeShop) -> SilenceWatch:
    async def alert(message: str, level: str, about: str) -> None:
        rig.alerts.append((message, level))

    return SilenceWatch(
        vendors=rig.vendors, store=rig.store, shop=shop, alert=alert, clock=rig.clock, options=rig.options
    )


def order_after(shop: FakeShop, hours: float) -> None:
    moment = iso_utc(START + timedelta(hours=hours))
    shop.order_list = [msgspec.structs.replace(some_order(1), marketplace="etsy", occurred_at=moment)]


async def test_silence_while_orders_come_is_told_once_also_over_a_restart(
    rig: Rig, watch: SilenceWatch, shop: FakeShop
) -> None:
    await rig.send(request())
    order_after(shop, 3)
    await rig.clock.advance(5.9 * 3600)
    await watch.look()
    assert rig.alerts == []
    await rig.clock.advance(0.2 * 3600)
    await watch.look()
    await watch.look()
    [(message, level)] = rig.alerts
    assert level == "warning"
    assert "etsy has sent nothing for the store main since" in message


@pytest.mark.parametrize("hours", [None, -1.0, 0.5])
async def test_without_newer_orders_silence_is_no_news(
    rig: Rig, watch: SilenceWatch, shop: FakeShop, hours: float | None
) -> None:
    await rig.send(request())
    if hours is not None:
        order_after(shop, hours)
    await rig.clock.advance(48 * 3600)
    await watch.look()
    assert rig.alerts == []


async def test_a_store_that_never_sent_anything_is_not_missed(rig: Rig, watch: SilenceWatch, shop: FakeShop) -> None:
    order_after(shop, 3)
    await rig.clock.advance(48 * 3600)
    await watch.look()
    assert rig.alerts == []


async def test_a_shop_that_is_away_does_not_end_the_watch(rig: Rig, watch: SilenceWatch, shop: FakeShop) -> None:
    await rig.send(request())
    order_after(shop, 3)
    await rig.clock.advance(7 * 3600)
    shop.error = OSError("away")
    running = asyncio.create_task(watch.run())
    await rig.until(lambda: shop.calls["recent_orders"] > 0)
    shop.error = None
    async with asyncio.timeout(20):
        while not rig.alerts:
            await rig.clock.advance(rig.options.silence_interval_seconds)
    running.cancel()
    await asyncio.wait([running])
