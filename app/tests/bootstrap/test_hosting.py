"""Who does the work that is done once, where links to the broker break: two processes with a link each, in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
from app.tests.services.conftest import World, running
from app.tests.services.fakes import MemoryEvents, MemoryLeases, MemoryPublisher, settle, some_event

from hubwire import Broker, Cluster
from hubwire.brokers.memory import MemoryBroker, MemoryExchange
from meschain.bootstrap.hosting import ALONE, Hosting, NodeNumbers
from meschain.domain.events import StoredEvent
from meschain.hubs.neighbours import BrokerNeighbours
from meschain.services.event_publisher import EventPublisher
from meschain.services.lease import WorkLease
from meschain.services.options import EventOptions, LeaseOptions
from meschain.services.ports import Told

LEASE, EVENTS = LeaseOptions(), EventOptions()
GIVEN_UP_SECONDS = EVENTS.attempts * EVENTS.longest_pause_seconds
"""After which an event would be given up, at the latest."""


class Nothing:
    """Hears nothing of a broker."""

    def received(self, subject: bytes, payload: bytes) -> None:
        return

    def lost(self) -> None:
        return

    def restored(self, seconds: float) -> None:
        return


class BrokerPublisher(MemoryPublisher):
    """Tells events over a broker, and remembers those that it took."""

    def __init__(self, broker: Broker) -> None:
        super().__init__()
        self._broker = broker

    async def tell(self, events: Sequence[StoredEvent], told: Told | None = None) -> None:
        for stored in events:
            await self._broker.publish([b"events"], stored.event.event_id.encode())
            await super().tell([stored])


@dataclass
class Shared:
    """What processes of one service have in common."""

    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        self.events = MemoryEvents(self.world.clock)
        self.leases = MemoryLeases(self.world.clock)


class Process:
    """One process that tells events while it holds the lease."""

    def __init__(self, name: str, shared: Shared) -> None:
        clock = shared.world.clock
        self.link = MemoryExchange()
        self.broker = MemoryBroker(self.link)
        self.neighbours = BrokerNeighbours(MemoryBroker(self.link), name, b"neighbours")
        self.hosting = Hosting(name, self.neighbours, NodeNumbers(), Cluster(self.broker, node_id=name))
        self.lease = WorkLease(shared.leases, name, clock, is_able=self.hosting.reaches_all)
        self.publisher = BrokerPublisher(self.broker)
        self.telling = EventPublisher(events=shared.events, publisher=self.publisher, clock=clock)

    @property
    def told(self) -> list[int]:
        return [stored.position for stored in self.publisher.told()]

    async def run(self) -> None:
        await self.lease.run(self.telling.run)


@pytest.fixture
def shared() -> Shared:
    return Shared()


@pytest.fixture
async def processes(shared: Shared) -> AsyncIterator[tuple[Process, Process]]:
    """The first one has the lease."""
    first, second = Process("a", shared), Process("b", shared)
    async with AsyncExitStack() as stack:
        for process in (first, second):
            await process.broker.start(Nothing())
            stack.push_async_callback(process.broker.stop)
            await stack.enter_async_context(process.neighbours.lifespan())
            await stack.enter_async_context(running(process.run))
        yield first, second


async def test_alone_it_reaches_all() -> None:
    assert Hosting("a", ALONE, NodeNumbers(), None).reaches_all()


async def test_one_of_several_reaches_all_while_both_its_links_stand(processes: tuple[Process, Process]) -> None:
    first, _ = processes
    assert first.hosting.reaches_all()
    await first.broker.stop()
    assert not first.hosting.reaches_all()
    await first.broker.start(Nothing())
    first.link.lose()
    assert not first.hosting.reaches_all()
    first.link.restore()
    assert first.hosting.reaches_all()


async def test_one_that_loses_its_own_link_hands_its_events_to_another(
    shared: Shared, processes: tuple[Process, Process]
) -> None:
    first, second = processes
    first.link.lose()
    await shared.events.append([some_event(1)])
    await shared.world.clock.advance((LEASE.unable_looks + 1) * LEASE.renew_seconds)
    assert (first.lease.is_held, second.lease.is_held) == (False, True)
    assert (first.told, second.told) == ([], [1])


async def test_while_the_broker_is_away_for_all_no_event_is_given_up(
    shared: Shared, processes: tuple[Process, Process], caplog: pytest.LogCaptureFixture
) -> None:
    for process in processes:
        process.link.lose()
    await shared.events.append([some_event(1)])
    await shared.world.clock.advance(2 * GIVEN_UP_SECONDS)
    assert await shared.events.published() == 0
    assert "given up" not in caplog.text
    assert [process.lease.is_held for process in processes] == [False, False]
    await shared.events.append([some_event(2)])
    for process in processes:
        process.link.restore()
    await shared.world.clock.advance(LEASE.renew_seconds)
    await settle()
    assert [number for process in processes for number in process.told] == [1, 2]
    assert await shared.events.published() == 2


def test_an_event_is_tried_for_much_longer_than_a_process_works_that_cannot_tell_it() -> None:
    pauses = [min(EVENTS.first_pause_seconds * 2**n, EVENTS.longest_pause_seconds) for n in range(EVENTS.attempts - 1)]
    assert sum(pauses) > 5 * LEASE.unable_looks * LEASE.renew_seconds
