"""Events that the demo shop makes: its people act without a pause, and what the change capture finds is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from app.tests.opencart.capture.follower import Follower
from app.tests.opencart.clock import ManualClock
from app.tests.opencart.raw import RawSQLite
from app.tests.opencart.world import World

from meschain.domain.events import NewEvent
from meschain.domain.new_events import inventory_event
from meschain.opencart.capture.polling import PollingSource
from meschain.opencart.demo.shop import PREFIX, VERSION, DemoShop
from meschain.services.ports import SyncJob
from meschain.services.sync_events import job_event


async def recorded(path: Path, steps: int) -> Sequence[NewEvent]:
    """What so many steps of everybody lead to, and then a sync: orders, stock, log-ins, listings, progress.

    Args:
        path: the database of a demo shop; it is written to.
    """
    clock = ManualClock(datetime.now(UTC), jump=True)
    shop = DemoShop.enter(path, clock=clock, random=Random(20261129))  # noqa: S311 - the same people each time
    raw = RawSQLite(path)
    world = World(VERSION, PREFIX, shop.url, raw)
    follower = Follower(world, PollingSource)
    try:
        await follower.start()
        driver = shop.driver()
        for _ in range(steps):
            await driver.place_order()
            await driver.move_stock()
            await driver.advance_orders()
            await driver.log_in()
        found = (await follower.catch_up()).events
        job = _job(clock.now())
        async for step in shop.sync_runner.run(job, ""):
            found += [inventory_event(update) for update in step.changed]
            found.append(job_event(replace(job, processed=step.processed, total=step.total), clock.now()))
    finally:
        await follower.stop()
        for database in world.opened:
            await database.close()
        await raw.close()
        await shop.close()
    return found


def _job(moment: datetime) -> SyncJob:
    return SyncJob(
        id="recorded",
        marketplace="trendyol",
        status="running",
        requested_by="own:1",
        progress=0,
        processed=0,
        failed=0,
        total=0,
        message="",
        created_at=moment,
        started_at=None,
        finished_at=None,
        report_token_hash="",
    )
