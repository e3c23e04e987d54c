"""Events are told in their order, at once when quiet and together in bursts, at least once whatever fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from app.tests.services.conftest import Run, running
from app.tests.services.fakes import FakeClock, MemoryEvents, MemoryPublisher, settle, some_event

from meschain.domain.events import StoredEvent
from meschain.services.event_log import TellingEventLog
from meschain.services.event_publisher import EventPublisher
from meschain.services.options import EventOptions
from meschain.services.ports import ClientsUnreachable, Told

OPTIONS = EventOptions(batch=4)


class NotingPublisher(MemoryPublisher):
    """Remembers what was told together; refuses what a test names, and takes as long as it says."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.takes = 0.0
        self.together: list[list[int]] = []
        self.refused: set[int] = set()
        self.is_away = False

    async def tell(self, events: Sequence[StoredEvent], told: Told | None = None) -> None:
        if self.is_away:
            raise ClientsUnreachable("the service is away")
        if self.refused & {stored.position for stored in events}:
            raise ValueError("an event that cannot be written")
        self.clock.skip(self.takes)
        await super().tell(events)
        self.together.append([stored.position for stored in events])


@pytest.fixture
def events(clock: FakeClock) -> MemoryEvents:
    return MemoryEvents(clock)


@pytest.fixture
def publisher(clock: FakeClock) -> NotingPublisher:
    return NotingPublisher(clock)


@pytest.fixture
def telling(events: MemoryEvents, publisher: NotingPublisher, clock: FakeClock) -> EventPublisher:
    return EventPublisher(events=events, publisher=publisher, clock=clock, options=OPTIONS)


@pytest.fixture
def log(events: MemoryEvents, telling: EventPublisher) -> TellingEventLog:
    return TellingEventLog(events, telling.wake)


async def test_an_event_is_told_at_once_and_a_burst_together(
    log: TellingEventLog, telling: EventPublisher, publisher: NotingPublisher, clock: FakeClock, run: Run
) -> None:
    publisher.takes = OPTIONS.window_seconds / 2
    await run(telling.run)
    await log.append([some_event(1)])
    await settle()
    await log.append([some_event(2)])
    await log.append([some_event(3)])
    await settle()
    assert publisher.together == [[1]]
    await clock.advance(OPTIONS.window_seconds)
    assert publisher.together == [[1], [2, 3]]
    await clock.advance(OPTIONS.window_seconds)
    await log.append([some_event(4)])
    await settle()
    assert publisher.together == [[1], [2, 3], [4]]


async def test_where_telling_is_quick_less_is_waited(
    log: TellingEventLog, telling: EventPublisher, publisher: NotingPublisher, clock: FakeClock, run: Run
) -> None:
    publisher.takes = 0.002
    await run(telling.run)
    await log.append([some_event(1)])
    await settle()
    await log.append([some_event(2)])
    await clock.advance(0.005)
    assert publisher.together == [[1]]
    await clock.advance(0.001)
    assert publisher.together == [[1], [2]]


async def test_in_a_burst_it_is_noted_now_and_then_and_at_its_end(
    events: MemoryEvents, log: TellingEventLog, telling: EventPublisher, publisher: NotingPublisher, clock: FakeClock
) -> None:
    publisher.takes = OPTIONS.window_seconds / 2
    async with running(telling.run):
        for number in range(1, 4):
            await log.append([some_event(number)])
            await clock.advance(OPTIONS.window_seconds)
            await log.append([some_event(10 + number)])
            await settle()
        assert await events.published() < 6
        await clock.advance(OPTIONS.mark_seconds)
        assert await events.published() == 6
        publisher.takes = 0.0
        await log.append([some_event(7), some_event(8)])
        await settle()
    assert await events.published() == 8


async def test_what_nobody_told_of_is_found_by_looking(
    events: MemoryEvents, telling: EventPublisher, publisher: NotingPublisher, clock: FakeClock, run: Run
) -> None:
    await run(telling.run)
    await events.append([some_event(1)])
    await settle()
    assert publisher.together == []
    await clock.advance(OPTIONS.poll_seconds)
    assert publisher.together == [[1]]


async def test_a_long_queue_is_told_without_pauses(
    events: MemoryEvents, telling: EventPublisher, publisher: NotingPublisher, clock: FakeClock, run: Run
) -> None:
    await events.append([some_event(n) for n in range(1, 11)])
    await run(telling.run)
    assert publisher.together == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    await clock.advance(OPTIONS.mark_seconds)
    assert await events.published() == 10


async def test_the_next_process_begins_where_the_last_was_marked(
    events: MemoryEvents, publisher: NotingPublisher, clock: FakeClock
) -> None:
    await events.append([some_event(1), some_event(2)])
    await events.mark_published(1)
    telling = EventPublisher(events=events, publisher=publisher, clock=clock, options=OPTIONS)
    async with running(telling.run):
        pass
    assert publisher.together == [[2]]


class UnmarkedEvents(MemoryEvents):
    """A database that does not take marks while it `is_away`; it counts them."""

    is_away = True
    tries = 0

    async def mark_published(self, position: int, way: str = "") -> None:
        self.tries += 1
        if self.is_away:
            raise ConnectionError("the database is away")
        await super().mark_published(position, way)


