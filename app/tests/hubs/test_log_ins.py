"""Connections end with the log-in behind them: three connections in memory, log-ins on a real database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from app.tests.services.fakes import FakeClock, FakeNeighbours, MemoryConnections, MemoryLeases

from hubwire import BrokerUnavailable, DataPlane, Hub
from hubwire.errors import NodeTimeout
from hubwire.testing.hub_tester import HubTester, HubTesterClient
from meschain.auth.claims import claims_of
from meschain.auth.ports import LoginSession
from meschain.domain.roles import Identity, Role
from meschain.hubs.connection_records import ConnectionRecords
from meschain.hubs.log_ins import BATCH, CHECK_SECONDS, REASON, LogIns
from meschain.services.connections import ProcessConnections
from meschain.services.ports import Topic
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

    neighbours: FakeNeighbours = field(default_factory=FakeNeighbours)

    failures: list[Exception] = field(default_factory=list)
    """What the next closes raise."""

    def __post_init__(self) -> None:
        self.connections = ProcessConnections(
            MemoryConnections(self.clock), MemoryLeases(self.clock), "node", self.clock
        )
        self.log_ins = LogIns(self.sessions, self.connections, self.plane_of, self.clock, self.neighbours)
        self.tester = HubTester(EmptyHub, filters=[ConnectionRecords(self.connections, self.clock, "node")])

    def plane_of(self, hub: str) -> DataPlane:
        """As a cluster's, asked about a connection that left, while others cannot be asked."""
        if self.failures:
            raise self.failures.pop()
        return self.tester.plane

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
def rig(database: Database) -> Rig:
    return Rig(SqlLoginSessionStore(database), FakeClock())


async def test_a_log_in_that_ends_takes_all_its_connections_along(rig: Rig) -> None:
    ending = [await rig.connect("s1"), await rig.connect("s1")]
    others = [await rig.connect("s2"), await rig.connect(None)]
    await rig.log_ins.end("s1")
    assert [client.closed.error for client in ending if client.closed] == [REASON, REASON]
    assert [client.closed for client in others] == [None, None]
    await rig.log_ins.end("unknown")


async def test_connections_that_cannot_be_closed_leave_no_other_open(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    clients = [await rig.connect("s1") for _ in range(4)]
    rig.failures = [NodeTimeout(0, 1, 2.0), BrokerUnavailable("it is away", may_have_arrived=False)]
    await rig.log_ins.close("s1")
    assert [is_closed(client) for client in clients].count(True) == 2
    assert caplog.text.count("could not be closed") == 2
    await rig.log_ins.close("s1")
    assert all(is_closed(client) for client in clients)


async def test_other_processes_are_told_and_told_nothing_back(rig: Rig) -> None:
    client = await rig.connect("s1")
    await rig.log_ins.end("s2")
    assert rig.neighbours.told == [(Topic.LOG_IN_ENDED, "s2")]
    await rig.log_ins.close("s1")  # as one that heard of it does
    assert is_closed(client)
    assert len(rig.neighbours.told) == 1


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
    async with asyncio.timeout(30):
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
    assert await rig.connections.log_ins("", 1) == []
