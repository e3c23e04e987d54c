from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from app.tests.legacy.desk import FakeSocket, Rig
from app.tests.legacy.happenings import ADMIN, alert, order, step
from app.tests.services.fakes import settle

from meschain.domain.events import NewEvent, StoredEvent
from meschain.domain.roles import Identity, Role
from meschain.legacy.connection import POLICY, RESTART, LegacyConnection
from meschain.legacy.dialects import BY_TYPE, EITHER
from meschain.legacy.options import LegacyOptions
from meschain.legacy_settings import Dialect, LegacyListener
from meschain.services.ports import SyncJob

AUTH = {"type": "auth", "data": {"userId": "u", "userRole": "super_admin"}}


async def test_one_that_says_nothing_is_greeted_as_the_stream_after_a_moment() -> None:
    rig = Rig()
    async with rig.connected(*EITHER, who=ADMIN) as (socket, _):
        await rig.world.clock.advance(rig.options.grace_seconds - 0.01)
        assert socket.sent == []
        await rig.world.clock.advance(0.02)
        assert socket.types() == ["welcome"]


async def test_one_that_speaks_as_the_panel_meanwhile_is_the_panel() -> None:
    rig = Rig()
    async with rig.connected(*EITHER, who=ADMIN) as (socket, _):
        socket.say({"action": "subscribe_dashboard", "interval": 30})
        await settle()
        assert socket.types() == ["dashboard_update", "subscription_confirmed", "dashboard_update"]


async def test_nothing_is_said_on_the_path_of_the_role_client_before_the_client() -> None:
    rig = Rig()
    async with rig.connected(*BY_TYPE, who=ADMIN) as (socket, _):
        await rig.world.clock.advance(60)
        assert socket.sent == []
        socket.say(AUTH)
        await settle()
        assert socket.types() == ["auth_ok"]


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_a_flood_ends_it_in_the_way_of_its_dialect(dialect: Dialect) -> None:
    rig = Rig()
    async with rig.connected(dialect, who=ADMIN) as (socket, _):
        for _ in range(rig.options.verbs):
            socket.say({"type": "ping", "action": "ping"})
        await settle()
        assert (socket.closed_with, socket.was_dropped()) == (None, False)
        socket.say({"type": "ping", "action": "ping"})
        await settle()
        # The role client takes a proper close for final: it is cut off instead.
        expected = (None, True) if dialect is Dialect.ROLE else (POLICY, False)
        assert (socket.closed_with, socket.was_dropped()) == expected
        assert rig.cut("abuse") == 1


async def test_ten_frames_a_second_are_never_too_many() -> None:
    rig = Rig()
    async with rig.connected(Dialect.RATCHET, who=ADMIN) as (socket, _):
        for _ in range(200):
            socket.say({"action": "ping"})
            await rig.world.clock.advance(0.1)
        assert len(socket.sent) == 201
        assert socket.closed_with is None


async def test_a_frame_that_is_too_large_ends_it() -> None:
    rig = Rig()
    async with rig.connected(Dialect.RATCHET, who=ADMIN) as (socket, _):
        socket.say("x" * rig.options.message_bytes)
        await settle()
        assert socket.types() == ["welcome", "error"]
        socket.say("x" * (rig.options.message_bytes + 1))
        await settle()
        assert socket.closed_with == POLICY


async def test_a_client_that_does_not_read_is_cut_off_when_its_outbox_is_full() -> None:
    rig = Rig()
    async with rig.connected(Dialect.ROLE, who=ADMIN) as (socket, connection):
        socket.say(AUTH)
        await settle()
        socket.reads = False
        connection.hear(alert())
        await settle()  # it is on its way
        for _ in range(rig.options.outbox_messages):
            connection.hear(alert())
        assert not socket.was_dropped()
        connection.hear(alert())
        assert socket.was_dropped()
        assert rig.cut("slow reader") >= 1


async def test_a_client_that_takes_nothing_for_long_is_cut_off() -> None:
    rig = Rig()
    async with rig.connected(Dialect.ROLE, who=ADMIN) as (socket, connection):
        socket.say(AUTH)
        await settle()
        socket.reads = False
        connection.hear(alert())
        await rig.world.clock.advance(rig.options.write_seconds - 1)
        assert not socket.was_dropped()
        await rig.world.clock.advance(2)
        assert socket.was_dropped()


