"""The promises of the stores in `services.ports`, as suites: each implementation inherits one and gives the factory."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import pytest
from app.tests.services.fakes import START, FakeClock, some_job

from meschain.domain.payloads import Notification, SystemAlert, UserActivity
from meschain.services.clock import iso_utc
from meschain.services.ports import (
    ActivityStore,
    AlertStore,
    CursorStore,
    GroupStore,
    NotificationsFull,
    NotificationStore,
    Prunable,
    SyncJobStore,
)


class PrunableAlerts(AlertStore, Prunable, Protocol): ...


class PrunableActivity(ActivityStore, Prunable, Protocol): ...


class PrunableNotifications(NotificationStore, Prunable, Protocol): ...


class PrunableJobs(SyncJobStore, Prunable, Protocol): ...


def alert(number: int, age_days: int = 0) -> SystemAlert:
    return SystemAlert(
        id=f"alert-{number}",
        message=f"Stok uyarısı {number} 🚨",
        level="warning",
        source="Ayşe",
        timestamp=iso_utc(START - timedelta(days=age_days)),
    )


def activity(number: int, age_days: int = 0) -> UserActivity:
    return UserActivity(
        event_id=f"event-{number}",
        kind="login",
        user="Ayşe",
        text=f"Ayşe logged in ({number}).",
        details={"address": "127.0.0.1"},
        occurred_at=iso_utc(START - timedelta(days=age_days)),
    )


def notification(number: int, user_id: str = "own:1", age_days: float = 0) -> Notification:
    return Notification(
        id=f"note-{number}",
        user_id=user_id,
        message=f"Message {number}",
        type="info",
        title="Title",
        duration=5000,
        persistent=True,
        created_at=iso_utc(START - timedelta(days=age_days)),
    )


class AlertStoreSpec:
    @pytest.fixture
    def store(self) -> PrunableAlerts:
        raise NotImplementedError

    async def test_latest_gives_the_newest_first_and_no_more_than_asked(self, store: PrunableAlerts) -> None:
        for number in range(4):
            await store.add(alert(number))
        assert await store.latest(3) == [alert(3), alert(2), alert(1)]

    async def test_an_empty_store_gives_nothing(self, store: PrunableAlerts) -> None:
        assert list(await store.latest(10)) == []

    async def test_prune_deletes_what_is_older(self, store: PrunableAlerts) -> None:
        await store.add(alert(1, age_days=10))
        await store.add(alert(2, age_days=1))
        assert await store.prune(START - timedelta(days=5)) == 1
        assert await store.latest(10) == [alert(2, age_days=1)]


class ActivityStoreSpec:
    @pytest.fixture
    def store(self) -> PrunableActivity:
        raise NotImplementedError

    async def test_latest_gives_the_newest_first_and_no_more_than_asked(self, store: PrunableActivity) -> None:
        for number in range(4):
            await store.add(activity(number))
        assert await store.latest(2) == [activity(3), activity(2)]

    async def test_the_same_event_twice_is_one_row(self, store: PrunableActivity) -> None:
        await store.add(activity(1))
        await store.add(activity(1))
        assert await store.latest(10) == [activity(1)]

    async def test_prune_deletes_what_is_older(self, store: PrunableActivity) -> None:
        await store.add(activity(1, age_days=10))
        await store.add(activity(2, age_days=1))
        assert await store.prune(START - timedelta(days=5)) == 1
        assert await store.latest(10) == [activity(2, age_days=1)]


class NotificationStoreSpec:
    LIMIT = 3

    @pytest.fixture
    def store(self, clock: FakeClock) -> PrunableNotifications:
        """With a limit of three pending notifications per user."""
        raise NotImplementedError

    async def test_pending_are_the_users_own_oldest_first(self, store: PrunableNotifications) -> None:
        for number, user_id in ((1, "own:1"), (2, "own:2"), (3, "own:1")):
            await store.add(notification(number, user_id))
        assert await store.pending("own:1") == [notification(1), notification(3)]
        assert list(await store.pending("own:3")) == []

    async def test_users_ids_differ_by_case(self, store: PrunableNotifications) -> None:
        await store.add(notification(1, "external:abc"))
        assert list(await store.pending("external:ABC")) == []

    async def test_an_acknowledged_one_is_not_pending(self, store: PrunableNotifications) -> None:
        await store.add(notification(1))
        assert await store.acknowledge("own:1", "note-1")
        assert list(await store.pending("own:1")) == []

    async def test_a_second_acknowledgement_says_that_there_was_nothing(self, store: PrunableNotifications) -> None:
        await store.add(notification(1))
        await store.acknowledge("own:1", "note-1")
        assert not await store.acknowledge("own:1", "note-1")

    async def test_nobody_acknowledges_for_another_user(self, store: PrunableNotifications) -> None:
        await store.add(notification(1))
        assert not await store.acknowledge("own:2", "note-1")
        assert await store.pending("own:1") == [notification(1)]

    async def test_one_too_many_is_refused_and_names_the_limit(self, store: PrunableNotifications) -> None:
        for number in range(self.LIMIT):
            await store.add(notification(number))
        with pytest.raises(NotificationsFull, match=str(self.LIMIT)):
            await store.add(notification(99))
        await store.add(notification(100, "own:2"))  # the limit is each user's own
        await store.acknowledge("own:1", "note-0")
        await store.add(notification(99))
        assert len(await store.pending("own:1")) == self.LIMIT

    async def test_the_oldest_that_went_out_gives_way(self, store: PrunableNotifications) -> None:
        for number in range(self.LIMIT):
            await store.add(notification(number))
        await store.mark_sent(["note-1", "note-2"])
        await store.add(notification(98))
        assert [kept.id for kept in await store.pending("own:1")] == ["note-0", "note-2", "note-98"]
        await store.add(notification(99))
        with pytest.raises(NotificationsFull):
            await store.add(notification(100))

    async def test_unsent_are_those_that_never_went_out(self, store: PrunableNotifications) -> None:
        for number in (1, 2, 3):
            await store.add(notification(number))
        await store.mark_sent(["note-2"])
        await store.acknowledge("own:1", "note-3")
        later = START + timedelta(seconds=1)
        assert await store.unsent("own:1", later) == [notification(1)]
        assert await store.pending("own:1") == [notification(1), notification(2)]

    async def test_unsent_leaves_out_the_young(self, store: PrunableNotifications) -> None:
        await store.add(notification(1))
        assert list(await store.unsent("own:1", START - timedelta(seconds=1))) == []
        assert list(await store.users_with_unsent(START - timedelta(seconds=1), "", 10)) == []

    async def test_users_with_unsent_come_in_pages(self, store: PrunableNotifications) -> None:
        for number, user_id in enumerate(("own:1", "own:1", "own:2", "own:3")):
            await store.add(notification(number, user_id))
        later = START + timedelta(seconds=1)
        assert list(await store.users_with_unsent(later, "", 2)) == ["own:1", "own:2"]
        assert list(await store.users_with_unsent(later, "own:2", 2)) == ["own:3"]

    async def test_marking_nothing_is_allowed(self, store: PrunableNotifications) -> None:
        await store.mark_sent([])

    async def test_prune_deletes_what_is_older(self, store: PrunableNotifications) -> None:
        await store.add(notification(1, age_days=10))
        await store.add(notification(2, age_days=1))
        assert await store.prune(START - timedelta(days=5)) == 1
        assert [kept.id for kept in await store.pending("own:1")] == ["note-2"]


class GroupStoreSpec:
    @pytest.fixture
    def store(self, clock: FakeClock) -> GroupStore:
        raise NotImplementedError

    async def test_groups_belong_to_a_user_on_a_hub(self, store: GroupStore) -> None:
        await store.add("hub", "own:1", ["metric:basic"])
        assert list(await store.groups("hub", "own:1")) == ["metric:basic"]
        assert list(await store.groups("other", "own:1")) == []
        assert list(await store.groups("hub", "own:2")) == []

    async def test_joining_twice_is_one_membership(self, store: GroupStore) -> None:
        await store.add("hub", "own:1", ["a", "b", "a"])
        await store.add("hub", "own:1", ["b", "c"])
        assert sorted(await store.groups("hub", "own:1")) == ["a", "b", "c"]

    async def test_two_connections_may_join_at_once(self, store: GroupStore) -> None:
        await asyncio.gather(*(store.add("hub", "own:1", ["a", "b"]) for _ in range(4)))
        assert sorted(await store.groups("hub", "own:1")) == ["a", "b"]


class CursorStoreSpec:
    @pytest.fixture
    def store(self) -> CursorStore:
        raise NotImplementedError

    async def test_an_unknown_cursor_is_none(self, store: CursorStore) -> None:
        assert await store.load("orders") is None

    async def test_the_last_save_counts(self, store: CursorStore) -> None:
        for position in (1, 7, 7, 2**40):
            await store.save("orders", position)
        await store.save("stock", 3)
        assert await store.load("orders") == 2**40
        assert await store.load("stock") == 3


class SyncJobStoreSpec:
    @pytest.fixture
    def store(self) -> PrunableJobs:
        raise NotImplementedError

    async def test_a_stored_job_is_found_as_it_was(self, store: PrunableJobs) -> None:
        job = replace(some_job(), message="Şimdi", progress=12.5, report_token_hash="ab" * 32)
        assert await store.create(job) == job
        assert await store.get(job.id) == job
        assert await store.get("unknown") is None

    async def test_a_marketplace_has_one_unfinished_job(self, store: PrunableJobs) -> None:
        first = await store.create(some_job("one"))
        assert await store.create(some_job("two")) == first
        await store.update(replace(first, status="running"))
        assert (await store.create(some_job("three"))).id == "one"
        assert (await store.create(some_job("four", "amazon"))).id == "four"
        await store.update(replace(first, status="success", finished_at=START))
        assert (await store.create(some_job("five"))).id == "five"

    async def test_requests_at_once_make_one_job(self, store: PrunableJobs) -> None:
        jobs = await asyncio.gather(*(store.create(some_job(f"job-{n}")) for n in range(8)))
        assert len({job.id for job in jobs}) == 1
        assert len(await store.unfinished()) == 1

    async def test_the_oldest_queued_job_is_next(self, store: PrunableJobs) -> None:
        assert await store.next_queued() is None
        await store.create(some_job("one", "trendyol"))
        await store.create(some_job("two", "amazon"))
        first = await store.next_queued()
        assert first is not None
        assert first.id == "one"
        await store.update(replace(first, status="running"))
        second = await store.next_queued()
        assert second is not None
        assert second.id == "two"

    async def test_latest_is_the_newest_of_each_marketplace(self, store: PrunableJobs) -> None:
        await store.create(some_job("one", "trendyol", "success"))
        await store.create(some_job("two", "amazon", "error"))
        await store.create(some_job("three", "trendyol"))
        assert {code: job.id for code, job in (await store.latest()).items()} == {"trendyol": "three", "amazon": "two"}
        finished = await store.latest_finished()
        assert {code: job.id for code, job in finished.items()} == {"trendyol": "one", "amazon": "two"}

    async def test_unfinished_are_the_queued_and_the_running(self, store: PrunableJobs) -> None:
        await store.create(some_job("one", "trendyol", "success"))
        await store.create(some_job("two", "amazon", "running"))
        await store.create(some_job("three", "ebay"))
        assert [job.id for job in await store.unfinished()] == ["two", "three"]

    async def test_prune_keeps_the_newest_of_each_marketplace_and_the_unfinished(self, store: PrunableJobs) -> None:
        old = START - timedelta(days=100)
        await store.create(replace(some_job("one", "trendyol", "success"), finished_at=old))
        await store.create(replace(some_job("two", "trendyol", "success"), finished_at=old))
        await store.create(replace(some_job("three", "amazon", "running"), created_at=old))
        assert await store.prune(START - timedelta(days=90)) == 1
        assert await store.get("one") is None
        assert await store.get("two") is not None
        assert await store.get("three") is not None
