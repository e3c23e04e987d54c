from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from app.tests.services.conftest import Run, World
from app.tests.services.fakes import START

from meschain.domain.roles import Identity
from meschain.services.errors import ScheduleRefused
from meschain.services.options import SyncOptions
from meschain.services.ports import SyncSchedule
from meschain.services.sync_schedules import SyncSchedules

OPTIONS = SyncOptions()
MINUTE = 60.0


async def finish(world: World) -> None:
    """Let the jobs that wait have ended."""
    while (job := await world.jobs.claim("a", "run", MINUTE)) is not None:
        await world.jobs.update(replace(job, status="success", finished_at=world.clock.now()), "run")


def begun_at(world: World) -> list[datetime]:
    return [job.created_at for job in world.jobs.rows.values()]


def minutes(*counts: float) -> list[datetime]:
    return [START + timedelta(minutes=count) for count in counts]


async def test_nothing_is_scheduled_until_somebody_says_so(world: World) -> None:
    assert await world.schedules.of(["n11", "amazon"]) == [
        SyncSchedule("n11", 0, None, ""),
        SyncSchedule("amazon", 0, None, ""),
    ]
    await world.schedules.begin_due()
    assert world.jobs.rows == {}


async def test_a_sync_begins_every_so_many_minutes(world: World, admin: Identity, run: Run) -> None:
    await world.schedules.set(admin, "trendyol", 10)
    await run(world.schedules.run)
    for _ in range(3):
        await world.clock.advance(10 * MINUTE)
        await finish(world)
    assert begun_at(world) == minutes(10, 20, 30)
    assert {job.requested_by for job in world.jobs.rows.values()} == {"service:schedule"}
    assert [update.status for update in world.syncs()] == ["queued"] * 3
    assert world.audit.rows[0].details == {"marketplace": "trendyol", "everyMinutes": 10}


async def test_looking_late_moves_no_later_sync(world: World, admin: Identity) -> None:
    await world.schedules.set(admin, "trendyol", 10)
    for late in (12, 23):
        await world.clock.advance((late * MINUTE) - (world.clock.now() - START).total_seconds())
        await world.schedules.begin_due()
        await finish(world)
    assert begun_at(world) == minutes(12, 23)
    assert world.schedule_rows.rows["trendyol"].next_at == minutes(30)[0]


async def test_times_that_passed_while_nobody_looked_are_one_sync(world: World, admin: Identity) -> None:
    await world.schedules.set(admin, "trendyol", 10)
    await world.clock.advance(65 * MINUTE)
    for _ in range(3):
        await world.schedules.begin_due()
        await finish(world)
    assert begun_at(world) == minutes(65)
    assert world.schedule_rows.rows["trendyol"].next_at == minutes(70)[0]


async def test_processes_that_look_at_once_begin_one(world: World, admin: Identity) -> None:
    await world.schedules.set(admin, "trendyol", 10)
    await world.clock.advance(10 * MINUTE)
    others = [
        SyncSchedules(schedules=world.schedule_rows, sync=world.sync, audit=world.audit, clock=world.clock)
        for _ in range(3)
    ]
    await asyncio.gather(*(each.begin_due() for each in (world.schedules, *others)))
    assert begun_at(world) == minutes(10)


async def test_one_that_was_begun_is_not_begun_again_though_its_next_time_was_not_stored(
    world: World, admin: Identity
) -> None:
    seen = await world.schedules.set(admin, "trendyol", 10)
    await world.clock.advance(10 * MINUTE)
    await world.schedules.begin_due()
    await finish(world)
    world.schedule_rows.rows["trendyol"] = seen  # as it is when the process ends between the two
    await world.schedules.begin_due()
    assert len(world.jobs.rows) == 1
    assert world.schedule_rows.rows["trendyol"].next_at == minutes(20)[0]


async def test_a_sync_that_still_runs_is_joined(world: World, admin: Identity) -> None:
    await world.schedules.set(admin, "trendyol", 10)
    await world.sync.start(admin, "trendyol")
    await world.clock.advance(10 * MINUTE)
    await world.schedules.begin_due()
    assert len(world.jobs.rows) == 1
    assert world.schedule_rows.rows["trendyol"].next_at == minutes(20)[0]


async def test_a_schedule_that_is_set_anew_counts_from_then_and_0_ends_it(world: World, admin: Identity) -> None:
    await world.schedules.set(admin, "trendyol", 10)
    await world.clock.advance(9 * MINUTE)
    assert (await world.schedules.set(admin, "trendyol", 10)).next_at == minutes(19)[0]
    assert await world.schedules.set(admin, "trendyol", 0) == SyncSchedule("trendyol", 0, None, "own:1")
    await world.clock.advance(60 * MINUTE)
    await world.schedules.begin_due()
    assert world.jobs.rows == {}


async def test_what_nothing_can_sync_any_more_keeps_its_schedule_and_is_logged(
    world: World, admin: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    await world.schedules.set(admin, "trendyol", 10)
    del world.runners["trendyol"]
    await world.clock.advance(10 * MINUTE)
    await world.schedules.begin_due()
    assert "sync_endpoints.trendyol" in caplog.text
    assert world.schedule_rows.rows["trendyol"].next_at == minutes(20)[0]


@pytest.mark.parametrize(
    ("marketplace", "every_minutes"),
    [
        ("shop", 5),
        ("n11", 5),
        ("trendyol", -1),
        ("trendyol", OPTIONS.longest_schedule_minutes + 1),
        ("trendyol", True),
        ("trendyol", "5"),
        ("trendyol", None),
    ],
)
async def test_what_makes_no_sense_is_refused_and_audited(
    world: World, admin: Identity, marketplace: str, every_minutes: object
) -> None:
    with pytest.raises(ScheduleRefused):
        await world.schedules.set(admin, marketplace, every_minutes)
    assert world.schedule_rows.rows == {}
    assert world.audit.rows[0].outcome.startswith("refused: ")


async def test_a_store_that_fails_for_a_moment_does_not_end_it(world: World, admin: Identity, run: Run) -> None:
    await world.schedules.set(admin, "trendyol", 10)
    create = world.jobs.create

    async def broken(job: object, events: object = ()) -> object:
        raise ConnectionError("our own database is away")

    world.jobs.create = broken  # type: ignore[method-assign,assignment] # the double is broken on purpose
    await run(world.schedules.run)
    await world.clock.advance(10 * MINUTE)
    world.jobs.create = create  # type: ignore[method-assign] # and mended
    await world.clock.advance(OPTIONS.schedule_poll_seconds)
    assert len(world.jobs.rows) == 1
