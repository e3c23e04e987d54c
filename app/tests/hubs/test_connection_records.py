"""What the book of connections hears of them, and what becomes of idle ones: connections in memory, a real database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from app.tests.services.fakes import FakeClock, MemoryAudit, MemoryLeases, settle

from hubwire import BrokerUnavailable, DataPlane, Hub, hub_method
from hubwire.testing.hub_tester import HubTester, HubTesterClient
from meschain.auth.claims import claims_of
from meschain.domain.events import DASHBOARD_HUB
from meschain.domain.roles import Identity, Role
from meschain.hubs.authorise import Authorise
from meschain.hubs.connection_records import ConnectionRecords
from meschain.hubs.idle_connections import REASON, IdleConnections
from meschain.services.connections import ProcessConnections
from meschain.services.options import PresenceOptions
from meschain.services.ports import OnlineConnection
from meschain.state.connections import SqlConnectionStore
from meschain.state.database import Database

ADA = Identity("own:1", "Ada", Role.VIEWER, ("trendyol",))
OPTIONS = PresenceOptions()
HOUR = 3600.0


class SomeHub(Hub):
    """One method that everybody may call, and one that nobody may."""

    @hub_method("AcknowledgeNotification")
    async def acknowledge(self, id: object) -> bool:  # noqa: A002 - the contract's word
        return False

    @hub_method("Unknown")
    async def unknown(self) -> None:
        """Not in the table of calls."""


@dataclass
class Rig:
    """A hub, what is written of its connections, and whether they can be reached."""

    store: SqlConnectionStore
    clock: FakeClock
    options: PresenceOptions = field(default_factory=PresenceOptions)
    is_reachable: bool = True

    def __post_init__(self) -> None:
        self.book = ProcessConnections(self.store, MemoryLeases(self.clock), "a", self.clock)
        filters = [Authorise(MemoryAudit(), self.clock), ConnectionRecords(self.book, self.clock, "a")]
        self.tester = HubTester(SomeHub, name=DASHBOARD_HUB, filters=filters)
        self.idle = IdleConnections(self.store, self.plane_of, self.clock, self.options)

    def plane_of(self, hub: str) -> DataPlane:
        if not self.is_reachable:
            raise BrokerUnavailable("it is away", may_have_arrived=False)
        return self.tester.plane

    async def connect(self) -> HubTesterClient:
        client = await self.tester.connect(ADA.user_id, claims=claims_of(ADA, "log-in"))
        await self.book.write()
        return client

    async def online(self) -> list[OnlineConnection]:
        """What is written, once all is."""
        await self.book.close()
        return list(await self.store.online())


def closes(*clients: HubTesterClient) -> list[tuple[str | None, bool]]:
    """Reason and leave to come again, of those that were closed."""
    return [(client.closed.error, client.closed.allow_reconnect) for client in clients if client.closed is not None]


@pytest.fixture
def rig(database: Database) -> Rig:
    clock = FakeClock()
    return Rig(SqlConnectionStore(database, clock), clock)


async def test_who_connects_is_written_with_what_the_token_says(rig: Rig) -> None:
    client = await rig.connect()
    [online] = await rig.online()
    connection = online.connection
    assert (connection.connection_id, connection.node) == (client.connection_id, "a")
    assert (connection.who, connection.log_in) == (ADA, "log-in")
    assert connection.opened_at == online.active_at == rig.clock.now()
    await client.disconnect()
    assert await rig.online() == []


async def test_calls_are_activity_and_refused_ones_are_not(rig: Rig) -> None:
    client, other = await rig.connect(), await rig.connect()
    await rig.clock.advance(60)
    await client.invoke("AcknowledgeNotification", "x")
    with pytest.raises(Exception, match="unauthorized"):
        await other.invoke("Unknown")
    active = {online.connection.connection_id: online.active_at for online in await rig.online()}
    assert active[client.connection_id] == rig.clock.now()
    assert active[other.connection_id] == rig.clock.now() - timedelta(seconds=60)


async def test_only_what_was_idle_for_long_is_closed_and_may_come_again(rig: Rig) -> None:
    idle, busy = await rig.connect(), await rig.connect()
    await rig.clock.advance(OPTIONS.idle_hours * HOUR - 1)
    await busy.invoke("AcknowledgeNotification", "x")
    await rig.book.close()
    await rig.idle.step()
    assert closes(idle, busy) == []
    await rig.clock.advance(2)
    await rig.idle.step()
    assert closes(idle) == [(REASON, True)]
    assert closes(busy) == []


async def test_a_look_closes_a_bounded_number(rig: Rig) -> None:
    clients = [await rig.connect() for _ in range(OPTIONS.idle_closed + 1)]
    await rig.clock.advance(OPTIONS.idle_hours * HOUR + 1)
    await rig.idle.step()
    assert sum(client.closed is not None for client in clients) == OPTIONS.idle_closed


async def test_nothing_is_idle_where_that_is_the_setting(rig: Rig) -> None:
    client = await rig.connect()
    await rig.clock.advance(10_000 * HOUR)
    await IdleConnections(rig.store, rig.plane_of, rig.clock, PresenceOptions(idle_hours=0)).step()
    assert client.closed is None


async def test_what_cannot_be_reached_stays(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    client = await rig.connect()
    await rig.clock.advance(OPTIONS.idle_hours * HOUR + 1)
    rig.is_reachable = False
    await rig.idle.step()
    assert client.closed is None
    assert "could not be closed now" in caplog.text


async def test_it_looks_at_every_interval(rig: Rig) -> None:
    client = await rig.connect()
    await rig.clock.advance(OPTIONS.idle_hours * HOUR + 1)
    looking = asyncio.create_task(rig.idle.run())
    await settle()
    await rig.clock.advance(OPTIONS.idle_interval_seconds)
    async with asyncio.timeout(30):
        while not closes(client):  # noqa: ASYNC110 - the database answers from a thread
            await asyncio.sleep(0.01)
    looking.cancel()
    assert closes(client) == [(REASON, True)]
