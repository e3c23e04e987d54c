from __future__ import annotations

from app.tests.services.conftest import Run, World

from meschain.domain.events import ADMIN_HUB, ADMINS_GROUP, DASHBOARD_HUB, metric_group
from meschain.domain.roles import Identity
from meschain.services.options import DashboardOptions

OPTIONS = DashboardOptions()
ADMINS = (ADMIN_HUB, ADMINS_GROUP)


async def test_nobody_there_means_that_nothing_is_read(world: World, run: Run) -> None:
    await run(world.timer.run)
    await world.clock.advance(10 * OPTIONS.interval_seconds)
    assert world.publisher.events == []
    assert dict(world.shop.calls) == {}


async def test_administrators_get_a_dashboard_at_every_interval(world: World, run: Run) -> None:
    world.presence.groups.add(ADMINS)
    await run(world.timer.run)
    await world.clock.advance(OPTIONS.interval_seconds - 0.1)
    assert world.publisher.events == []
    await world.clock.advance(0.1)
    assert world.publisher.kinds() == ["admin_dashboard"]
    await world.clock.advance(OPTIONS.interval_seconds)
    assert world.publisher.kinds() == ["admin_dashboard"] * 2


async def test_one_read_serves_every_audience(world: World) -> None:
    world.presence.groups |= {ADMINS} | {(DASHBOARD_HUB, metric_group(m)) for m in ("basic", "performance", "business")}
    await world.timer.tick()
    assert world.publisher.kinds() == ["admin_dashboard", "metrics", "performance", "business"]
    assert world.shop.calls["figures"] == 1


async def test_each_metric_goes_out_only_while_somebody_watches_it(world: World) -> None:
    world.presence.groups.add((DASHBOARD_HUB, metric_group("business")))
    await world.timer.tick()
    assert world.publisher.kinds() == ["business"]


async def test_a_burst_of_refreshes_is_one_tick_soon(world: World, run: Run) -> None:
    world.presence.groups.add(ADMINS)
    await run(world.timer.run)
    for _ in range(20):
        world.timer.refresh()
    await world.clock.advance(OPTIONS.coalesce_seconds / 2)
    world.timer.refresh()
    await world.clock.advance(OPTIONS.coalesce_seconds / 2)
    assert world.publisher.kinds() == ["admin_dashboard"]
    assert world.shop.calls["figures"] == 1
    await world.clock.advance(OPTIONS.interval_seconds - 0.1)
    assert world.publisher.kinds() == ["admin_dashboard"]


async def test_a_refresh_during_a_tick_makes_another(world: World, run: Run) -> None:
    world.presence.groups.add(ADMINS)
    world.shop.hangs = True
    await run(world.timer.run)
    world.timer.refresh()
    await world.clock.advance(OPTIONS.coalesce_seconds)
    world.timer.refresh()
    await world.clock.advance(OPTIONS.shop_timeout_seconds)
    world.shop.hangs = False
    assert world.publisher.kinds() == ["admin_dashboard"]
    await world.clock.advance(OPTIONS.coalesce_seconds)
    assert world.publisher.kinds() == ["admin_dashboard"] * 2


async def test_one_audience_that_cannot_be_reached_costs_the_others_nothing(world: World) -> None:
    world.presence.groups |= {ADMINS, (DASHBOARD_HUB, metric_group("basic"))}
    world.publisher.failures = 1
    await world.timer.tick()
    assert world.publisher.kinds() == ["metrics"]


async def test_the_timer_survives_a_tick_that_fails(world: World, run: Run) -> None:
    world.presence.groups.add(ADMINS)
    jobs_latest = world.jobs.latest

    async def broken() -> dict[str, object]:
        raise ConnectionError("our own database is away")

    world.jobs.latest = broken  # type: ignore[method-assign,assignment] # the double is broken on purpose
    await run(world.timer.run)
    await world.clock.advance(OPTIONS.interval_seconds)
    assert world.publisher.events == []
    world.jobs.latest = jobs_latest  # type: ignore[method-assign] # and mended
    await world.clock.advance(OPTIONS.interval_seconds)
    assert world.publisher.kinds() == ["admin_dashboard"]


async def test_a_tick_delivers_notifications_that_were_left_unsent(world: World, run: Run, admin: Identity) -> None:
    sent = await world.notifications.send(admin, "own:2", {"message": "Hello"})
    world.presence.users.add("own:2")
    await run(world.timer.run)
    await world.clock.advance(OPTIONS.interval_seconds)
    assert world.publisher.notifications() == [sent]
