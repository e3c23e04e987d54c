from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from app.tests.services.conftest import Run, World
from app.tests.services.fakes import START, FakeRunner, settle, some_job

from meschain.domain.payloads import InventoryUpdate
from meschain.domain.roles import Identity
from meschain.services.options import SyncOptions
from meschain.services.ports import SyncFailed, SyncJob, SyncStep
from meschain.services.sync import token_hash
from meschain.services.sync_runner import JobRunner

OPTIONS = SyncOptions()


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
    updates = world.publisher.syncs()
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
    last = world.publisher.syncs()[-1]
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
    updates = world.publisher.syncs()
    assert len(updates) <= 5
    assert (updates[-1].processed, updates[-1].completed) == (1000, True)


async def test_progress_never_goes_back(world: World, admin: Identity, run: Run) -> None:
    await run(world.runner.run)
    await world.sync.start(admin, "trendyol")
    for processed, total in ((5, 10), (5, 100), (200, 100), (0, 0)):
        await world.clock.advance(OPTIONS.progress_seconds)
        world.trendyol.steps.put_nowait(SyncStep(processed, 0, total))
        await settle()
    assert [u.progress for u in world.publisher.syncs()] == [0.0, 0.0, 50.0, 50.0, 100.0, 100.0]


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
    last = world.publisher.syncs()[-1]
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
    message = world.publisher.syncs()[-1].message
    assert "hunter2" not in message
    reference = message.rstrip(".").rsplit(" ", 1)[-1]
    assert reference in caplog.text
    assert "hunter2" in caplog.text


async def test_a_runner_that_hangs_is_cut_off(world: World, admin: Identity, run: Run) -> None:
    await run(world.runner.run)
    await world.sync.start(admin, "trendyol")
    await settle()
    await world.clock.advance(OPTIONS.step_timeout_seconds)
    assert world.publisher.syncs()[-1].status == "error"
    assert world.trendyol.closed == 1


async def test_items_that_failed_are_told_of(world: World, admin: Identity, run: Run) -> None:
    await run(world.runner.run)
    await world.sync.start(admin, "trendyol")
    world.trendyol.steps.put_nowait(SyncStep(10, 3, 10))
    world.trendyol.steps.put_nowait(None)
    await settle()
    last = world.publisher.syncs()[-1]
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
    runners = {"trendyol": world.trendyol, "amazon": world.amazon}
    runner = JobRunner(
        jobs=world.jobs,
        runners=runners,
        publisher=world.publisher,
        alerts=world.alerts,
        activity=world.activity,
        clock=world.clock,
        options=replace(OPTIONS, parallel_jobs=1),
    )
    await world.sync.start(admin, "trendyol")
    await world.sync.start(admin, "amazon")
    await run(runner.run)
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


async def test_a_job_that_a_stop_cut_off_runs_again(world: World, run: Run) -> None:
    await world.jobs.create(replace(some_job("one", "trendyol", "running"), progress=60.0, processed=6, total=10))
    await run(world.runner.run)
    assert [job.id for job in world.trendyol.began] == ["one"]
    queued = world.publisher.syncs()[0]
    assert (queued.status, queued.progress, queued.processed) == ("queued", 0.0, 0)


async def test_a_job_that_was_cut_off_long_ago_fails(world: World, run: Run) -> None:
    long_ago = START - timedelta(seconds=OPTIONS.restart_within_seconds + 1)
    await world.jobs.create(replace(some_job("one", "trendyol", "running"), created_at=long_ago))
    await run(world.runner.run)
    assert world.trendyol.began == []
    assert world.jobs.rows["one"].status == "error"
    assert "start a new one" in world.jobs.rows["one"].message


async def test_a_stop_leaves_the_job_running_for_the_next_start(world: World, admin: Identity, run: Run) -> None:
    task = await run(world.runner.run)
    job = await world.sync.start(admin, "trendyol")
    await settle()
    task.cancel()
    await settle()
    assert task.done()
    assert world.jobs.rows[job.id].status == "running"
    assert world.trendyol.closed == 1
    again = FakeRunner()
    second = JobRunner(
        jobs=world.jobs,
        runners={"trendyol": again},
        publisher=world.publisher,
        alerts=world.alerts,
        activity=world.activity,
        clock=world.clock,
    )
    await run(second.run)
    assert [begun.id for begun in again.began] == [job.id]


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
    task = await run(world.runner.run)
    job = await world.sync.start(admin, "trendyol")
    await settle()
    next_queued = world.jobs.next_queued

    async def broken() -> None:
        raise ConnectionError("our own database is away")

    world.jobs.next_queued = broken  # type: ignore[method-assign] # the double is broken on purpose
    await world.clock.advance(OPTIONS.poll_seconds)
    world.jobs.next_queued = next_queued  # type: ignore[method-assign] # and mended
    world.trendyol.steps.put_nowait(None)
    await settle()
    assert not task.done()
    assert world.jobs.rows[job.id].status == "success"


async def test_a_job_whose_end_cannot_be_stored_does_not_block_its_marketplace(
    world: World, admin: Identity, run: Run
) -> None:
    await run(world.runner.run)
    job = await world.sync.start(admin, "trendyol")
    await settle()
    update = world.jobs.update

    async def broken(job: SyncJob) -> None:
        raise ConnectionError("our own database is away")

    world.jobs.update = broken  # type: ignore[method-assign] # the double is broken on purpose
    world.trendyol.steps.put_nowait(None)
    await settle()
    assert world.jobs.rows[job.id].status == "running"
    world.jobs.update = update  # type: ignore[method-assign] # and mended
    await world.clock.advance(OPTIONS.poll_seconds)
    world.trendyol.steps.put_nowait(None)
    await settle()
    assert [begun.id for begun in world.trendyol.began] == [job.id, job.id]
    assert world.jobs.rows[job.id].status == "success"
