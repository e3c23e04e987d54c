from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from app.tests.services.conftest import Run, World
from app.tests.services.fakes import START, FakeClock, FakeRunner, MemoryJobs, settle, some_job

from meschain.domain.alerts import Alert
from meschain.domain.events import NewEvent
from meschain.domain.payloads import InventoryUpdate
from meschain.domain.roles import Identity
from meschain.services.alert_ports import AlertMessage
from meschain.services.options import LeaseOptions, SyncOptions
from meschain.services.ports import SyncFailed, SyncJob, SyncStep
from meschain.services.sync import token_hash

OPTIONS = SyncOptions()
LEASE = LeaseOptions()


class FailingJobs(MemoryJobs):
    """A store that cannot be reached while `is_away`."""

    is_away = False

    def _check(self) -> None:
        if self.is_away:
            raise ConnectionError("our own database is away")

    async def claim(self, worker: str, run: str, seconds: float, leave: Collection[str] = ()) -> SyncJob | None:
        self._check()
        return await super().claim(worker, run, seconds, leave)

    async def renew(self, job_id: str, run: str, seconds: float) -> SyncJob | None:
        self._check()
        return await super().renew(job_id, run, seconds)

    async def update(self, job: SyncJob, run: str, events: Sequence[NewEvent] = ()) -> bool:
        self._check()
        return await super().update(job, run, events)


class Unrenewable(MemoryJobs):
    """A store in which renewing hangs."""

    async def renew(self, job_id: str, run: str, seconds: float) -> SyncJob | None:
        await asyncio.Event().wait()
        raise AssertionError("it waits for ever")


def change(quantity: int) -> InventoryUpdate:
    return InventoryUpdate(
        event_id=f"stock:{quantity}",
        marketplace="trendyol",
        product_id=1,
        sku="S1",
        name="Kupa",
        quantity=quantity,
        listed_quantity=quantity,
        reason="sync",
        occurred_at="2025-03-10T09:30:00.000Z",
    )


async def test_a_job_runs_to_100_percent(world: World, admin: Identity, run: Run) -> None:
    await run(world.runner.run)
    job = await world.sync.start(admin, "trendyol")
    await settle()
    for processed in (5, 10):
        await world.clock.advance(OPTIONS.progress_seconds)
        world.trendyol.steps.put_nowait(SyncStep(processed, 0, 10, f"{processed} of 10"))
        await settle()
    world.trendyol.steps.put_nowait(None)
    await settle()
    updates = world.syncs()
    assert [(u.status, u.progress, u.completed) for u in updates] == [
        ("queued", 0.0, False),
        ("running", 0.0, False),
        ("running", 50.0, False),
        ("running", 100.0, False),
        ("success", 100.0, True),
    ]
    stored = world.jobs.rows[job.id]
    assert (stored.status, stored.processed, stored.total) == ("success", 10, 10)
    assert stored.started_at is not None
    assert stored.finished_at is not None
    assert world.alert_rows.rows == []
    assert world.trendyol.closed == 1


async def test_an_empty_sync_ends_at_100_percent(world: World, admin: Identity, run: Run) -> None:
    await run(world.runner.run)
    await world.sync.start(admin, "trendyol")
    world.trendyol.steps.put_nowait(None)
    await settle()
    last = world.syncs()[-1]
    assert (last.progress, last.completed, last.status) == (100.0, True, "success")


async def test_progress_is_throttled_and_its_last_state_kept(world: World, admin: Identity, run: Run) -> None:
    await run(world.runner.run)
    await world.sync.start(admin, "trendyol")
    for processed in range(1, 1001):
        world.trendyol.steps.put_nowait(SyncStep(processed, 0, 1000))
    world.trendyol.steps.put_nowait(None)
    for _ in range(10):
        await world.clock.advance(OPTIONS.progress_seconds / 10)
        for _ in range(100):
            await settle()
    updates = world.syncs()
    assert len(updates) <= 5
    assert (updates[-1].processed, updates[-1].completed) == (1000, True)


async def test_progress_never_goes_back(world: World, admin: Identity, run: Run) -> None:
    await run(world.runner.run)
    await world.sync.start(admin, "trendyol")
    for processed, total in ((5, 10), (5, 100), (200, 100), (0, 0)):
        await world.clock.advance(OPTIONS.progress_seconds)
        world.trendyol.steps.put_nowait(SyncStep(processed, 0, total))
        await settle()
    assert [u.progress for u in world.syncs()] == [0.0, 0.0, 50.0, 50.0, 100.0, 100.0]