async def test_a_client_that_answers_no_ping_is_cut_off() -> None:
    rig = Rig()
    async with rig.connected(Dialect.ROLE, who=ADMIN) as (socket, connection):
        await rig.world.clock.advance(rig.options.ping_seconds)
        await connection.tick()
        assert not socket.was_dropped()
        socket.answers_pings = False
        await connection.tick()
        assert not socket.was_dropped()
        await rig.world.clock.advance(rig.options.ping_seconds)
        await connection.tick()
        assert socket.was_dropped()
        assert rig.cut("silent") == 1


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_at_a_stop_each_is_ended_so_that_it_comes_again(dialect: Dialect) -> None:
    rig = Rig()
    async with rig.connected(dialect, who=ADMIN) as (socket, connection):
        await connection.leave()
        expected = (None, True) if dialect is Dialect.ROLE else (RESTART, False)
        assert (socket.closed_with, socket.was_dropped()) == expected


async def test_a_shop_that_is_away_leaves_figures_at_0_and_the_connection_open() -> None:
    rig = Rig()
    rig.world.shop.go_away()
    async with rig.connected(Dialect.PANEL, who=ADMIN) as (socket, _):
        assert socket.sent[0]["data"]["overview"]["total_revenue"] == 0
        assert socket.sent[0]["data"]["recent_orders"] == []


async def test_a_fault_of_ours_is_told_in_one_sentence_and_the_connection_stays() -> None:
    rig = Rig()
    rig.world.shop.errors["marketplace_figures"] = RuntimeError("a secret detail")
    async with rig.connected(Dialect.RATCHET, who=ADMIN) as (socket, _):
        socket.say({"action": "get_metrics"})
        socket.say({"action": "ping"})
        await settle()
        assert socket.types() == ["welcome", "error", "pong"]
        assert socket.sent[1]["data"]["message"] == "Message processing error: see the server's log"


async def test_a_sync_without_proof_is_refused_unless_the_operator_gave_that_up() -> None:
    rig = Rig()
    async with rig.connected(Dialect.PANEL, who=ADMIN) as (socket, _):
        socket.say({"action": "manual_sync", "marketplace": "trendyol"})
        await settle()
        assert socket.sent[-1]["message"] == "You may not start this sync."
        assert not rig.world.jobs.rows
    trusting = Rig(listener=LegacyListener(port=1, role=Role.ADMIN, sync_without_link=True))
    async with trusting.connected(Dialect.PANEL, who=ADMIN) as (socket, _):
        socket.say({"action": "manual_sync", "marketplace": "trendyol"})
        await settle()
        assert socket.types()[-1] == "sync_started"
        (job,) = trusting.world.jobs.rows.values()
        assert (job.marketplace, job.requested_by) == ("trendyol", ADMIN.user_id)
        assert [row.action for row in trusting.world.audit.rows] == ["HandleAdminCommand"]


async def test_the_start_of_a_sync_is_told_before_what_comes_of_it() -> None:
    rig = Rig()
    async with rig.connected(Dialect.PANEL, who=ADMIN, is_proved=True) as (socket, connection):
        create = rig.world.jobs.create

        async def create_and_tell(job: SyncJob, events: Sequence[NewEvent] = ()) -> SyncJob:
            stored = await create(job, events)
            connection.hear(step(job_id=stored.id, status="queued"))
            await asyncio.sleep(0)
            return stored

        rig.world.jobs.create = create_and_tell  # type: ignore[method-assign] # its event overtakes the answer
        socket.say({"action": "manual_sync", "marketplace": "trendyol"})
        await settle()
        assert socket.types() == ["dashboard_update", "sync_started", "sync_status_update"]


async def test_more_than_can_be_held_is_told_before_the_start_of_the_sync_and_nothing_is_lost() -> None:
    rig = Rig(options=LegacyOptions(held_events=3))
    async with rig.connected(Dialect.PANEL, who=ADMIN, is_proved=True) as (socket, connection):
        create = rig.world.jobs.create

        async def create_and_tell(job: SyncJob, events: Sequence[NewEvent] = ()) -> SyncJob:
            stored = await create(job, events)
            for number in range(5):
                connection.hear(step(job_id=f"job{number}", status="queued"))
                await settle()
            return stored

        rig.world.jobs.create = create_and_tell  # type: ignore[method-assign] # its events overtake the answer
        socket.say({"action": "manual_sync", "marketplace": "trendyol"})
        for _ in range(6):
            await settle()
        assert socket.types() == ["dashboard_update", *["sync_status_update"] * 5, "sync_started"]
        assert not socket.was_dropped()


