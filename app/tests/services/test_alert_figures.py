"""What each rule's figure is read from, and what it says when there is nothing to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from app.tests.services.conftest import World
from app.tests.services.fakes import START
from app.tests.services.test_health import FakeProbe

from meschain.domain.alert_rules import RULES, Reading
from meschain.services.alert_figures import NOTHING, AlertFigures, FigureSources, FigureUnknown
from meschain.services.health import HealthMonitor
from meschain.services.options import AlertWatchOptions
from meschain.services.ports import ShopUnavailable
from meschain.services.webhook_ports import Backlog

SYNCED = ("trendyol", "amazon")


class Rig:
    """All sources, to be set by a test."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.syncs: dict[str, datetime] = {}
        self.room: int | None = 8
        self.health = HealthMonitor((), world.clock)

    async def backlog(self) -> Backlog:
        return Backlog(7, 2, START)

    async def last_successes(self) -> Mapping[str, datetime]:
        return self.syncs

    @property
    def figures(self) -> AlertFigures:
        sources = FigureSources(
            traffic=self.world.traffic,
            shop=self.world.shop,
            health=self.health,
            backlog=self.backlog,
            syncs=self,
            synced=SYNCED,
            connections_that_fit=lambda: self.room,
        )
        return AlertFigures(sources, self.world.clock)


@pytest.fixture
def rig(world: World) -> Rig:
    return Rig(world)


def test_every_rule_has_one(rig: Rig) -> None:
    assert rig.figures.by_rule().keys() == RULES.keys()


async def test_traffic(rig: Rig) -> None:
    assert await rig.figures.error_rate() == Reading(1.5)
    assert await rig.figures.response_time() == Reading(200)
    assert await rig.figures.connections() == Reading(62.5)
    rig.room = None
    rig.world.traffic.window = replace(rig.world.traffic.window, requests=0, failures=0)
    for figure in (rig.figures.error_rate, rig.figures.response_time, rig.figures.connections):
        assert await figure() == NOTHING


async def test_the_shops_database(rig: Rig) -> None:
    assert await rig.figures.database_down() == Reading(0)
    rig.world.shop.go_away()
    assert await rig.figures.database_down() == Reading(1)
    with pytest.raises(ShopUnavailable):
        await rig.figures.stock_low()


async def test_stock_is_counted_once_a_minute(rig: Rig) -> None:
    figures = rig.figures
    first = await figures.stock_low()
    shown = await rig.world.shop.figures()
    assert first == Reading(float(shown.out_of_stock.value) + float(shown.low_stock.value))
    rig.world.shop.go_away()
    assert await figures.stock_low() == first
    await rig.world.clock.advance(AlertWatchOptions().stock_seconds)
    with pytest.raises(ShopUnavailable):
        await figures.stock_low()


async def test_probes(rig: Rig) -> None:
    assert await rig.figures.probe_down() == NOTHING
    probes = [FakeProbe("shop", "error"), FakeProbe("amazon"), FakeProbe("n11", ConnectionError("away"))]
    rig.health = HealthMonitor(probes, rig.world.clock)
    with pytest.raises(FigureUnknown):
        await rig.figures.probe_down()
    await rig.health.check()
    assert await rig.figures.probe_down() == Reading(2, "n11, shop")


async def test_syncs_of_what_is_synced(rig: Rig) -> None:
    assert await rig.figures.sync_stale() == NOTHING
    rig.syncs = {"ozon": START - timedelta(days=9), "trendyol": START - timedelta(hours=30), "amazon": START}
    assert await rig.figures.sync_stale() == Reading(30, "Trendyol")


async def test_webhooks(rig: Rig) -> None:
    assert await rig.figures.webhook_backlog() == Reading(7)
