"""The promises of `InboxStore`, as a suite that each implementation inherits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import pytest
from app.tests.services.fakes import START, FakeClock, some_event
from app.tests.services.store_specs import pruned

from meschain.services.ports import KeptEvents, Prunable
from meschain.services.webhook_ports import (
    Arrival,
    Delivery,
    InboxStore,
    SettledElsewhere,
    Status,
    StoredDelivery,
    Worked,
)


class PrunableInbox(InboxStore, Prunable, Protocol): ...


def delivery(
    key: str = "key-1", *, vendor: str = "etsy", store: str = "main", body: bytes = b"{}", at: datetime = START
) -> Delivery:
    return Delivery(
        vendor=vendor,
        store=store,
        key=key,
        kind="order.paid",
        method="POST",
        path="orders/ü",
        headers={"webhook-id": key},
        body=body,
        received_at=at,
    )


def arrivals(*keys: str, vendor: str = "etsy", store: str = "main") -> list[Arrival]:
    return [Arrival(delivery(key, vendor=vendor, store=store)) for key in keys]


def worked(stored: StoredDelivery, status: str = Status.DONE, *, later: float = 0.0, note: str = "done") -> Worked:
    return Worked(stored.number, status, stored.attempts + 1, stored.next_attempt_at + timedelta(seconds=later), note)


class InboxStoreSpec:
    """`InboxStore`. Implementations give `store`, `elsewhere` (the same rows in another process), `log` (the events
    beside them) and `clock`."""

    @pytest.fixture
    def store(self, clock: FakeClock) -> PrunableInbox:
        raise NotImplementedError

    @pytest.fixture
    def elsewhere(self, clock: FakeClock) -> PrunableInbox:
        raise NotImplementedError

    @pytest.fixture
    def log(self, clock: FakeClock) -> KeptEvents:
        raise NotImplementedError

    async def test_what_is_stored_comes_back_to_the_byte(self, store: InboxStore) -> None:
        body = bytes(range(256)) * 400
        await store.add([Arrival(delivery(body=body))])
        [found] = await store.due(["etsy"], START, 9)
        assert found.delivery == delivery(body=body)
        assert (found.status, found.attempts, found.note, found.finished_at) == (Status.WAITING, 0, "", None)
        assert await store.get(found.number) == found
        assert await store.get(found.number + 1) is None

    async def test_a_key_is_new_once_for_each_vendor_and_store(self, store: InboxStore) -> None:
        assert await store.add(arrivals("a", "b", "a")) == [True, True, False]
        assert await store.add(arrivals("b", "c")) == [False, True]
        assert await store.add(arrivals("a", store="other")) == [True]
        assert await store.add(arrivals("a", vendor="ozon")) == [True]
        assert [each.delivery.key for each in await store.due(["etsy", "ozon"], START, 9)] == [*list("abc"), "a", "a"]

    async def test_keys_differ_by_case_and_by_letters(self, store: InboxStore) -> None:
        assert await store.add(arrivals("a", "A", "ä", "ı", "i")) == [True] * 5

    async def test_many_who_store_the_same_at_once_store_it_once(
        self, store: InboxStore, elsewhere: InboxStore
    ) -> None:
        keys = [f"key-{number}" for number in range(10)]
        rounds = [(store if turn % 2 else elsewhere).add(arrivals(*keys)) for turn in range(6)]
        results = await asyncio.gather(*rounds)
        for number in range(len(keys)):
            assert sum(result[number] for result in results) == 1
        assert len(await store.due(["etsy"], START, 99)) == len(keys)

    async def test_what_is_dead_from_the_start_is_not_due(self, store: InboxStore) -> None:
        await store.add([Arrival(delivery(), Status.DEAD, "cannot be read")])
        assert await store.due(["etsy"], START, 9) == []
        [found] = await store.list(Status.DEAD, None, None, 9)
        assert (found.note, found.finished_at) == ("cannot be read", START)

    async def test_due_is_what_waits_and_whose_time_has_come(self, store: InboxStore) -> None:
        await store.add([*arrivals("a", "b"), *arrivals("c", vendor="ozon")])
        first, second = await store.due(["etsy"], START, 9)
        await store.finish([worked(first, Status.WAITING, later=60, note="away")], [], {})
        assert await store.due(["etsy"], START, 9) == [second]
        assert await store.next_due(["etsy"]) == START
        await store.finish([worked(second)], [], {})
        assert await store.next_due(["etsy"]) == START + timedelta(seconds=60)
        assert await store.next_due(["trendyol"]) is None
        [again] = await store.due(["etsy"], START + timedelta(seconds=60), 9)
        assert (again.number, again.attempts, again.note) == (first.number, 1, "away")
        assert len(await store.due(["etsy", "ozon"], START + timedelta(seconds=60), 1)) == 1

    async def test_what_was_told_is_remembered(self, store: InboxStore) -> None:
        later = START + timedelta(seconds=5)
        await store.finish([], ["event-1", "event-2", "event-1"], {"order:1": later})
        await store.finish([], ["event-3"], {"order:1": later, "order:2": START})
        found = await store.settled(["event-1", "event-3", "event-9"], ["order:1", "order:2", "order:9"])
        assert found.told == {"event-1", "event-3"}
        assert found.newest == {"order:1": later, "order:2": START}
        assert (await store.settled([], [])).told == frozenset()

    async def test_what_is_told_goes_to_the_log_with_what_is_remembered_of_it(
        self, store: InboxStore, log: KeptEvents
    ) -> None:
        await store.add(arrivals("a"))
        [first] = await store.due(["etsy"], START, 9)
        event = some_event(1)
        await store.finish([worked(first)], [event.event_id], {"order:1": START}, [event])
        assert [stored.event for stored in await log.behind(0, 9)] == [event]
        assert await store.due(["etsy"], START, 9) == []

    @pytest.mark.parametrize(("told", "newest"), [("event-1", START), ("event-2", START - timedelta(seconds=1))])
    async def test_what_was_told_elsewhere_meanwhile_stores_nothing(
        self, store: InboxStore, elsewhere: InboxStore, log: KeptEvents, told: str, newest: datetime
    ) -> None:
        await store.add(arrivals("a"))
        [first] = await store.due(["etsy"], START, 9)
        await elsewhere.finish([], ["event-1"], {"order:1": START}, [some_event(1)])
        with pytest.raises(SettledElsewhere):
            await store.finish([worked(first)], [told], {"order:1": newest}, [some_event(2)])
        assert [stored.event for stored in await log.behind(0, 9)] == [some_event(1)]
        assert await store.due(["etsy"], START, 9) == [first]
        assert (await store.settled(["event-2"], ["order:1"])).newest == {"order:1": START}

    async def test_many_are_settled_at_once(self, store: InboxStore) -> None:
        ids = [f"event-{number}" for number in range(1_000)]
        await store.finish([], ids, {f"order:{number}": START for number in range(1_000)})
        found = await store.settled(ids, [f"order:{number}" for number in range(1_000)])
        assert (len(found.told), len(found.newest)) == (1_000, 1_000)

    async def test_the_list_is_the_newest_first_without_bodies(self, store: InboxStore) -> None:
        await store.add([*arrivals("a", "b", "c"), *arrivals("d", vendor="ozon")])
        everything = await store.list(None, None, None, 9)
        assert [each.delivery.key for each in everything] == ["d", "c", "b", "a"]
        assert {each.delivery.body for each in everything} == {b""}
        assert [each.delivery.key for each in await store.list(None, "etsy", None, 2)] == ["c", "b"]
        assert [each.delivery.key for each in await store.list(None, None, everything[1].number, 9)] == ["b", "a"]
        assert await store.list(Status.DONE, None, None, 9) == []

    async def test_what_came_of_the_latest_tries_is_remembered(self, store: InboxStore, clock: FakeClock) -> None:
        await store.add(arrivals("a"))
        [first] = await store.due(["etsy"], START, 9)
        assert first.tries == ()
        for number in range(24):
            await store.finish([worked(first, Status.WAITING, note=f"away {number}")], [], {})
        await store.finish([worked(first, Status.DEAD, note="given up")], [], {})
        assert await store.replay(first.number, START)
        found = await store.get(first.number)
        assert found is not None
        assert [(each.status, each.note) for each in found.tries] == [
            *((Status.WAITING, f"away {number}") for number in range(5, 24)),
            (Status.DEAD, "given up"),
        ]
        assert {each.at for each in found.tries} == {clock.now()}
        assert [each.tries for each in await store.list(None, None, None, 9)] == [()]

    async def test_a_replay_begins_anew(self, store: InboxStore) -> None:
        await store.add(arrivals("a"))
        [first] = await store.due(["etsy"], START, 9)
        await store.finish([worked(first, Status.DEAD, note="given up")], [], {})
        later = START + timedelta(hours=1)
        assert await store.replay(first.number, later)
        [again] = await store.due(["etsy"], later, 9)
        assert (again.attempts, again.note, again.finished_at) == (0, "", None)
        assert not await store.replay(first.number + 1, later)

    async def test_what_is_dropped_is_gone_but_its_key(self, store: InboxStore) -> None:
        await store.add([Arrival(delivery("a", body=b"a buyer's data"))])
        [first] = await store.due(["etsy"], START, 9)
        assert await store.drop(first.number, START)
        found = await store.get(first.number)
        assert found is not None
        assert (found.status, found.delivery.body) == (Status.DROPPED, b"")
        assert await store.add(arrivals("a")) == [False]
        assert not await store.replay(first.number, START)
        await store.finish([worked(first)], [], {})
        found = await store.get(first.number)
        assert found is not None
        assert found.status == Status.DROPPED
        assert not await store.drop(first.number + 1, START)

    async def test_the_backlog_counts_what_waits_and_what_was_given_up(self, store: InboxStore) -> None:
        empty = await store.backlog()
        assert (empty.waiting, empty.dead, empty.oldest_waiting) == (0, 0, None)
        later = START + timedelta(seconds=9)
        await store.add([Arrival(delivery("a", at=later)), Arrival(delivery("b")), Arrival(delivery("c"), Status.DEAD)])
        found = await store.backlog()
        assert (found.waiting, found.dead, found.oldest_waiting) == (2, 1, START)

    async def test_the_latest_of_a_store_is_known(self, store: InboxStore) -> None:
        assert await store.latest("etsy", "main") is None
        later = START + timedelta(seconds=9)
        await store.add([Arrival(delivery("a")), Arrival(delivery("b", at=later))])
        assert await store.latest("etsy", "main") == later
        assert await store.latest("etsy", "other") is None

    async def test_bodies_that_name_a_person_are_emptied(self, store: InboxStore) -> None:
        bodies = {"a": b'{"name":"ada"}', "b": b'{"name":"adalbert"}', "c": b'{"name":"ada"}', "d": b'{"name":"ada"}'}
        await store.add(
            [
                *(Arrival(delivery(key, body=bodies[key])) for key in "abc"),
                Arrival(delivery("d", body=bodies["d"], vendor="ozon")),
            ]
        )
        first, second, _, other = await store.due(["etsy", "ozon"], START, 9)
        await store.finish([worked(each) for each in (first, second, other)], [], {})
        assert await store.erase(["etsy"], '"ada"') == 1
        kept = [await store.get(each.number) for each in await store.list(None, None, None, 9)]
        # One that waits is emptied by nobody: it is still to be worked on.
        assert {each.delivery.key: each.delivery.body for each in kept if each is not None} == {**bodies, "a": b""}

    async def test_what_is_finished_is_pruned_by_age(self, store: PrunableInbox, clock: FakeClock) -> None:
        await store.add(arrivals("a", "b"))
        first, _second = await store.due(["etsy"], START, 9)
        await store.finish([worked(first)], ["event-1"], {"order:1": START})
        await clock.advance(60)
        await store.add([Arrival(replace(delivery("c"), received_at=clock.now()), Status.DEAD)])
        await store.finish([], ["event-2"], {"order:2": START})
        assert await pruned(store, clock.now()) == 3
        assert await self._keys(store) == ["c", "b"]
        found = await store.settled(["event-1", "event-2"], ["order:1", "order:2"])
        assert (set(found.told), set(found.newest)) == ({"event-2"}, {"order:2"})

    async def test_what_is_finished_is_pruned_by_count(self, store: PrunableInbox) -> None:
        await store.add(arrivals(*(f"key-{number}" for number in range(8))))
        due = await store.due(["etsy"], START, 99)
        await store.finish([worked(each) for each in due[1:]], [], {})
        # Of the three oldest that are too many the first waits.
        assert await pruned(store, START - timedelta(days=1), keep=5) == 2
        assert len(await self._keys(store)) == 6

    async def _keys(self, store: InboxStore) -> Sequence[str]:
        return [each.delivery.key for each in await store.list(None, None, None, 99)]
