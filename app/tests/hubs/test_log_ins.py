"""Connections end with the log-in behind them: three connections in memory, log-ins on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from app.tests.services.fakes import FakeClock

from hubwire import Hub
from hubwire.testing.hub_tester import HubTester, HubTesterClient
from meschain.auth.claims import claims_of
from meschain.auth.ports import LoginSession
from meschain.domain.roles import Identity, Role
from meschain.hubs.log_ins import BATCH, CHECK_SECONDS, REASON, LogIns
from meschain.state.database import Database
from meschain.state.login_sessions import SqlLoginSessionStore

ADA = Identity("own:1", "Ada", Role.ADMIN)


class EmptyHub(Hub):
    """Nothing to call."""


@dataclass
class Rig:
    """One hub, its log-ins, and the store that they stand in."""

    sessions: SqlLoginSessionStore
    clock: FakeClock

    def __post_init__(self) -> None:
        self.log_ins = LogIns(self.sessions, lambda _: self.tester.plane, self.clock)
        self.tester = HubTester(EmptyHub, filters=[self.log_ins])

    async def log_in(self, session_id: str) -> None:
        now = self.clock.now()
        await self.sessions.add(
            LoginSession(session_id, ADA.user_id, f"hash {session_id}", now, now + timedelta(hours=1), revoked=False)
        )

    async def connect(self, session_id: str | None) -> HubTesterClient:
        return await self.tester.connect(ADA.user_id, claims=claims_of(ADA, session_id))


def is_closed(client: HubTesterClient) -> bool:
    return client.closed is not None


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    database = await Database.open(f"sqlite:///{tmp_path}/state.db")
    yield Rig(SqlLoginSessionStore(database), FakeClock())
    await database.close()


async def test_a_log_in_that_ends_takes_all_its_connections_along(rig: Rig) -> None:
    ending = [await rig.connect("s1"), await rig.connect("s1")]
    others = [await rig.connect("s2"), await rig.connect(None)]
    await rig.log_ins.end("s1")
    assert [client.closed.error for client in ending if client.closed] == [REASON, REASON]
    assert [client.closed for client in others] == [None, None]
    await rig.log_ins.end("unknown")


async def test_what_was_revoked_elsewhere_is_found_at_the_next_look(rig: Rig) -> None:
    for session_id in ("s1", "s2"):
        await rig.log_in(session_id)
    disabled, good, no_log_in = [await rig.connect(session_id) for session_id in ("s1", "s2", None)]
    await rig.log_ins.check()
    assert not is_closed(disabled)
    await rig.sessions.revoke("s1")
    await rig.log_ins.check()
    assert is_closed(disabled)
    assert not is_closed(good)
    await rig.clock.advance(3600)
    await rig.log_ins.check()
    assert is_closed(good)
    assert not is_closed(no_log_in)


async def test_it_looks_at_every_interval(rig: Rig) -> None:
    client = await rig.connect("gone")
    looking = asyncio.create_task(rig.log_ins.run())
    await rig.clock.advance(CHECK_SECONDS - 1)
    assert not is_closed(client)
    await rig.clock.advance(1)
    async with asyncio.timeout(10):
        while not is_closed(client):  # noqa: ASYNC110 - the database answers from a thread
            await asyncio.sleep(0.01)
    looking.cancel()


async def test_more_than_one_query_holds_are_looked_at(rig: Rig) -> None:
    clients = [await rig.connect(f"gone {number}") for number in range(BATCH + 1)]
    await rig.log_ins.check()
    assert all(is_closed(client) for client in clients)


async def test_who_left_is_forgotten(rig: Rig) -> None:
    first, second = await rig.connect("s1"), await rig.connect("s1")
    await first.disconnect()
    await second.disconnect()
    await (await rig.connect(None)).disconnect()
    assert rig.log_ins._open == {}