async def test_changed_stock_is_published(world: World, admin: Identity, run: Run) -> None:
    await run(world.runner.run)
    await world.sync.start(admin, "trendyol")
    world.trendyol.steps.put_nowait(SyncStep(1, 0, 2, changed=(change(1), change(2))))
    await settle()
    assert world.publisher.kinds().count("inventory_changed") == 2


async def test_a_failed_job_has_a_message_and_an_alert(world: World, admin: Identity, run: Run) -> None:
    await run(world.runner.run)
    job = await world.sync.start(admin, "trendyol")
    world.trendyol.steps.put_nowait(SyncStep(3, 0, 10))
    world.trendyol.steps.put_nowait(SyncFailed("The shop refused the job with status 403."))
    await settle()
    last = world.syncs()[-1]
    assert (last.status, last.completed, last.progress) == ("error", True, 30.0)
    assert last.message == "The shop refused the job with status 403."
    assert world.jobs.rows[job.id].status == "error"
    (alert,) = world.publisher.alerts()
    assert alert.level == "error"
    assert alert.message == "The sync of Trendyol failed: The shop refused the job with status 403."


async def test_an_unexpected_error_reaches_people_as_a_sentence_and_the_log_in_full(
    world: World, admin: Identity, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    await run(world.runner.run)
    await world.sync.start(admin, "trendyol")
    world.trendyol.steps.put_nowait(KeyError("password=hunter2"))
    await settle()
    message = world.syncs()[-1].message
    assert "hunter2" not in message
    reference = message.rstrip(".").rsplit(" ", 1)[-1]
    assert reference in caplog.text
    assert "hunter2" in caplog.text


async def test_a_runner_that_hangs_is_cut_off(world: World, admin: Identity, run: Run) -> None:
    await run(world.runner.run)
    await world.sync.start(admin, "trendyol")
    await settle()
    await world.clock.advance(OPTIONS.step_timeout_seconds)
    assert world.syncs()[-1].status == "error"
    assert world.trendyol.closed == 1


async def test_items_that_failed_are_told_of(world: World, admin: Identity, run: Run) -> None:
    await run(world.runner.run)
    await world.sync.start(admin, "trendyol")
    world.trendyol.steps.put_nowait(SyncStep(10, 3, 10))
    world.trendyol.steps.put_nowait(None)
    await settle()
    last = world.syncs()[-1]
    assert (last.status, last.failed, last.message) == ("success", 3, "3 of 10 could not be synced.")
    assert (await world.dashboard.read()).system_status.marketplace_sync["trendyol"].status == "warning"


async def test_marketplaces_run_beside_each_other_and_each_job_has_its_own_token(
    world: World, admin: Identity, run: Run
) -> None:
    await run(world.runner.run)
    first = await world.sync.start(admin, "trendyol")
    second = await world.sync.start(admin, "amazon")
    await settle()
    assert (len(world.trendyol.began), len(world.amazon.began)) == (1, 1)
    assert world.trendyol.tokens != world.amazon.tokens
    assert world.jobs.rows[first.id].report_token_hash == token_hash(world.trendyol.tokens[0])
    assert world.trendyol.tokens[0] not in repr(world.jobs.rows)
    world.trendyol.steps.put_nowait(None)
    await settle()
    assert world.jobs.rows[first.id].report_token_hash == ""
    assert world.jobs.rows[second.id].status == "running"


async def test_no_more_run_at_once_than_the_limit(world: World, admin: Identity, run: Run) -> None:
    await world.sync.start(admin, "trendyol")
    await world.sync.start(admin, "amazon")
    await run(world.worker("b", options=replace(OPTIONS, parallel_jobs=1)).run)
    assert (len(world.trendyol.began), len(world.amazon.began)) == (1, 0)
    world.trendyol.steps.put_nowait(None)
    await settle()
    assert len(world.amazon.began) == 1


async def test_a_job_that_another_process_stored_is_found_by_polling(world: World, run: Run) -> None:
    await run(world.runner.run)
    await world.jobs.create(some_job("one", "trendyol"))
    await settle()
    assert world.trendyol.began == []
    await world.clock.advance(OPTIONS.poll_seconds)
    assert [job.id for job in world.trendyol.began] == ["one"]


async def test_a_job_without_a_runner_fails(world: World, run: Run) -> None:
    await world.jobs.create(some_job("one", "ozon"))
    await run(world.runner.run)
    assert world.jobs.rows["one"].status == "error"


async def lost(world: World, **state: Any) -> SyncJob:
    """A job whose process is gone, and its lease with it."""
    given = {"started_at": START, "progress": 60.0, "processed": 6, "total": 10, "attempts": 1, **state}
    await world.jobs.create(replace(some_job("one", "trendyol", "running"), report_token_hash="lost", **given))
    return world.jobs.rows["one"]


async def test_what_a_lost_process_left_goes_on_where_it_was_shown_to_be(world: World, run: Run) -> None:
    await lost(world)
    await run(world.runner.run)
    assert [job.id for job in world.trendyol.began] == ["one"]
    for processed in (0, 3, 6, 8):
        await world.clock.advance(OPTIONS.progress_seconds)
        world.trendyol.steps.put_nowait(SyncStep(processed, 0, 10))
        await settle()
    world.trendyol.steps.put_nowait(None)
    await settle()
    updates = world.syncs()
    assert [u.status for u in updates] == ["running"] * 5 + ["success"]
    assert [u.progress for u in updates] == [60.0, 60.0, 60.0, 60.0, 80.0, 100.0]
    assert [u.processed for u in updates] == [6, 6, 6, 6, 8, 8]
    assert (updates[0].message, world.jobs.rows["one"].attempts) == ("Begun again, as it was cut off.", 2)
    assert world.jobs.rows["one"].started_at == START


async def test_at_its_end_a_job_counts_what_its_last_run_did(world: World, run: Run) -> None:
    await lost(world)
    await run(world.runner.run)
    world.trendyol.steps.put_nowait(SyncStep(4, 1, 4))
    world.trendyol.steps.put_nowait(None)
    await settle()
    assert (world.syncs()[-1].processed, world.syncs()[-1].failed, world.syncs()[-1].total) == (4, 1, 4)


async def test_a_job_that_was_cut_off_long_ago_fails(world: World, run: Run) -> None:
    await lost(world, created_at=START - timedelta(seconds=OPTIONS.restart_within_seconds + 1))
    await run(world.runner.run)
    assert world.trendyol.began == []
    assert world.jobs.rows["one"].status == "error"
    assert "start a new one" in world.jobs.rows["one"].message


async def test_one_that_waited_long_is_begun(world: World, run: Run) -> None:
    await world.jobs.create(replace(some_job("one"), created_at=START - timedelta(days=30)))
    await run(world.runner.run)
    assert [job.id for job in world.trendyol.began] == ["one"]


async def test_a_job_that_is_cut_off_again_and_again_fails(world: World, run: Run) -> None:
    await lost(world, attempts=OPTIONS.attempts, worker="gone")
    await run(world.runner.run)
    assert world.trendyol.began == []
    assert (world.jobs.rows["one"].status, world.syncs()[-1].progress) == ("error", 60.0)
    assert f"begun {OPTIONS.attempts} times" in world.jobs.rows["one"].message
    assert len(world.publisher.alerts()) == 1


async def test_a_stop_gives_the_job_back_for_another_to_go_on_with(world: World, admin: Identity, run: Run) -> None:
    task = await run(world.runner.run)
    job = await world.sync.start(admin, "trendyol")
    await settle()
    task.cancel()
    await settle()
    assert task.done()
    assert (world.jobs.rows[job.id].status, world.jobs.rows[job.id].attempts) == ("running", 0)
    assert world.trendyol.closed == 1
    again = FakeRunner()
    await run(world.worker("b", {"trendyol": again}).run)
    assert [begun.id for begun in again.began] == [job.id]
    assert (world.jobs.rows[job.id].worker, world.jobs.rows[job.id].attempts) == ("b", 1)


async def test_a_job_that_runs_is_left_alone_for_as_long_as_it_takes(world: World, admin: Identity, run: Run) -> None:
    await run(world.runner.run)
    await world.sync.start(admin, "trendyol")
    await settle()
    other = FakeRunner()
    await run(world.worker("b", {"trendyol": other}).run)
    for _ in range(20):
        await world.clock.advance(LEASE.seconds / 2)
        world.trendyol.steps.put_nowait(SyncStep(1, 0, 2))
    assert (other.began, len(world.trendyol.began)) == ([], 1)


async def test_a_process_that_cannot_renew_stops_before_another_begins(world: World, admin: Identity, run: Run) -> None:
    away = Unrenewable(world.clock, world.events)
    away.rows = world.jobs.rows
    first = FakeRunner()
    await run(world.worker("a", {"trendyol": first}, jobs=away).run)
    job = await world.sync.start(admin, "trendyol")
    await world.clock.advance(OPTIONS.poll_seconds)
    assert [begun.id for begun in first.began] == [job.id]
    await world.clock.advance(LEASE.seconds - LEASE.stop_seconds - 0.1)
    assert first.closed == 0
    await world.clock.advance(0.2)
    assert first.closed == 1
    assert world.jobs.rows[job.id].status == "running"


async def test_a_process_that_cannot_hear_the_others_gives_its_jobs_back_and_takes_none(
    world: World, admin: Identity, run: Run
) -> None:
    hears = True
    first, second = FakeRunner(), FakeRunner()
    await run(world.worker("a", {"trendyol": first}, is_able=lambda: hears).run)
    job = await world.sync.start(admin, "trendyol")
    await world.clock.advance(OPTIONS.poll_seconds)
    hears = False
    await world.clock.advance(LEASE.renew_seconds)
    assert first.closed == 0  # once is no reason
    await world.clock.advance(LEASE.renew_seconds * LEASE.unable_looks)
    assert (first.closed, len(first.began)) == (1, 1)
    await run(world.worker("b", {"trendyol": second}).run)
    assert [begun.id for begun in second.began] == [job.id]
    assert world.jobs.rows[job.id].attempts == 1


async def test_what_a_process_stores_that_stood_still_is_refused(world: World, admin: Identity, run: Run) -> None:
    stands_still = FakeClock()  # as if no time passed for it
    first, second = FakeRunner(), FakeRunner()
    await run(world.worker("a", {"trendyol": first}, clock=stands_still).run)
    job = await world.sync.start(admin, "trendyol")
    await stands_still.advance(OPTIONS.poll_seconds)
    assert len(first.began) == 1
    await world.clock.advance(LEASE.seconds)
    await run(world.worker("b", {"trendyol": second}).run)
    assert len(second.began) == 1
    first.steps.put_nowait(SyncStep(9, 0, 10))
    first.steps.put_nowait(None)
    await settle()
    assert (world.jobs.rows[job.id].status, world.syncs()[-1].progress) == ("running", 0.0)
    second.steps.put_nowait(SyncStep(10, 0, 10))
    second.steps.put_nowait(None)
    await settle()
    ends = [u.status for u in world.syncs() if u.completed]
    assert (ends, world.alert_rows.rows) == (["success"], [])
    assert [row.details["status"] for row in world.activity_rows.rows] == ["queued", "success"]


async def test_a_renewal_that_finds_another_run_ends_this_one(world: World, admin: Identity, run: Run) -> None:
    await run(world.runner.run)
    job = await world.sync.start(admin, "trendyol")
    await settle()
    anew = replace(world.jobs.rows[job.id], report_token_hash="another run", worker="b")
    world.jobs.rows[job.id] = anew
    await world.clock.advance(LEASE.renew_seconds)
    assert world.trendyol.closed == 1
    assert world.jobs.rows[job.id] == anew


async def test_an_end_that_is_being_told_is_not_cut_off_by_the_lease(world: World, admin: Identity, run: Run) -> None:
    await run(world.runner.run)
    job = await world.sync.start(admin, "trendyol")
    add, may_go_on = world.alert_rows.add, asyncio.Event()

    async def slow(alert: Alert, messages: Sequence[AlertMessage] = ()) -> bool:
        await may_go_on.wait()
        return await add(alert, messages)

    world.alert_rows.add = slow  # type: ignore[method-assign] # the double is slow on purpose
    world.trendyol.steps.put_nowait(SyncFailed("The shop refused the job."))
    await settle()
    assert world.jobs.rows[job.id].status == "error"
    await world.clock.advance(LEASE.seconds * 2)
    may_go_on.set()
    await settle()
    assert len(world.publisher.alerts()) == 1


async def test_one_that_waits_is_cancelled_at_once(world: World, admin: Identity) -> None:
    job = await world.sync.start(admin, "trendyol")
    await world.sync.cancel(admin, job.id)
    last = world.syncs()[-1]
    assert (last.status, last.completed, last.message) == ("cancelled", True, "Cancelled by Ayşe.")
    assert [row.details["status"] for row in world.activity_rows.rows] == ["queued", "cancelled"]


async def test_one_that_runs_ends_as_soon_as_its_process_is_told(world: World, admin: Identity, run: Run) -> None:
    await run(world.runner.run)
    job = await world.sync.start(admin, "trendyol")
    world.trendyol.steps.put_nowait(SyncStep(3, 0, 10))
    await settle()
    await world.sync.cancel(admin, job.id)
    await settle()
    last = world.syncs()[-1]
    assert (last.status, last.completed, last.progress, last.message) == ("cancelled", True, 30.0, "Cancelled by Ayşe.")
    assert world.trendyol.closed == 1
    assert world.alert_rows.rows == []
    assert [row.details["status"] for row in world.activity_rows.rows] == ["queued", "cancelled"]
    assert (await world.dashboard.read()).system_status.marketplace_sync["trendyol"].status == "unknown"


async def test_one_that_runs_elsewhere_is_cancelled_at_the_next_renewal(
    world: World, admin: Identity, run: Run
) -> None:
    elsewhere = FakeRunner()
    await run(world.worker("b", {"trendyol": elsewhere}).run)
    job = await world.sync.start(admin, "trendyol")
    await world.clock.advance(OPTIONS.poll_seconds)
    await world.sync.cancel(admin, job.id)
    await settle()
    assert elsewhere.closed == 0
    await world.clock.advance(LEASE.renew_seconds)
    assert world.jobs.rows[job.id].status == "cancelled"
    assert elsewhere.closed == 1


async def test_one_whose_process_was_lost_is_cancelled_by_who_finds_it(world: World, admin: Identity, run: Run) -> None:
    await lost(world)
    await world.sync.cancel(admin, "one")
    await run(world.runner.run)
    assert (world.jobs.rows["one"].status, world.trendyol.began) == ("cancelled", [])


async def test_progress_that_cannot_be_sent_costs_the_job_nothing(world: World, admin: Identity, run: Run) -> None:
    await run(world.runner.run)
    job = await world.sync.start(admin, "trendyol")
    await settle()
    world.publisher.failures = 3
    world.trendyol.steps.put_nowait(SyncStep(1, 0, 1, changed=(change(1),)))
    world.trendyol.steps.put_nowait(None)
    await settle()
    assert world.jobs.rows[job.id].status == "success"


async def test_a_store_that_fails_for_a_moment_does_not_end_what_runs(world: World, admin: Identity, run: Run) -> None:
    jobs = FailingJobs(world.clock, world.events)
    jobs.rows = world.jobs.rows
    task = await run(world.worker("a", jobs=jobs).run)
    job = await world.sync.start(admin, "trendyol")
    await world.clock.advance(OPTIONS.poll_seconds)
    jobs.is_away = True
    await world.clock.advance(LEASE.renew_seconds)
    jobs.is_away = False
    await world.clock.advance(LEASE.renew_seconds)
    world.trendyol.steps.put_nowait(None)
    await settle()
    assert not task.done()
    assert world.jobs.rows[job.id].status == "success"


async def test_a_job_whose_end_cannot_be_stored_does_not_block_its_marketplace(
    world: World, admin: Identity, run: Run
) -> None:
    jobs = FailingJobs(world.clock, world.events)
    jobs.rows = world.jobs.rows
    await run(world.worker("a", jobs=jobs).run)
    job = await world.sync.start(admin, "trendyol")
    await world.clock.advance(OPTIONS.poll_seconds)
    jobs.is_away = True
    world.trendyol.steps.put_nowait(None)
    await settle()
    assert world.jobs.rows[job.id].status == "running"
    jobs.is_away = False
    await world.clock.advance(LEASE.seconds + OPTIONS.poll_seconds)
    world.trendyol.steps.put_nowait(None)
    await settle()
    assert [begun.id for begun in world.trendyol.began] == [job.id, job.id]
    assert (world.jobs.rows[job.id].status, world.jobs.rows[job.id].attempts) == ("success", 2)
