"""The promises of the ports `LegacyUseStore`, `AbsenceStore` and `RecallStore`, as suites."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from app.tests.services.fakes import START

from meschain.services.legacy_absence import Absence, AbsenceStore
from meschain.services.legacy_recall import Recall, RecallStore
from meschain.services.legacy_use import LegacyUse, LegacyUser, LegacyUseStore


def some_use(
    address: str = "10.0.0.1",
    after_seconds: float = 0,
    role: str = "viewer",
    proved: bool = False,
    connections: int = 1,
    received: int = 2,
) -> LegacyUse:
    user = LegacyUser("panel", "panel", "https://eski.example.com/ş", address, "Tarayıcı 1.0")
    at = START + timedelta(seconds=after_seconds)
    return LegacyUse(user, role, proved, at, at, connections, received)


class LegacyUseStoreSpec:
    @pytest.fixture
    def store(self) -> LegacyUseStore:
        raise NotImplementedError

    async def test_what_is_counted_adds_up_and_the_last_role_stays(self, store: LegacyUseStore) -> None:
        await store.add(some_use())
        await store.add(some_use(after_seconds=60, role="admin", proved=True, connections=0, received=5))
        (use,) = await store.latest(10)
        assert use.user == some_use().user
        assert (use.role, use.proved, use.connections, use.received) == ("admin", True, 1, 7)
        assert (use.first_seen_at, use.last_seen_at) == (START, START + timedelta(seconds=60))

    async def test_those_seen_last_come_first_and_no_more_than_asked_for(self, store: LegacyUseStore) -> None:
        for number in range(5):
            await store.add(some_use(f"10.0.0.{number}", number))
        assert [use.user.address for use in await store.latest(2)] == ["10.0.0.4", "10.0.0.3"]


class AbsenceStoreSpec:
    @pytest.fixture
    def store(self) -> AbsenceStore:
        raise NotImplementedError

    async def test_who_is_away_for_the_longest_time_is_given_first_and_once(self, store: AbsenceStore) -> None:
        await store.add([Absence("a", 7, START + timedelta(seconds=2)), Absence("b", 1, START)])
        await store.add([Absence("a", 5, START + timedelta(seconds=1))])
        await store.add([])
        assert [await store.take("a", START) for _ in range(3)] == [5, 7, None]
        assert await store.take("b", START) == 1

    async def test_those_who_come_at_once_have_one_each(self, store: AbsenceStore) -> None:
        await store.add([Absence("a", number, START + timedelta(seconds=number)) for number in range(30)])
        found = await asyncio.gather(*(store.take(client, START) for _ in range(40) for client in ("a", "b")))
        assert found[1::2] == [None] * 40
        assert found[::2] == [*range(30), *[None] * 10]

    async def test_who_is_away_for_too_long_is_not_given_and_can_be_forgotten(self, store: AbsenceStore) -> None:
        await store.add([Absence("a", 5, START), Absence("b", 6, START)])
        assert await store.take("a", START + timedelta(seconds=1)) is None
        await store.forget(START)
        assert await store.take("a", START) == 5
        await store.forget(START + timedelta(seconds=1))
        assert await store.take("b", START) is None


class RecallStoreSpec:
    @pytest.fixture
    def store(self) -> RecallStore:
        raise NotImplementedError

    async def test_those_behind_a_number_are_given_in_order(self, store: RecallStore) -> None:
        assert (await store.newest(), list(await store.behind(0))) == (0, [])
        asked = [Recall("first", "", 25), Recall("second", "198.51.100.0/24", 3)]
        await store.add(asked[0], START)
        known = await store.newest()
        assert list(await store.behind(known)) == []
        await store.add(asked[1], START)
        assert [stored.recall for stored in await store.behind(0)] == asked
        assert [stored.recall for stored in await store.behind(known)] == asked[1:]
        assert await store.newest() == (await store.behind(known))[0].number

    async def test_those_of_another_day_are_gone_and_numbers_go_on(self, store: RecallStore) -> None:
        await store.add(Recall("first", "", 25), START)
        known = await store.newest()
        await store.add(Recall("second", "", 25), START + timedelta(days=2))
        assert [stored.recall.listener for stored in await store.behind(0)] == ["second"]
        assert await store.newest() > known
