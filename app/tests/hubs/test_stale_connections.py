"""Connections whose end nobody told: found by asking a plane in memory, on a real database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from app.tests.services.fakes import FakeClock, settle

from hubwire import BrokerUnavailable, DataPlane, Hub
from hubwire.testing.hub_tester import HubTester, HubTesterClient
from meschain.hubs.stale_connections import INTERVAL_SECONDS, QUIET_SECONDS, STEP, StaleConnections
from meschain.services.ports import OpenConnection
from meschain.state.connections import SqlConnectionStore
from meschain.state.database import Database

HUB = "EmptyHub"


class EmptyHub(Hub):
    """Nothing to call."""


@dataclass
class Rig:
    """One hub, what is stored of its connections, and whether anybody can be asked."""

    connections: SqlConnectionStore
    clock: FakeClock
    is_reachable: bool = True

    def __post_init__(self) -> None:
        self.tester = HubTester(EmptyHub)
        self.stale = StaleConnections(self.connections, self.plane_of, self.clock)

    def plane_of(self, hub: str) -> DataPlane:
        if not self.is_reachable:
            raise BrokerUnavailable("it is away", may_have_arrived=False)
        return self.tester.plane

    async def store(self, connection_id: str) -> None:
        await self.connections.opened(OpenConnection(HUB, connection_id, "ada"))

    async def connect(self) -> HubTesterClient:
        client = await self.tester.connect("own:1")
        await self.store(client.connection_id)
        return client


@pytest.fixture
def rig(database: Database) -> Rig:
    clock = FakeClock()
    return Rig(SqlConnectionStore(database, clock), clock)


async def test_only_what_is_gone_ends_and_only_after_a_while(rig: Rig) -> None:
    await rig.connect()
    await rig.store("gone")
    await rig.stale.step()
    assert await rig.connections.count() == 2
    await rig.clock.advance(QUIET_SECONDS + 1)
    await rig.stale.step()
    assert await rig.connections.count() == 1
    assert await rig.connections.unseen(rig.clock.now(), 9) == []  # the other was seen just now


async def test_a_step_is_bounded(rig: Rig) -> None:
    for number in range(STEP + 1):
        await rig.store(f"gone-{number}")
    await rig.clock.advance(QUIET_SECONDS + 1)
    await rig.stale.step()
    assert await rig.connections.count() == 1


async def test_while_nobody_answers_nothing_ends(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    await rig.store("gone")
    await rig.clock.advance(QUIET_SECONDS + 1)
    rig.is_reachable = False
    await rig.stale.step()
    assert await rig.connections.count() == 1
    assert "not known" in caplog.text


async def test_it_steps_at_every_interval(rig: Rig) -> None:
    await rig.store("gone")
    await rig.clock.advance(QUIET_SECONDS)
    running = asyncio.create_task(rig.stale.run())
    await settle()
    await rig.clock.advance(INTERVAL_SECONDS)
    async with asyncio.timeout(30):
        while await rig.connections.count():  # noqa: ASYNC110 - the database answers from a thread
            await asyncio.sleep(0.01)
    running.cancel()
