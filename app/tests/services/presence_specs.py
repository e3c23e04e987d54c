"""The promises of what is written down of people and their acts, as suites: see `store_specs`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import pytest
from app.tests.services.fakes import START, FakeClock
from app.tests.services.store_specs import HUB, connection, pruned

from meschain.domain.roles import Identity, Role
from meschain.services.ports import (
    AttendanceStore,
    Attendee,
    AuditEntries,
    OnlineConnection,
    OpenConnection,
    Phase,
    Prunable,
    WrittenConnections,
)


class PrunableAudit(AuditEntries, Prunable, Protocol): ...


def attendee(number: int, phase: Phase = Phase.HERE) -> Attendee:
    return Attendee(f"own:{number}", f"Şule {number}", Role.ADMIN, phase, START, None)


def keys(*numbers: int) -> set[tuple[str, str]]:
    return {(HUB, f"connection-{number}") for number in numbers}


class WrittenConnectionsSpec:
    """`WrittenConnections`. Implementations give the fixtures `store` and `clock`."""

    @pytest.fixture
    def store(self, clock: FakeClock) -> WrittenConnections:
        raise NotImplementedError

    async def test_what_a_process_wrote_is_what_is_open(self, store: WrittenConnections) -> None:
        await store.write([connection(number, node="a") for number in (1, 2)], [])
        await store.write([connection(3, node="b")], [(HUB, "connection-1"), (HUB, "never opened")])
        assert set(await store.held_by("a")) == keys(2)
        assert set(await store.held_by("b")) == keys(3)
        assert set(await store.nodes()) == {"a", "b"}

    async def test_the_process_that_holds_it_may_say_that_it_is_open_after_all(self, store: WrittenConnections) -> None:
        for _ in range(2):
            await store.write([connection(1, node="a")], [])
        await store.write([], [(HUB, "connection-1")])
        assert await store.held_by("a") == []
        await store.write([connection(1, node="a")], [])
        assert await store.online() == [OnlineConnection(connection(1, node="a"), START)]

    async def test_many_are_written_at_once(self, store: WrittenConnections) -> None:
        many = [connection(number, hub=f"hub {number % 3}", node="a") for number in range(1_200)]
        await store.write(many, [])
        assert len(await store.online()) == 1_200
        await store.write([], [(each.hub, each.connection_id) for each in many[:1_100]])
        assert {each.connection for each in await store.online()} == set(many[1_100:])

    async def test_a_process_that_ended_holds_none(self, store: WrittenConnections) -> None:
        await store.write([connection(1, node="a"), connection(2, node="a"), connection(3, node="b")], [])
        assert await store.end_node("a") == 2
        assert await store.end_node("a") == 0
        assert await store.nodes() == ["b"]

    async def test_those_heard_of_lately_may_be_spared(self, store: WrittenConnections, clock: FakeClock) -> None:
        await store.write([connection(1)], [])
        await clock.advance(60)
        await store.write([connection(2)], [])
        assert await store.end_node("", START + timedelta(seconds=30)) == 1
        assert set(await store.held_by("")) == keys(2)

    async def test_who_is_online_comes_newest_first_with_their_last_activity(self, store: WrittenConnections) -> None:
        later = replace(connection(2), opened_at=START + timedelta(seconds=5))
        await store.write([connection(1), later, connection(3)], [(HUB, "connection-3")])
        moment = START + timedelta(minutes=7)
        await store.write_active({(HUB, "connection-1"): moment, (HUB, "connection-3"): moment, (HUB, "no"): moment})
        assert await store.online() == [
            OnlineConnection(later, START + timedelta(seconds=5)),
            OnlineConnection(connection(1), moment),
        ]

    async def test_people_are_told_from_programs_and_from_nobody(self, store: WrittenConnections) -> None:
        service = Identity("service:erp", "erp", Role.SERVICE)
        await store.write([connection(1), replace(connection(2), who=service)], [])
        assert {(who.user_id, who.name, who.role) for who in await store.people()} == {
            ("own:1", "Ada", Role.MARKETPLACE_MANAGER)
        }
        assert {each.connection.who.role for each in await store.online()} == {Role.MARKETPLACE_MANAGER, Role.SERVICE}

    async def test_those_idle_for_the_longest_time_come_first(self, store: WrittenConnections) -> None:
        await store.write([connection(number) for number in (1, 2, 3)], [])
        await store.write_active(
            {
                (HUB, "connection-1"): START + timedelta(minutes=2),
                (HUB, "connection-2"): START + timedelta(minutes=1),
                (HUB, "connection-3"): START + timedelta(minutes=9),
            }
        )
        assert await store.idle(START + timedelta(minutes=5), 9) == [connection(2), connection(1)]
        assert await store.idle(START + timedelta(minutes=5), 1) == [connection(2)]

    async def test_long_names_are_cut_and_odd_ones_kept(self, store: WrittenConnections) -> None:
        odd = Identity("external:x/ğ' OR 1=1 --", "ş" * 500, Role.VIEWER)
        long = Identity("external:" + "x" * 500, "Long", Role.VIEWER)
        for number, who in enumerate((odd, long)):
            await store.write([OpenConnection(HUB, f"connection-{number}", "", who, START, "a")], [])
        found = {each.connection.connection_id: each.connection.who for each in await store.online()}
        assert found["connection-0"].user_id == odd.user_id
        assert len(found["connection-0"].name) == len(found["connection-1"].user_id) == 190


class AttendanceStoreSpec:
    """`AttendanceStore`. Implementations give the fixture `store`."""

    @pytest.fixture
    def store(self) -> AttendanceStore:
        raise NotImplementedError

    async def test_they_come_back_as_they_were_by_user(self, store: AttendanceStore) -> None:
        gone = replace(attendee(1, Phase.GOING), absent_since=START + timedelta(seconds=5))
        await store.save([attendee(2), gone])
        assert list(await store.attendees()) == [gone, attendee(2)]

    async def test_what_is_saved_takes_the_place_of_what_was(self, store: AttendanceStore) -> None:
        await store.save([attendee(1, Phase.COMING), attendee(2)])
        await store.save([attendee(1)])
        assert list(await store.attendees()) == [attendee(1), attendee(2)]

    async def test_the_forgotten_are_gone(self, store: AttendanceStore) -> None:
        await store.save([attendee(1), attendee(2)])
        await store.forget(["own:1", "nobody"])
        assert list(await store.attendees()) == [attendee(2)]

    async def test_nothing_may_be_saved_and_forgotten(self, store: AttendanceStore) -> None:
        await store.save([])
        await store.forget([])
        assert list(await store.attendees()) == []


class AuditSpec:
    """`AuditEntries`. Implementations give the fixtures `store` and `clock`."""

    @pytest.fixture
    def store(self, clock: FakeClock) -> PrunableAudit:
        raise NotImplementedError

    async def test_who_did_what_when_with_which_outcome_is_kept(self, store: PrunableAudit, clock: FakeClock) -> None:
        await clock.advance(5)
        await store.add("own:1", "HandleAdminCommand", {"command": "triggerSync", "number": 3}, "ok: job 5")
        [entry] = await store.entries(limit=9)
        assert (entry.at, entry.user_id, entry.action, entry.outcome) == (
            clock.now(),
            "own:1",
            "HandleAdminCommand",
            "ok: job 5",
        )
        assert entry.details == {"command": "triggerSync", "number": 3}

    async def test_pages_go_back_in_time_and_stay_as_they_are(self, store: PrunableAudit) -> None:
        for number in range(5):
            await store.add("own:1", f"act {number}", {}, "ok")
        first = await store.entries(limit=2)
        await store.add("own:1", "act 5", {}, "ok")
        second = await store.entries(before=first[-1].number, limit=2)
        last = await store.entries(before=second[-1].number, limit=2)
        assert [entry.action for entry in (*first, *second, *last)] == [f"act {n}" for n in (4, 3, 2, 1, 0)]

    async def test_one_persons_and_one_kinds_are_found(self, store: PrunableAudit) -> None:
        for user_id, action in (("own:1", "a"), ("own:2", "a"), ("own:1", "b"), ("OWN:1", "a")):
            await store.add(user_id, action, {}, f"{user_id} {action}")
        assert [entry.outcome for entry in await store.entries(user_id="own:1", limit=9)] == ["own:1 b", "own:1 a"]
        assert [entry.outcome for entry in await store.entries(action="b", limit=9)] == ["own:1 b"]
        assert [entry.outcome for entry in await store.entries(user_id="own:2", action="b", limit=9)] == []

    async def test_prune_deletes_by_age_and_by_number(self, store: PrunableAudit, clock: FakeClock) -> None:
        await store.add("own:1", "old", {}, "ok")
        await clock.advance(86_400)
        for number in range(3):
            await store.add("own:1", f"new {number}", {}, "ok")
        assert await pruned(store, START + timedelta(hours=1)) == 1
        assert await pruned(store, START, keep=2) == 1
        assert [entry.action for entry in await store.entries(limit=9)] == ["new 2", "new 1"]
