"""A failed sync has one alert, whoever raises it and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from app.tests.services.conftest import Run, World
from app.tests.services.fakes import START, settle, some_job

from meschain.domain.roles import Identity
from meschain.services.ports import SyncFailed
from meschain.services.sync_failures import MISSED_SECONDS, raise_missed


async def test_what_was_missed_is_raised_once(world: World) -> None:
    await world.jobs.create(replace(some_job("one", "trendyol", "error"), message="No route.", finished_at=START))
    await world.jobs.create(replace(some_job("two", "n11", "success"), finished_at=START))
    old = START - timedelta(seconds=MISSED_SECONDS + 1)
    await world.jobs.create(replace(some_job("three", "amazon", "error"), finished_at=old))
    for _ in range(2):
        await raise_missed(world.alerts, world.jobs, world.clock)
    assert [alert.message for alert in world.alert_rows.rows] == ["The sync of Trendyol failed: No route."]


async def test_what_the_runner_raised_was_not_missed(world: World, admin: Identity, run: Run) -> None:
    await run(world.runner.run)
    await world.sync.start(admin, "trendyol")
    world.trendyol.steps.put_nowait(SyncFailed("No route."))
    await settle()
    await raise_missed(world.alerts, world.jobs, world.clock)
    assert [alert.message for alert in world.alert_rows.rows] == ["The sync of Trendyol failed: No route."]
