"""The promises of the stores in `services.ports`, as suites: each implementation inherits one and gives the factory."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import pytest
from app.tests.services.fakes import START, FakeClock, some_event, some_job

from meschain.domain.events import NewEvent, StoredEvent
from meschain.domain.payloads import Notification, UserActivity
from meschain.domain.roles import Identity, Role
from meschain.services.clock import iso_utc
from meschain.services.ports import (
    ActivityStore,
    AudienceStore,
    CursorStore,
    GroupStore,
    KeptEvents,
    LeaseStore,
    NotificationsFull,
    NotificationStore,
    OpenConnection,
    OpenConnections,
    Prunable,
    StoredConnections,
    SyncJob,
    SyncJobStore,
    SyncSchedule,
    SyncScheduleStore,
)

KEEP_ALL = 1_000_000


async def pruned(store: Prunable, before: datetime, keep: int = KEEP_ALL) -> int:
    """Prune whole, without a pause; returns how many were deleted."""
    return sum([deleted async for deleted in store.prune(before, keep)])


class PrunableActivity(ActivityStore, Prunable, Protocol): ...


class PrunableNotifications(NotificationStore, Prunable, Protocol): ...


class PrunableConnections(StoredConnections, Prunable, Protocol): ...


class PrunableJobs(SyncJobStore, Prunable, Protocol): ...


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

    async def test_prune_leaves_the_newest(self, store: PrunableActivity) -> None:
        for number in range(4):
            await store.add(activity(number))
        assert await pruned(store, START - timedelta(days=5), keep=1) == 3
        assert await store.latest(10) == [activity(3)]

    async def test_prune_deletes_what_is_older(self, store: PrunableActivity) -> None:
        await store.add(activity(1, age_days=10))
        await store.add(activity(2, age_days=1))
        assert await pruned(store, START - timedelta(days=5)) == 1
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

    async def test_prune_deletes_what_is_older_or_too_many_and_was_acknowledged(
        self, store: PrunableNotifications
    ) -> None:
        for number, age_days in ((1, 10), (2, 1), (3, 1)):
            await store.add(notification(number, age_days=age_days))
        assert await pruned(store, START - timedelta(days=5), keep=1) == 0
        await store.acknowledge("own:1", "note-1")
        assert await pruned(store, START - timedelta(days=5)) == 1
        await store.acknowledge("own:1", "note-2")
        assert await pruned(store, START - timedelta(days=5)) == 0
        assert await pruned(store, START - timedelta(days=5), keep=1) == 1
        assert [kept.id for kept in await store.pending("own:1")] == ["note-3"]

    async def test_what_nobody_read_in_a_year_goes(self, store: PrunableNotifications) -> None:
        await store.add(notification(1, age_days=366))
        await store.add(notification(2, age_days=364))
        assert await pruned(store, START - timedelta(days=30)) == 1
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
        for position in ("1", "7", "7", str(2**40)):
            await store.save("orders", position)
        await store.save("stock", "mysql-bin.000003:4711")
        assert await store.load("orders") == str(2**40)
        assert await store.load("stock") == "mysql-bin.000003:4711"


class PrunableEvents(KeptEvents, Prunable, Protocol): ...


class EventLogSpec:
    """`EventLog` and `KeptEvents`. Implementations give `cursors` and `store`."""

    @pytest.fixture
    def store(self, clock: FakeClock) -> PrunableEvents:
        raise NotImplementedError

    @pytest.fixture
    def elsewhere(self, store: PrunableEvents) -> PrunableEvents:
        """The same events, as another process stores them; in memory there is none."""
        return store

    @pytest.fixture
    def cursors(self, store: PrunableEvents) -> CursorStore:
        """Of the same database."""
        raise NotImplementedError

    async def test_events_come_back_as_they_were_in_their_order(self, store: PrunableEvents) -> None:
        given = [
            NewEvent(
                f"opencart:{n}", kind, f"order:{n}", "n11", {"müşteri": "Ayşe 🚨", "total": 9.5, "id": 2**40}, START
            )
            for n, kind in enumerate(("order", "sync", "inventory", "alert", "activity"))
        ]
        await store.append(given[:2])
        await store.append(given[2:])
        assert await store.behind(0, 9) == [StoredEvent(n, event) for n, event in enumerate(given, 1)]
        assert [row.position for row in await store.behind(2, 2)] == [3, 4]
        assert list(await store.behind(5, 2)) == []

    async def test_an_empty_log_begins_at_nothing(self, store: PrunableEvents) -> None:
        assert (await store.newest(), await store.published(), list(await store.behind(0, 1))) == (0, 0, [])

    async def test_many_who_read_at_the_same_time_have_each_what_it_asked_for(self, store: KeptEvents) -> None:
        await store.append([some_event(number) for number in range(1, 31)])
        asked = [(position, limit) for position in range(32) for limit in (5, 500)]
        answers = await asyncio.gather(*(store.behind(position, limit) for position, limit in asked))
        for (position, limit), rows in zip(asked, answers, strict=True):
            assert [row.position for row in rows] == list(range(position + 1, 31))[:limit]

    async def test_an_id_that_is_known_is_dropped_and_takes_no_position(self, store: PrunableEvents) -> None:
        await store.append([some_event(1), some_event(1, "sync"), some_event(2)])
        await store.append([some_event(2, "sync"), some_event(3), some_event(1)])
        rows = await store.behind(0, 9)
        assert rows == [StoredEvent(n, some_event(n)) for n in (1, 2, 3)]
        assert await store.newest() == 3

    async def test_ids_differ_by_case(self, store: PrunableEvents) -> None:
        await store.append([replace(some_event(1), event_id="a"), replace(some_event(1), event_id="A")])
        assert await store.newest() == 2

    async def test_cursors_are_stored_with_the_events(self, store: PrunableEvents, cursors: CursorStore) -> None:
        await cursors.save("stock", "1")
        await store.append([some_event(1)], {"orders": "7", "stock": "2"})
        await store.append([], {"orders": "8"})
        assert (await cursors.load("orders"), await cursors.load("stock")) == ("8", "2")
        assert await store.newest() == 1

    async def test_events_stored_at_once_have_no_holes_and_each_its_own_order(
        self, store: PrunableEvents, elsewhere: PrunableEvents
    ) -> None:
        async def produce(producer: int) -> None:
            place = elsewhere if producer % 2 else store
            for step in range(5):
                await place.append([some_event(producer * 100 + step * 10 + n) for n in range(3)])

        await asyncio.gather(*(produce(producer) for producer in range(8)))
        rows = await store.behind(0, 1_000)
        assert [row.position for row in rows] == list(range(1, 121))
        for producer in range(8):
            numbers = [int(row.event.event_id.removeprefix("event-")) for row in rows]
            own = [number for number in numbers if number // 100 == producer]
            assert own == sorted(own)
            assert len(own) == 15

    async def test_who_reads_on_finds_its_own_and_those_of_others(
        self, store: PrunableEvents, elsewhere: PrunableEvents
    ) -> None:
        for place, number in ((store, 1), (elsewhere, 2), (store, 3), (store, 4), (elsewhere, 5)):
            await place.append([some_event(number)])
        for reader in (store, elsewhere):
            for begin in range(6):
                found: list[StoredEvent] = []
                while rows := await reader.behind(found[-1].position if found else begin, 3):
                    found += rows
                assert found == [StoredEvent(n, some_event(n)) for n in range(begin + 1, 6)]

    async def test_who_has_read_one_has_seen_all_before_it(
        self, store: PrunableEvents, elsewhere: PrunableEvents
    ) -> None:
        seen: list[int] = []

        async def watch() -> None:
            while len(seen) < 80:
                seen.extend(row.position for row in await store.behind(len(seen), 1_000))
                await asyncio.sleep(0)

        both = (store, elsewhere)
        await asyncio.gather(watch(), *(both[n % 2].append([some_event(n), some_event(n + 100)]) for n in range(40)))
        assert seen == list(range(1, 81))

    async def test_the_same_event_stored_at_once_is_one(self, store: PrunableEvents, elsewhere: PrunableEvents) -> None:
        twice = [some_event(1), some_event(2)]
        await asyncio.gather(*(place.append(twice) for place in (store, elsewhere) for _ in range(3)))
        assert [row.event.event_id for row in await store.behind(0, 9)] == ["event-1", "event-2"]

    async def test_how_far_they_were_told_is_kept(self, store: PrunableEvents) -> None:
        await store.append([some_event(1), some_event(2)])
        await store.mark_published(1)
        await store.mark_published(2)
        await store.mark_published(1)  # by a process that was held up, behind the one that followed it
        assert await store.published() == 2

    async def test_each_way_has_its_own_position_and_a_new_one_begins_where_the_first_is(
        self, store: PrunableEvents
    ) -> None:
        await store.append([some_event(n) for n in range(1, 5)])
        assert await store.published("green") == 0
        await store.mark_published(2)
        assert await store.published("green") == 2
        await store.mark_published(1, "green")
        await store.mark_published(3)
        assert (await store.published("green"), await store.published()) == (1, 3)
        await store.forget_way("green")
        await store.forget_way("green")
        assert (await store.published("green"), await store.published()) == (3, 3)

    async def test_prune_deletes_what_is_older_and_was_told(self, store: PrunableEvents, clock: FakeClock) -> None:
        await store.append([some_event(1), some_event(2), some_event(3)])
        await store.mark_published(2)
        await clock.advance(60)
        await store.append([some_event(4)])
        assert await pruned(store, START) == 0
        assert await pruned(store, START + timedelta(seconds=30)) == 2
        assert ([row.position for row in await store.behind(0, 9)], await store.newest()) == ([3, 4], 4)
        await store.mark_published(4)
        assert await pruned(store, START + timedelta(days=1)) == 2
        assert (list(await store.behind(0, 9)), await store.newest()) == ([], 4)

    async def test_positions_go_on_where_all_was_pruned(self, store: PrunableEvents) -> None:
        await store.append([some_event(1)])
        await store.mark_published(1)
        await pruned(store, START + timedelta(days=1))
        await store.append([some_event(1), some_event(2)])  # what is forgotten is not known any more
        assert [row.position for row in await store.behind(0, 9)] == [2, 3]

    async def test_above_the_most_that_are_kept_the_oldest_go(self, store: PrunableEvents) -> None:
        await store.append([some_event(n) for n in range(3_700)])
        assert await pruned(store, START, keep=2_500) == 0  # nobody was told of them yet
        await store.mark_published(2_500)
        steps = [deleted async for deleted in store.prune(START, 2_500)]
        assert sum(steps) == 1_200
        assert max(steps) <= 1_000  # so that nobody waits for long
        assert (await store.behind(0, 1))[0].position == 1_201


HUB = "MesChainAdminHub"


def connection(number: int, log_in: str = "ada", hub: str = HUB, node: str = "") -> OpenConnection:
    who = Identity("own:1", "Ada", Role.MARKETPLACE_MANAGER, ("trendyol", "n11"))
    return OpenConnection(hub, f"connection-{number}", log_in, who, START, node)


class OpenConnectionsSpec:
    """`OpenConnections`. Implementations give the fixture `store`."""

    async def test_a_log_in_has_the_connections_that_opened_and_did_not_end(self, store: OpenConnections) -> None:
        for each in (connection(1), connection(1, hub="Other"), connection(2), connection(3, "bob")):
            await store.opened(each)
        await store.ended(HUB, "connection-2")
        assert set(await store.of_log_in("ada")) == {connection(1), connection(1, hub="Other")}
        assert await store.of_log_in("bob") == [connection(3, "bob")]
        assert await store.of_log_in("nobody") == []

    async def test_events_may_come_twice(self, store: OpenConnections) -> None:
        for _ in range(2):
            await store.opened(connection(1))
        assert await store.of_log_in("ada") == [connection(1)]
        for _ in range(2):
            await store.ended(HUB, "connection-1")
        assert await store.of_log_in("ada") == []

    async def test_log_ins_come_in_pages_and_once_each(self, store: OpenConnections) -> None:
        for number, log_in in enumerate(("c", "a", "b", "a", "", "d")):
            await store.opened(connection(number, log_in))
        await store.ended(HUB, "connection-5")
        assert await store.log_ins("", 2) == ["a", "b"]
        assert await store.log_ins("b", 2) == ["c"]
        assert await store.log_ins("c", 2) == []


class StoredConnectionsSpec(OpenConnectionsSpec):
    """`StoredConnections`. Implementations give the fixtures `store` and `clock`."""

    async def test_what_has_ended_never_opens_again(self, store: StoredConnections) -> None:
        await store.ended(HUB, "connection-1")
        await store.opened(connection(1))
        assert await store.of_log_in("ada") == []
        assert await store.count() == 0

    async def test_many_at_once_lose_nothing_and_keep_their_order(self, store: StoredConnections) -> None:
        await asyncio.gather(*(store.opened(connection(number)) for number in range(600)))
        changes = [store.ended(HUB, f"connection-{number}") for number in range(0, 600, 2)]
        for number in range(600, 610):
            changes += [store.opened(connection(number)), store.ended(HUB, f"connection-{number}")]
        changes += [store.ended(HUB, "connection-610"), store.opened(connection(610)), store.opened(connection(611))]
        await asyncio.gather(*changes)
        assert await store.count() == 301

    async def test_all_that_are_open_count(self, store: StoredConnections) -> None:
        for number, log_in in enumerate(("ada", "bob", "")):
            await store.opened(connection(number, log_in))
        await store.ended(HUB, "connection-0")
        await store.ended(HUB, "never opened")
        assert await store.count() == 2

    async def test_open_ones_are_known_by_their_ids(self, store: StoredConnections) -> None:
        nobody = OpenConnection(HUB, "connection-4", "")
        long = replace(connection(5), who=Identity("x" * 300, "Ada", Role.USER))
        for each in (connection(1), connection(2), connection(3, hub="Other"), nobody, long):
            await store.opened(each)
        await store.ended(HUB, "connection-2")
        ids = [f"connection-{number}" for number in range(7)]
        # Neither whose user is not known, nor whose would be another one when it is cut off.
        assert await store.among(HUB, ids) == [connection(1)]
        assert await store.among(HUB, []) == []

    async def test_those_not_heard_of_come_longest_first(self, store: StoredConnections, clock: FakeClock) -> None:
        for number in range(4):
            await store.opened(connection(number))
            await clock.advance(1)
        await store.ended(HUB, "connection-2")
        await store.seen(connection(0))
        await store.seen(connection(2))
        assert await store.unseen(clock.now(), 1) == [connection(1)]
        assert await store.unseen(clock.now(), 9) == [connection(1), connection(3)]
        await clock.advance(1)
        assert await store.unseen(clock.now(), 9) == [connection(1), connection(3), connection(0)]
        assert await store.count() == 3

    async def test_only_those_that_ended_long_ago_are_pruned(
        self, store: PrunableConnections, clock: FakeClock
    ) -> None:
        await store.opened(connection(1))
        await store.opened(connection(2))
        await store.ended(HUB, "connection-2")
        await clock.advance(60)
        await store.ended(HUB, "connection-3")
        assert await pruned(store, clock.now()) == 1
        assert await store.of_log_in("ada") == [connection(1)]
        await store.opened(connection(3))
        assert await store.count() == 1

    async def test_of_those_that_ended_the_newest_are_kept(self, store: PrunableConnections, clock: FakeClock) -> None:
        await store.opened(connection(0))
        for number in range(1, 5):
            await store.ended(HUB, f"connection-{number}")
            await clock.advance(1)
        assert await pruned(store, START, keep=3) == 1
        for number in range(1, 5):
            await store.opened(connection(number))
        assert set(await store.of_log_in("ada")) == {connection(0), connection(1)}


class AudienceStoreSpec:
    """`AudienceStore`. Implementations give the fixtures `store` and `clock`."""

    async def test_audiences_are_known_with_the_moment_when_somebody_came_last(
        self, store: AudienceStore, clock: FakeClock
    ) -> None:
        await store.watch(("trendyol", "n11"))
        await store.watch(())
        await clock.advance(5)
        await store.watch(("trendyol", "n11"))
        assert await store.watched() == {("trendyol", "n11"): clock.now(), (): START}

    async def test_one_that_somebody_came_to_is_not_forgotten(self, store: AudienceStore, clock: FakeClock) -> None:
        await store.watch(("n11",))
        await clock.advance(5)
        await store.watch(("n11",))
        await store.forget(("n11",), START)
        assert list(await store.watched()) == [("n11",)]
        await store.forget(("n11",), clock.now())
        await store.forget(("etsy",), clock.now())
        assert await store.watched() == {}


class LeaseStoreSpec:
    """A lease of no seconds has run out at once, so nothing here waits."""

    @pytest.fixture
    def store(self, clock: FakeClock) -> LeaseStore:
        raise NotImplementedError

    async def test_the_first_who_asks_gets_it_and_others_are_told_who(self, store: LeaseStore) -> None:
        assert await store.look("work") is None
        taken = await store.take("work", "a", 60)
        assert (taken.name, taken.holder, taken.term) == ("work", "a", 1)
        refused = await store.take("work", "b", 60)
        assert (refused.holder, refused.term) == ("a", 1)
        assert 0 < refused.left_seconds <= 60

    async def test_the_holder_makes_it_last_and_keeps_its_term(self, store: LeaseStore) -> None:
        await store.take("work", "a", 60)
        renewed = await store.take("work", "a", 600)
        assert (renewed.holder, renewed.term) == ("a", 1)
        seen = await store.look("work")
        assert seen is not None
        assert seen.left_seconds > 60

    async def test_one_that_ran_out_goes_to_whoever_asks_with_a_new_term(self, store: LeaseStore) -> None:
        await store.take("work", "a", 0)
        taken = await store.take("work", "b", 60)
        assert (taken.holder, taken.term) == ("b", 2)
        assert (await store.take("work", "a", 60)).holder == "b"

    async def test_its_holder_too_gets_a_new_term_once_it_ran_out(self, store: LeaseStore) -> None:
        await store.take("work", "a", 0)
        assert (await store.take("work", "a", 60)).term == 2

    async def test_one_that_lasts_longer_than_it_is_taken_for_has_run_out(self, store: LeaseStore) -> None:
        await store.take("work", "a", 600)  # as it looks when the database's clock was set back by nine minutes
        taken = await store.take("work", "b", 60)
        assert (taken.holder, taken.term) == ("b", 2)
        seen = await store.look("work")
        assert seen is not None
        assert seen.left_seconds <= 61
        assert (await store.take("work", "a", 60)).holder == "b"

    async def test_a_clock_that_was_set_back_does_not_interrupt_the_holder(self, store: LeaseStore) -> None:
        await store.take("work", "a", 600)
        renewed = await store.take("work", "a", 60)
        assert (renewed.holder, renewed.term) == ("a", 1)

    async def test_given_back_it_can_be_taken_at_once(self, store: LeaseStore) -> None:
        await store.take("work", "a", 60)
        await store.release("work", "a")
        seen = await store.look("work")
        assert seen is not None
        assert seen.holder == ""
        taken = await store.take("work", "b", 60)
        assert (taken.holder, taken.term) == ("b", 2)

    async def test_one_that_nobody_holds_can_be_forgotten(self, store: LeaseStore) -> None:
        await store.take("work", "a", 60)
        await store.forget("work")
        assert (await store.take("work", "b", 60)).holder == "a"
        await store.release("work", "a")
        await store.forget("work")
        assert await store.look("work") is None
        assert (await store.take("work", "b", 0)).term == 1
        await store.forget("work")
        await store.forget("never taken")
        assert await store.look("work") is None

    async def test_nobody_gives_back_what_is_anothers(self, store: LeaseStore) -> None:
        await store.release("work", "b")
        await store.take("work", "a", 60)
        await store.release("work", "b")
        assert (await store.take("work", "b", 60)).holder == "a"

    async def test_leases_of_other_names_are_apart(self, store: LeaseStore) -> None:
        await store.take("work", "a", 60)
        assert (await store.take("other", "b", 60)).holder == "b"

    async def test_of_many_at_once_one_gets_it(self, store: LeaseStore) -> None:
        for seconds in (0.0, 60.0):  # the first time there is no row, the second time one that has run out
            found = await asyncio.gather(*(store.take("work", f"process {n}", seconds) for n in range(8)))
        assert len({lease.holder for lease in found}) == 1
        assert len({lease.term for lease in found}) == 1


class SyncJobStoreSpec:
    """`SyncJobStore`. Implementations give `store`, and `events`, its log.

    A lease of no seconds has run out at once, so nothing here waits.
    """

    @pytest.fixture
    def events(self, clock: FakeClock) -> KeptEvents:
        raise NotImplementedError

    @pytest.fixture
    def store(self, events: KeptEvents, clock: FakeClock) -> PrunableJobs:
        raise NotImplementedError

    @pytest.fixture
    def roomy(self, events: KeptEvents, clock: FakeClock) -> PrunableJobs:
        """The same, with two unfinished jobs for each marketplace."""
        raise NotImplementedError

    async def claimed(self, store: SyncJobStore, run: str = "run", seconds: float = 60.0, worker: str = "a") -> SyncJob:
        job = await store.claim(worker, run, seconds)
        assert job is not None
        return job

    async def stored(self, store: SyncJobStore, job_id: str) -> SyncJob:
        job = await store.get(job_id)
        assert job is not None
        return job

    async def test_a_stored_job_is_found_as_it_was(self, store: PrunableJobs) -> None:
        job = replace(some_job(), message="Şimdi", progress=12.5, report_token_hash="ab" * 32, attempts=2)
        assert await store.create(job) == job
        assert await store.get(job.id) == job
        assert await store.get("unknown") is None

    async def test_a_marketplace_has_one_unfinished_job(self, store: PrunableJobs) -> None:
        await store.create(some_job("one"))
        assert (await store.create(some_job("two"))).id == "one"
        running = await self.claimed(store)
        assert await store.create(some_job("three")) == running
        assert (await store.create(some_job("four", "amazon"))).id == "four"
        assert await store.update(replace(running, status="success", finished_at=START), "run")
        assert (await store.create(some_job("five"))).id == "five"

    async def test_where_it_may_have_two_a_third_joins_the_newest(self, roomy: PrunableJobs) -> None:
        for name in ("one", "two"):
            assert (await roomy.create(some_job(name))).id == name
        assert (await roomy.create(some_job("three"))).id == "two"
        first = await self.claimed(roomy)
        assert (await self.claimed(roomy, "other")).id == "two"
        await roomy.update(replace(first, status="success", finished_at=START), "run")
        assert (await roomy.create(some_job("three"))).id == "three"

    async def test_an_id_that_is_known_is_no_second_job(self, store: PrunableJobs) -> None:
        await store.create(some_job("one", status="success"))
        assert (await store.create(some_job("one"))).status == "success"
        assert await store.claim("a", "run", 60) is None

    async def test_requests_at_once_make_one_job(self, store: PrunableJobs) -> None:
        jobs = await asyncio.gather(*(store.create(some_job(f"job-{n}")) for n in range(8)))
        assert len({job.id for job in jobs}) == 1
        assert len(await store.history(["trendyol"], 9)) == 1

    async def test_the_oldest_queued_job_is_claimed_first(self, store: PrunableJobs) -> None:
        assert await store.claim("a", "run", 60) is None
        await store.create(some_job("one", "trendyol"))
        await store.create(some_job("two", "amazon"))
        first = await self.claimed(store, "run-1")
        assert (first.id, first.status, first.worker, first.attempts) == ("one", "running", "a", 1)
        assert first.report_token_hash == "run-1"
        assert await store.get("one") == first
        assert (await self.claimed(store, "run-2", worker="b")).id == "two"
        assert await store.claim("c", "run-3", 60) is None

    async def test_one_that_is_to_be_left_is_not_claimed(self, store: PrunableJobs) -> None:
        await store.create(some_job("one", "trendyol"))
        await store.create(some_job("two", "amazon"))
        claimed = await store.claim("a", "run", 60, ["one", "unknown"])
        assert claimed is not None
        assert claimed.id == "two"

    async def test_a_lease_that_ran_out_goes_to_one_other_and_what_was_reached_stays(self, store: PrunableJobs) -> None:
        await store.create(some_job("one"))
        first = await self.claimed(store, "run-1", 0)
        assert await store.update(replace(first, progress=60.0, processed=6, total=10, started_at=START), "run-1")
        found = await asyncio.gather(*(store.claim(f"worker-{n}", f"other-{n}", 60) for n in range(8)))
        (second,) = (job for job in found if job is not None)
        assert (second.attempts, second.progress, second.processed, second.started_at) == (2, 60.0, 6, START)
        assert second.worker.removeprefix("worker-") == second.report_token_hash.removeprefix("other-")
        assert await self.stored(store, "one") == second

    async def test_a_queued_job_is_claimed_by_one_of_many(self, store: PrunableJobs) -> None:
        await store.create(some_job("one"))
        found = await asyncio.gather(*(store.claim(f"worker-{n}", f"run-{n}", 60) for n in range(8)))
        assert len([job for job in found if job is not None]) == 1
        assert (await self.stored(store, "one")).attempts == 1

    async def test_a_renewed_lease_lasts_and_one_of_another_run_is_not_renewed(self, store: PrunableJobs) -> None:
        await store.create(some_job("one"))
        job = await self.claimed(store, "run-1", 0)
        assert await store.renew("one", "run-1", 60) == job
        assert await store.claim("b", "run-2", 60) is None
        assert await store.renew("one", "run-2", 60) is None
        assert await store.renew("unknown", "run-1", 60) is None
        await store.update(replace(job, status="error", finished_at=START), "run-1")
        assert await store.renew("one", "run-1", 60) is None

    async def test_one_that_lasts_longer_than_it_is_claimed_for_has_run_out(self, store: PrunableJobs) -> None:
        await store.create(some_job("one"))
        await self.claimed(store, "run-1", 600)  # as it looks when the database's clock was set back by nine minutes
        assert (await self.claimed(store, "run-2", 60)).attempts == 2

    async def test_given_back_it_can_be_claimed_at_once_and_is_no_attempt(self, store: PrunableJobs) -> None:
        await store.create(some_job("one"))
        await self.claimed(store, "run-1")
        await store.release("one", "run-2")
        assert await store.claim("b", "run-2", 60) is None
        await store.release("one", "run-1")
        assert (await self.claimed(store, "run-2")).attempts == 1
        await store.release("one", "run-1")
        assert await store.claim("c", "run-3", 60) is None

    async def test_a_run_changes_its_own_job_only(self, store: PrunableJobs) -> None:
        await store.create(some_job("one"))
        job = await self.claimed(store, "run-1", 0)
        assert await store.update(replace(job, progress=10.0), "run-1")
        assert await store.update(replace(job, progress=10.0), "run-1")  # the same again is stored too
        assert not await store.update(replace(job, progress=20.0), "run-2")
        assert (await self.stored(store, "one")).progress == 10.0
        await self.claimed(store, "run-2")
        assert not await store.update(replace(job, progress=30.0), "run-1")

    async def test_a_job_that_has_ended_stays_as_it_ended(self, store: PrunableJobs) -> None:
        await store.create(some_job("one"))
        job = await self.claimed(store)
        ended = replace(job, status="cancelled", finished_at=START)
        assert await store.update(ended, "run")
        assert not await store.update(replace(job, progress=30.0), "run")
        assert await store.get("one") == ended
        assert await store.claim("b", "run-2", 60) is None

    async def test_events_are_stored_with_the_change_or_not_at_all(
        self, store: PrunableJobs, events: KeptEvents
    ) -> None:
        await store.create(some_job("one"), [some_event(1, "sync")])
        await store.create(some_job("two"), [some_event(2, "sync")])  # joins the first
        job = await self.claimed(store)
        await store.update(job, "run", [some_event(3, "sync"), some_event(4, "activity")])
        await store.update(job, "another", [some_event(5, "sync")])
        await store.cancel_queued(job, [some_event(6, "sync")])
        assert [row.event.event_id for row in await events.behind(0, 9)] == ["event-1", "event-3", "event-4"]

    async def test_one_that_waits_is_cancelled_at_once(self, store: PrunableJobs) -> None:
        job = await store.create(some_job("one"))
        ended = replace(job, status="cancelled", finished_at=START, message="Cancelled by Ayşe.")
        assert not await store.request_cancel("one", "Ayşe")
        assert await store.cancel_queued(ended)
        assert await store.get("one") == ended
        assert not await store.cancel_queued(ended)
        assert await store.claim("a", "run", 60) is None
        assert (await store.create(some_job("two"))).id == "two"

    async def test_one_that_runs_is_asked_to_end_and_the_first_who_asked_is_kept(self, store: PrunableJobs) -> None:
        await store.create(some_job("one"))
        job = await self.claimed(store, seconds=0)
        assert not await store.cancel_queued(replace(job, status="cancelled"))
        assert await store.request_cancel("one", "Ayşe")
        assert await store.request_cancel("one", "Ali")
        assert await store.update(replace(job, progress=5.0), "run")  # by a run that does not know of it yet
        renewed = await store.renew("one", "run", 0)
        assert renewed is not None
        assert (renewed.cancel_requested_by, renewed.progress) == ("Ayşe", 5.0)
        assert (await self.claimed(store, "run-2")).cancel_requested_by == "Ayşe"
        assert not await store.request_cancel("unknown", "Ayşe")

    async def test_the_history_is_of_some_marketplaces_the_newest_first(self, store: PrunableJobs) -> None:
        await store.create(some_job("one", "trendyol", "success"))
        await store.create(some_job("two", "amazon", "cancelled"))
        await store.create(some_job("three", "trendyol"))
        await store.create(some_job("four", "n11"))
        assert [job.id for job in await store.history(["trendyol", "amazon"], 9)] == ["three", "two", "one"]
        assert [job.id for job in await store.history(["trendyol", "amazon"], 2)] == ["three", "two"]
        assert list(await store.history([], 2)) == []

    async def test_latest_is_the_newest_of_each_marketplace(self, store: PrunableJobs) -> None:
        await store.create(some_job("one", "trendyol", "success"))
        await store.create(some_job("two", "amazon", "error"))
        await store.create(some_job("three", "trendyol", "cancelled"))
        assert {code: job.id for code, job in (await store.latest()).items()} == {"trendyol": "three", "amazon": "two"}
        finished = await store.latest_finished()
        assert {code: job.id for code, job in finished.items()} == {"trendyol": "one", "amazon": "two"}

    async def test_prune_keeps_what_is_shown_of_each_marketplace_and_the_unfinished(self, store: PrunableJobs) -> None:
        old = START - timedelta(days=100)
        for name, marketplace, status in (
            ("one", "trendyol", "success"),
            ("two", "trendyol", "success"),
            ("three", "trendyol", "cancelled"),
            ("four", "trendyol", "cancelled"),
            ("six", "n11", "success"),
            ("seven", "n11", "error"),
            ("eight", "n11", "error"),
        ):
            await store.create(replace(some_job(name, marketplace, status), finished_at=old))
        await store.create(replace(some_job("five", "amazon"), created_at=old))
        assert await pruned(store, START - timedelta(days=90)) == 3
        left = {job.id for job in await store.history(["trendyol", "amazon", "n11"], 9)}
        assert left == {"two", "four", "five", "six", "eight"}

    async def test_prune_leaves_the_newest(self, store: PrunableJobs) -> None:
        for number in range(4):
            await store.create(replace(some_job(f"job-{number}", "trendyol", "success"), finished_at=START))
        await store.create(replace(some_job("other", "amazon", "success"), finished_at=START))
        assert await pruned(store, START - timedelta(days=90), keep=2) == 3
        assert await store.get("job-2") is None
        assert await store.get("job-3") is not None


class SyncScheduleStoreSpec:
    """`SyncScheduleStore`. Implementations give the fixture `store`."""

    async def test_each_marketplace_has_one_and_the_last_that_was_put_counts(self, store: SyncScheduleStore) -> None:
        assert list(await store.schedules()) == []
        first = SyncSchedule("trendyol", 60, START, "own:1")
        second = SyncSchedule("n11", 0, None, "own:2")
        for schedule in (replace(first, every_minutes=5), first, second, second):
            await store.put(schedule)
        assert await store.schedules() == [second, first]

    async def test_the_next_time_moves_only_from_where_it_was_seen(self, store: SyncScheduleStore) -> None:
        seen = SyncSchedule("trendyol", 60, START, "own:1")
        later = START + timedelta(minutes=60)
        await store.put(seen)
        moved = await asyncio.gather(*(store.advance(seen, later) for _ in range(4)))
        assert sorted(moved) == [False, False, False, True]
        await store.put(replace(seen, every_minutes=0, next_at=None))
        assert not await store.advance(replace(seen, next_at=later), later + timedelta(minutes=60))
        assert await store.schedules() == [SyncSchedule("trendyol", 0, None, "own:1")]