async def test_a_process_that_dies_before_the_mark_leaves_them_to_be_told_again(
    publisher: NotingPublisher, clock: FakeClock
) -> None:
    dying = UnmarkedEvents(clock)
    await dying.append([some_event(1)])
    telling = EventPublisher(events=dying, publisher=publisher, clock=clock, options=OPTIONS)
    for _ in range(2):
        async with running(telling.run):
            await settle()
    assert publisher.together == [[1], [1]]


async def test_while_marks_cannot_be_written_it_goes_on_telling_and_tries_again(
    publisher: NotingPublisher, clock: FakeClock, run: Run
) -> None:
    events = UnmarkedEvents(clock)
    telling = EventPublisher(events=events, publisher=publisher, clock=clock, options=OPTIONS)
    await run(telling.run)
    await events.append([some_event(1)])
    await clock.advance(OPTIONS.poll_seconds)
    await events.append([some_event(2)])
    await clock.advance(OPTIONS.poll_seconds)
    assert (publisher.together, await events.published()) == ([[1], [2]], 0)
    events.is_away = False
    await clock.advance(OPTIONS.longest_pause_seconds)
    tries = events.tries
    await clock.advance(OPTIONS.mark_seconds)
    assert (await events.published(), events.tries) == (2, tries)


async def test_events_are_told_while_a_mark_is_being_written(
    publisher: NotingPublisher, clock: FakeClock, run: Run
) -> None:
    class SlowEvents(MemoryEvents):
        written = asyncio.Event()

        async def mark_published(self, position: int, way: str = "") -> None:
            await self.written.wait()
            await super().mark_published(position, way)

    events = SlowEvents(clock)
    telling = EventPublisher(events=events, publisher=publisher, clock=clock, options=OPTIONS)
    await run(telling.run)
    for number in (1, 2):
        await events.append([some_event(number)])
        await clock.advance(OPTIONS.poll_seconds)
    assert (publisher.together, await events.published()) == ([[1], [2]], 0)
    events.written.set()
    await clock.advance(OPTIONS.mark_seconds)
    assert await events.published() == 2


async def test_a_stop_is_one_though_the_database_is_away(publisher: NotingPublisher, clock: FakeClock) -> None:
    away = UnmarkedEvents(clock)
    await away.append([some_event(1)])
    publisher.takes = OPTIONS.window_seconds / 2
    telling = asyncio.create_task(EventPublisher(events=away, publisher=publisher, clock=clock, options=OPTIONS).run())
    await settle()
    assert publisher.together == [[1]]
    telling.cancel()
    await asyncio.wait({telling})
    assert telling.cancelled()


async def test_a_telling_that_fails_is_tried_again_before_anything_behind_it(
    events: MemoryEvents, telling: EventPublisher, publisher: NotingPublisher, clock: FakeClock, run: Run
) -> None:
    publisher.failures = 2
    await events.append([some_event(n) for n in range(1, 6)])
    await run(telling.run)
    await clock.advance(OPTIONS.first_pause_seconds)
    assert (publisher.together, await events.published()) == ([], 0)
    await clock.advance(OPTIONS.first_pause_seconds * 2)
    assert publisher.together == [[1, 2, 3, 4], [5]]


async def test_while_clients_cannot_be_reached_no_event_is_given_up(
    events: MemoryEvents, telling: EventPublisher, publisher: NotingPublisher, clock: FakeClock, run: Run
) -> None:
    publisher.is_away = True
    await events.append([some_event(1), some_event(2)])
    await run(telling.run)
    await clock.advance(3 * OPTIONS.attempts * OPTIONS.longest_pause_seconds)
    assert await events.published() == 0
    publisher.is_away = False
    await clock.advance(OPTIONS.longest_pause_seconds)
    assert (publisher.together, await events.published()) == ([[1, 2]], 2)


async def test_a_way_that_is_away_delays_no_other_and_goes_on_where_it_was(
    events: MemoryEvents, telling: EventPublisher, publisher: NotingPublisher, clock: FakeClock, run: Run
) -> None:
    away = NotingPublisher(clock)
    away.is_away = True
    other = EventPublisher(events=events, publisher=away, clock=clock, options=OPTIONS, way="other")
    await events.append([some_event(n) for n in range(1, 6)])
    await run(other.run)
    await run(telling.run)
    assert publisher.together == [[1, 2, 3, 4], [5]]
    assert (away.together, await events.published("other")) == ([], 0)
    away.is_away = False
    await clock.advance(OPTIONS.first_pause_seconds)
    assert away.together == publisher.together == [[1, 2, 3, 4], [5]]
    await clock.advance(OPTIONS.mark_seconds)
    assert await events.published("other") == 5


async def test_an_event_that_can_never_be_told_does_not_hold_up_the_others(
    events: MemoryEvents,
    telling: EventPublisher,
    publisher: NotingPublisher,
    clock: FakeClock,
    run: Run,
    caplog: pytest.LogCaptureFixture,
) -> None:
    publisher.refused = {2}
    await events.append([some_event(1), some_event(2), some_event(3)])
    await run(telling.run)
    await clock.advance(OPTIONS.attempts * OPTIONS.longest_pause_seconds)
    assert publisher.together == [[1], [3]]
    assert await events.published() == 3
    assert "event event-2 at position 2 is given up" in caplog.text