async def test_half_a_surrogate_pair_is_sent_back_as_it_came() -> None:
    rig = Rig()
    async with rig.connected(Dialect.RATCHET, who=ADMIN) as (socket, _):
        socket.say('{"action": "\\ud800"}')
        socket.say({"action": "ping"})
        await settle()
        assert socket.types() == ["welcome", "error", "pong"]
        assert socket.sent[1]["data"]["message"] == "Unknown action: \ud800"


@pytest.mark.parametrize("frame", [{"action": []}, {"action": {}}])
async def test_a_first_frame_that_makes_no_sense_is_refused_and_the_connection_stays(frame: object) -> None:
    rig = Rig()
    async with rig.connected(*EITHER, who=ADMIN) as (socket, _):
        socket.say(frame)
        socket.say(frame)
        await settle()
        assert socket.types() == ["welcome", "error", "error"]
        assert socket.closed_with is None


async def test_a_sync_of_all_starts_those_that_can_be_and_syncs_are_limited() -> None:
    rig = Rig()
    async with rig.connected(Dialect.PANEL, who=ADMIN, is_proved=True) as (socket, _):
        for _ in range(rig.options.syncs_per_minute):
            socket.say({"action": "manual_sync"})
        await settle()
        assert {job.marketplace for job in rig.world.jobs.rows.values()} == {"trendyol", "amazon"}
        assert socket.types().count("sync_started") == rig.options.syncs_per_minute
        socket.say({"action": "manual_sync"})
        await settle()
        assert "Too many attempts" in socket.sent[-1]["message"]


async def test_a_token_that_is_not_good_is_refused_for_good() -> None:
    rig = Rig()
    async with rig.connected(*BY_TYPE, who=ADMIN) as (socket, _):
        socket.say({"type": "auth", "token": "made up", "role": "admin"})
        await settle()
        assert socket.types() == ["system_alert"]
        assert socket.closed_with == POLICY


async def test_a_connection_ends_with_what_proved_who_it_is() -> None:
    rig = Rig()
    until = rig.world.clock.now() + timedelta(minutes=5)
    async with rig.connected(*BY_TYPE, who=ADMIN, is_proved=True, until=until) as (socket, connection):
        await rig.world.clock.advance(299)
        await connection.tick()
        assert socket.closed_with is None
        await rig.world.clock.advance(1)
        await connection.tick()
        assert rig.cut("proof") == 1
        assert socket.types() == []


async def test_a_client_that_agrees_late_to_its_end_holds_up_nobody() -> None:
    rig = Rig()
    until = rig.world.clock.now() + timedelta(minutes=1)
    async with rig.connected(Dialect.NATIVE, who=ADMIN, is_proved=True, until=until) as (socket, connection):
        socket.answers_close.clear()
        await rig.world.clock.advance(60)
        async with asyncio.timeout(30):
            await connection.tick()
            await connection.tick()
        await settle()
        assert (socket.closed_with, rig.cut("proof")) == (None, 1)
        socket.answers_close.set()
        await settle()
        assert socket.closed_with == POLICY


async def test_a_connection_has_not_ended_before_its_closing_handshake_has() -> None:
    rig = Rig()
    async with rig.connected(Dialect.NATIVE, who=ADMIN, is_proved=True) as (socket, connection):
        socket.answers_close.clear()
        connection.end_proof()
        socket.drop()
        await settle()
        assert rig.open(Dialect.NATIVE) == 1
        socket.answers_close.set()
        await settle()
        assert rig.open(Dialect.NATIVE) == 0


async def test_a_claim_that_is_too_high_is_not_believed() -> None:
    rig = Rig()
    nobody = Identity("legacy:test", "Old page", Role.VIEWER)
    async with rig.connected(*BY_TYPE, who=nobody) as (socket, connection):
        socket.say(AUTH)
        await settle()
        assert socket.sent[0]["data"]["role"] == "viewer"
        connection.hear(alert())
        await settle()
        assert socket.types() == ["auth_ok"]


@pytest.mark.parametrize("dialect", [Dialect.RATCHET, Dialect.ROLE])
async def test_what_happened_while_it_was_away_is_in_its_next_update(dialect: Dialect) -> None:
    rig = Rig()
    heard: list[str] = []
    for is_back, listener in ((False, "first"), (True, "second")):
        async with rig.connected(dialect, who=ADMIN, listener=listener) as (socket, connection):
            if is_back:
                connection.hear(await happened(rig, 4))
            await enter(rig, socket, connection)
            heard += orders(socket)
            socket.sent.clear()
            connection.hear(await happened(rig, 5 if is_back else 1))
            if not is_back:
                await connection.leave()
            else:
                await rig.world.clock.advance(5)
                await connection.tick()
                await settle()
            heard += orders(socket)
        if not is_back:
            await happened(rig, 2)
            await happened(rig, 3)
    # Of the first one neither was told before it was cut off: the stream gathers, the other one was not written to.
    assert heard == ["TY-1", "TY-2", "TY-3", "TY-4", "TY-5"]
    assert rig.absences.rows == []


