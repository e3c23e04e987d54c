from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from app.tests.services.conftest import World
from app.tests.services.fakes import some_job

from meschain.domain.roles import Identity, Role
from meschain.services.errors import (
    ReportInvalid,
    ReportNotTaken,
    ReportRefused,
    ReportTooLate,
    SyncJobEnded,
    SyncJobUnknown,
    SyncRefused,
)
from meschain.services.options import SyncOptions
from meschain.services.ports import Topic
from meschain.services.sync import token_hash
from meschain.services.sync_reports import SyncReport, SyncReports

OPTIONS = SyncOptions()
PROGRESS = {"processed": 5, "failed": 1, "total": 10, "message": "Ürünler", "status": "running"}


async def test_a_job_is_stored_and_announced(world: World, admin: Identity) -> None:
    job = await world.sync.start(admin, "trendyol")
    assert world.jobs.rows == {job.id: job}
    assert (job.status, job.requested_by, job.progress) == ("queued", "own:1", 0.0)
    (update,) = world.syncs()
    assert (update.marketplace, update.status, update.completed, update.job_id) == ("trendyol", "queued", False, job.id)
    assert [row.kind for row in world.activity_rows.rows] == ["sync"]


async def test_a_second_request_gets_the_unfinished_job_and_announces_nothing(world: World, admin: Identity) -> None:
    first = await world.sync.start(admin, "trendyol")
    second = await world.sync.start(admin, "trendyol")
    assert second.id == first.id
    assert len(world.syncs()) == 1


async def test_a_job_that_cannot_be_announced_is_stored(world: World, admin: Identity) -> None:
    world.publisher.failures = 2
    job = await world.sync.start(admin, "trendyol")
    assert job.id in world.jobs.rows


@pytest.mark.parametrize("marketplace", ["gittigidiyor", "", None, 5, ["trendyol"], "Trendyol"])
async def test_an_unknown_marketplace_is_refused(world: World, admin: Identity, marketplace: object) -> None:
    with pytest.raises(SyncRefused, match="amazon, ebay"):
        await world.sync.start(admin, marketplace)


async def test_a_marketplace_that_nothing_can_sync_is_refused_saying_what_to_set(world: World, admin: Identity) -> None:
    with pytest.raises(SyncRefused, match=r"sync_endpoints\.n11"):
        await world.sync.start(admin, "n11")
    assert not world.sync.can_sync("n11")


async def running_job(world: World) -> str:
    await world.jobs.create(replace(some_job("one", "trendyol", "running"), report_token_hash=token_hash("s3cret")))
    return "one"


async def test_a_report_reaches_whoever_waits_for_it(world: World) -> None:
    job_id = await running_job(world)
    with world.reports.expected(job_id) as mailbox:
        await world.sync.report(job_id, "s3cret", PROGRESS)
        assert await mailbox.take() == SyncReport(5, 1, 10, "Ürünler", "running")


@pytest.mark.parametrize("token", ["", "S3cret", "s3cret ", "0" * 64, "şifre"])
async def test_a_report_with_another_token_is_refused(world: World, token: str) -> None:
    job_id = await running_job(world)
    with world.reports.expected(job_id), pytest.raises(ReportRefused):
        await world.sync.report(job_id, token, PROGRESS)


async def test_a_job_without_a_token_takes_no_report(world: World) -> None:
    await world.jobs.create(some_job("one", "trendyol", "running"))
    for token in ("", "0" * 64):
        with pytest.raises(ReportRefused):
            await world.sync.report("one", token, PROGRESS)


async def test_an_unknown_job_answers_as_a_wrong_token_does(world: World) -> None:
    job_id = await running_job(world)
    with pytest.raises(ReportRefused) as unknown:
        await world.sync.report("unknown", "s3cret", PROGRESS)
    with pytest.raises(ReportRefused) as wrong:
        await world.sync.report(job_id, "wrong", PROGRESS)
    assert str(unknown.value) == str(wrong.value)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "x",
        {"processed": "5", "total": 10},
        {"processed": 5.5, "total": 10},
        {"processed": True, "total": 10},
        {"processed": -1, "total": 10},
        {"processed": 11, "total": 10},
        {"processed": 5, "failed": 6, "total": 10},
        {"processed": 5, "total": OPTIONS.largest_count + 1},
        {"processed": 5, "total": 10, "message": 5},
        {"processed": 5, "total": 10, "status": "queued"},
        {"processed": 5, "total": 10, "status": None},
    ],
)
async def test_a_report_that_makes_no_sense_is_refused(world: World, body: object) -> None:
    job_id = await running_job(world)
    with world.reports.expected(job_id), pytest.raises(ReportInvalid):
        await world.sync.report(job_id, "s3cret", body)


async def test_a_long_message_is_shortened(world: World) -> None:
    job_id = await running_job(world)
    with world.reports.expected(job_id) as mailbox:
        await world.sync.report(job_id, "s3cret", {**PROGRESS, "message": "x" * 9999})
        assert len((await mailbox.take()).message) == OPTIONS.message_characters


async def test_a_report_that_nobody_waits_for_is_too_late(world: World) -> None:
    job_id = await running_job(world)
    with pytest.raises(ReportTooLate):
        await world.sync.report(job_id, "s3cret", PROGRESS)


