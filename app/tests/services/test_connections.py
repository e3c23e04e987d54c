"""The connections and audiences of one process, held to what is promised of every store of them, and written down."""

from __future__ import annotations

from datetime import timedelta

import pytest
from app.tests.services import presence_specs, store_specs
from app.tests.services.conftest import Run
from app.tests.services.fakes import START, FakeClock, MemoryConnections, MemoryLeases
from app.tests.services.store_specs import HUB, connection

from meschain.services.audiences import ProcessAudiences
from meschain.services.connections import ProcessConnections, node_lease
from meschain.services.options import PresenceOptions

OPTIONS = PresenceOptions()
NODE = "a"


class TestMemoryConnections(presence_specs.WrittenConnectionsSpec):
    @pytest.fixture
    def store(self, clock: FakeClock) -> MemoryConnections:
        return MemoryConnections(clock)


class TestProcessConnections(store_specs.OpenConnectionsSpec):
    @pytest.fixture
    def store(self, clock: FakeClock) -> ProcessConnections:
        return ProcessConnections(MemoryConnections(clock), MemoryLeases(clock), NODE, clock)


class TestProcessAudiences(store_specs.AudienceStoreSpec):
    @pytest.fixture
    def store(self, clock: FakeClock) -> ProcessAudiences:
        return ProcessAudiences(clock)


@pytest.fixture
def written(clock: FakeClock) -> MemoryConnections:
    return MemoryConnections(clock)


@pytest.fixture
def leases(clock: FakeClock) -> MemoryLeases:
    return MemoryLeases(clock)


@pytest.fixture
def book(written: MemoryConnections, leases: MemoryLeases, clock: FakeClock) -> ProcessConnections:
    return ProcessConnections(written, leases, NODE, clock)


async def open_some(book: ProcessConnections, *numbers: int) -> None:
    for number in numbers:
        await book.opened(connection(number, node=NODE))


async def test_a_crowd_is_one_write(book: ProcessConnections, written: MemoryConnections) -> None:
    await open_some(book, *range(50))
    await book.write()
    await book.write()
    assert (len(written.rows), written.writes) == (50, 1)


async def test_who_leaves_before_it_is_written_is_never_written(
    book: ProcessConnections, written: MemoryConnections
) -> None:
    await open_some(book, 1)
    await book.ended(HUB, "connection-1")
    await book.write()
    assert written.writes == 0


async def test_it_writes_at_every_interval_and_says_that_it_lives(
    book: ProcessConnections, written: MemoryConnections, leases: MemoryLeases, clock: FakeClock, run: Run
) -> None:
    await open_some(book, 1)
    await run(book.run)
    assert set(written.rows) == presence_specs.keys(1)
    await open_some(book, 2)
    await book.ended(HUB, "connection-1")
    await clock.advance(OPTIONS.write_seconds)
    assert set(written.rows) == presence_specs.keys(2)
    for _ in range(200):
        await clock.advance(OPTIONS.write_seconds)
        lease = await leases.look(node_lease(NODE))
        assert lease is not None
        assert (lease.holder, lease.left_seconds > 0) == (NODE, True)


async def test_when_somebody_was_last_active_is_written_now_and_then(
    book: ProcessConnections, written: MemoryConnections, clock: FakeClock, run: Run
) -> None:
    await open_some(book, 1)
    await run(book.run)
    await clock.advance(3)
    for hub, connection_id in ((HUB, "connection-1"), (HUB, "unknown")):
        book.active(hub, connection_id)
    assert written.rows[HUB, "connection-1"].active_at == START
    for _ in range(round(OPTIONS.active_seconds / OPTIONS.write_seconds)):
        await clock.advance(OPTIONS.write_seconds)
    assert written.rows[HUB, "connection-1"].active_at == START + timedelta(seconds=3)


async def test_what_could_not_be_written_is_written_later(book: ProcessConnections, written: MemoryConnections) -> None:
    await open_some(book, 1)
    await book.write()
    await open_some(book, 2, 3)
    await book.ended(HUB, "connection-1")
    written.is_away = True
    with pytest.raises(ConnectionError):
        await book.write()
    await book.ended(HUB, "connection-2")
    written.is_away = False
    await book.write()
    assert set(written.rows) == presence_specs.keys(3)


async def test_a_mistake_of_either_side_mends_itself(
    book: ProcessConnections, written: MemoryConnections, clock: FakeClock, run: Run
) -> None:
    await open_some(book, 1)
    await run(book.run)
    await written.end_node(NODE)  # another process took this one for dead
    await written.write([connection(9, node=NODE), connection(8, node="b")], [])
    for _ in range(round(OPTIONS.compare_seconds / OPTIONS.write_seconds) + 1):
        await clock.advance(OPTIONS.write_seconds)
    assert set(written.rows) == presence_specs.keys(1, 8)


async def test_a_stop_writes_what_is_left_and_leaves_no_sign_of_life(
    book: ProcessConnections, written: MemoryConnections, leases: MemoryLeases, run: Run
) -> None:
    await open_some(book, 1)
    await run(book.run)
    await book.ended(HUB, "connection-1")
    await book.close()
    assert written.rows == {}
    assert await leases.look(node_lease(NODE)) is None


async def test_a_stop_without_a_database_is_a_stop(
    book: ProcessConnections, written: MemoryConnections, caplog: pytest.LogCaptureFixture
) -> None:
    await open_some(book, 1)
    written.is_away = True
    await book.close()
    assert "could not be written down" in caplog.text