async def test_nothing_is_told_twice_where_its_absence_is_found_late() -> None:
    rig = Rig()
    async with rig.connected(Dialect.RATCHET, who=ADMIN) as (socket, connection):
        await enter(rig, socket, connection)
    await happened(rig, 1)
    rig.absences.answers.clear()
    async with rig.connected(Dialect.RATCHET, who=ADMIN) as (socket, connection):
        for number in (2, 3):
            connection.hear(await happened(rig, number))
            await rig.world.clock.advance(rig.options.tick_seconds)
            await connection.tick()
        rig.absences.answers.set()
        await settle()
        for _ in range(10):
            await rig.world.clock.advance(rig.options.tick_seconds)
            await connection.tick()
            await settle()
        assert orders(socket) == ["TY-1", "TY-2", "TY-3"]


async def test_a_panel_that_was_taken_for_the_stream_leaves_it_what_it_missed() -> None:
    rig = Rig()
    async with rig.connected(Dialect.RATCHET, who=ADMIN) as (socket, connection):
        await enter(rig, socket, connection)
    await happened(rig, 1)
    await rig.world.events.append([step(status="running").event])  # of which a panel hears too
    async with rig.connected(*EITHER, who=ADMIN) as (socket, _):
        await rig.world.clock.advance(rig.options.grace_seconds + 0.01)
        socket.say({"action": "subscribe_dashboard", "interval": 30})
        await settle()
        assert socket.types() == ["welcome", "dashboard_update", "subscription_confirmed", "dashboard_update"]
    async with rig.connected(Dialect.RATCHET, who=ADMIN) as (socket, connection):
        await enter(rig, socket, connection)
        await rig.world.clock.advance(rig.options.tick_seconds)
        await connection.tick()
        await settle()
        assert orders(socket) == ["TY-1"]


async def test_a_page_that_was_left_or_is_another_is_told_nothing_of_before() -> None:
    rig = Rig()
    for name, says_goodbye in (("a", True), ("b", False)):
        async with rig.connected(Dialect.ROLE, who=ADMIN) as (socket, connection):
            await enter(rig, socket, connection, name)
            if says_goodbye:
                socket.say_goodbye()
    await happened(rig, 1)
    for name in ("a", "c"):
        async with rig.connected(Dialect.ROLE, who=ADMIN) as (socket, connection):
            await enter(rig, socket, connection, name)
            assert orders(socket) == []
    await rig.world.clock.advance(rig.options.away_seconds + 1)
    async with rig.connected(Dialect.ROLE, who=ADMIN) as (socket, connection):
        await enter(rig, socket, connection, "b")
        assert orders(socket) == []


async def test_a_database_that_is_away_keeps_nobody_out() -> None:
    rig = Rig()
    async with rig.connected(Dialect.ROLE, who=ADMIN) as (socket, connection):
        await enter(rig, socket, connection)
    rig.absences.is_away = True
    async with rig.connected(Dialect.ROLE, who=ADMIN) as (socket, connection):
        await enter(rig, socket, connection)
        connection.hear(await happened(rig, 1))
        await settle()
        assert orders(socket) == ["TY-1"]


async def happened(rig: Rig, number: int) -> StoredEvent:
    await rig.world.events.append([order(number).event])
    return rig.world.events.rows[-1]


async def enter(rig: Rig, socket: FakeSocket, connection: LegacyConnection, name: str = "u") -> None:
    """As its client does; returns when it was told what it missed."""
    socket.say({"type": "auth", "data": {"userId": name, "userRole": "super_admin"}})
    await settle()
    await rig.world.clock.advance(rig.options.tick_seconds)
    await connection.tick()
    await settle()


def orders(socket: FakeSocket) -> list[str]:
    """The orders of its messages, in their order."""
    found = []
    for message in socket.sent:
        if message["type"] == "new_order":
            found.append(message["data"]["orderId"])
        elif message["type"] == "realtime_update":
            found += [event["data"]["order_id"] for events in message["data"]["updates"].values() for event in events]
    return found