async def test_a_report_is_passed_on_to_the_process_that_runs_the_job(world: World) -> None:
    job_id, elsewhere = await running_job(world), SyncReports()
    world.neighbours.hear = lambda topic, message: elsewhere.hear(message)
    with elsewhere.expected(job_id) as mailbox:
        await world.sync.report(job_id, "s3cret", PROGRESS)
        assert (await mailbox.take()).processed == PROGRESS["processed"]
    assert [topic for topic, _ in world.neighbours.told] == [Topic.SYNC_REPORT]
    elsewhere.hear(world.neighbours.told[0][1])  # which runs nowhere by now


async def test_a_report_that_cannot_be_passed_on_may_come_again(world: World) -> None:
    job_id = await running_job(world)
    world.neighbours.is_away = True
    with pytest.raises(ReportNotTaken, match="send it again"):
        await world.sync.report(job_id, "s3cret", PROGRESS)


async def test_a_report_on_a_job_that_is_to_be_cancelled_or_was_is_too_late(world: World, admin: Identity) -> None:
    job_id = await running_job(world)
    with world.reports.expected(job_id):
        await world.sync.cancel(admin, job_id)
        with pytest.raises(ReportTooLate):
            await world.sync.report(job_id, "s3cret", PROGRESS)
    world.jobs.rows[job_id] = replace(world.jobs.rows[job_id], status="cancelled")
    with pytest.raises(ReportTooLate):
        await world.sync.report(job_id, "s3cret", PROGRESS)


async def test_what_is_cancelled_is_audited(world: World, admin: Identity) -> None:
    waiting = await world.sync.start(admin, "amazon")
    running = await running_job(world)
    await world.sync.cancel(admin, waiting.id)
    await world.sync.cancel(admin, running)
    with pytest.raises(SyncJobEnded):
        await world.sync.cancel(admin, waiting.id)
    assert [(row.user_id, row.action, row.details["marketplace"]) for row in world.audit.rows] == [
        ("own:1", "CancelSync", "amazon"),
        ("own:1", "CancelSync", "trendyol"),
        ("own:1", "CancelSync", "amazon"),
    ]
    assert [row.outcome.partition(":")[0] for row in world.audit.rows] == ["ok", "ok", "refused"]
    assert world.jobs.rows[running].cancel_requested_by == "Ayşe"


async def test_a_request_by_itself_is_audited(world: World, admin: Identity) -> None:
    job = await world.sync.request(admin, "trendyol")
    with pytest.raises(SyncRefused):
        await world.sync.request(admin, "n11")
    assert [(row.action, row.outcome.partition(".")[0]) for row in world.audit.rows] == [
        ("StartSync", f"ok: job {job.id}"),
        ("StartSync", "refused: Nothing is set up to sync n11; configure sync_endpoints"),
    ]


async def test_nobody_cancels_what_was_not_granted(world: World, admin: Identity) -> None:
    job = await world.sync.start(admin, "amazon")
    for granted in ((), ("trendyol",)):
        with pytest.raises(SyncJobUnknown) as refused:
            await world.sync.cancel(Identity("own:2", "Ali", Role.MARKETPLACE_MANAGER, granted), job.id)
        with pytest.raises(SyncJobUnknown, match=str(refused.value)):
            await world.sync.cancel(admin, "unknown")
    await world.sync.cancel(Identity("own:2", "Ali", Role.MARKETPLACE_MANAGER, ("amazon",)), job.id)
    assert world.jobs.rows[job.id].status == "cancelled"


async def test_a_history_has_a_page_at_most(world: World) -> None:
    for number in range(OPTIONS.largest_page + 1):
        await world.jobs.create(some_job(f"job-{number}", "trendyol", "success"))
    assert len(await world.sync.history(["trendyol"])) == OPTIONS.page
    assert len(await world.sync.history(["trendyol"], 0)) == 1
    assert len(await world.sync.history(["trendyol"], 10**6)) == OPTIONS.largest_page
    assert list(await world.sync.history([])) == []


async def test_nothing_is_taken_after_the_final_report(world: World) -> None:
    job_id = await running_job(world)
    with world.reports.expected(job_id) as mailbox:
        await world.sync.report(job_id, "s3cret", {**PROGRESS, "status": "success"})
        with pytest.raises(ReportTooLate):
            await world.sync.report(job_id, "s3cret", PROGRESS)
        assert (await mailbox.take()).is_final


async def test_a_mailbox_keeps_the_newest_report_only(world: World) -> None:
    job_id = await running_job(world)
    with world.reports.expected(job_id) as mailbox:
        for processed in range(10):
            await world.sync.report(job_id, "s3cret", {**PROGRESS, "failed": 0, "processed": processed})
        assert (await mailbox.take()).processed == 9
        waiting = asyncio.ensure_future(mailbox.take())
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()


async def test_a_request_is_audited_whatever_comes_of_it(world: World, admin: Identity) -> None:
    job = await world.sync.request(admin, "trendyol")
    for marketplace in ("etsy", 5):
        with pytest.raises(SyncRefused):
            await world.sync.request(admin, marketplace)
    assert {(row.user_id, row.action) for row in world.audit.rows} == {(admin.user_id, "StartSync")}
    assert [(row.details["marketplace"], row.outcome.partition(":")[0]) for row in world.audit.rows] == [
        ("trendyol", "ok"),
        ("etsy", "refused"),
        ("", "refused"),
    ]
    assert world.audit.rows[0].outcome == f"ok: job {job.id}"
