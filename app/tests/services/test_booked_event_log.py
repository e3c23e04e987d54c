"""Alerts that publishers send come into the book, once, whatever is repeated or cut off."""

from __future__ import annotations

import pytest
from app.tests.services.conftest import World
from app.tests.services.fakes import START, MemoryEvents, some_event

from meschain.domain.alerts import FIRING
from meschain.domain.events import NewEvent
from meschain.domain.publications import AlertPublication, published_event
from meschain.services.booked_event_log import BookedEventLog


@pytest.fixture
def events(world: World) -> MemoryEvents:
    return MemoryEvents(world.clock)


@pytest.fixture
def log(world: World, events: MemoryEvents) -> BookedEventLog:
    return BookedEventLog(events, world.alerts, world.alert_rows)


def published(event_id: str = "erp-1") -> NewEvent:
    return published_event(AlertPublication(message="Kur alınamadı", level="error"), "erp", event_id, START)


async def test_an_alert_is_booked_and_stored_and_other_events_are_stored(
    world: World, events: MemoryEvents, log: BookedEventLog
) -> None:
    for _ in range(2):
        await log.append([some_event(1), published()], {"cursor": "5"})
    (alert,) = world.alert_rows.rows
    assert (alert.id, alert.origin, alert.raised_by) == ("publish:erp:erp-1", "published", "erp")
    assert (alert.message, alert.level, alert.state, alert.rule) == ("Kur alınamadı", "error", FIRING, "")
    assert [stored.event.event_id for stored in await events.behind(0, 10)] == [
        some_event(1).event_id,
        "publish:erp:erp-1",
    ]
    assert await world.alert_rows.untold(10) == []
    assert world.publisher.alerts() == []


async def test_one_that_was_booked_and_not_stored_is_told_later(
    world: World, events: MemoryEvents, log: BookedEventLog
) -> None:
    working = events.append

    async def broken(*_: object) -> None:
        raise ConnectionError("the database is away")

    events.append = broken  # type: ignore[method-assign,assignment] # a log that fails
    with pytest.raises(ConnectionError):
        await log.append([published()])
    events.append = working  # type: ignore[method-assign]
    assert len(await world.alert_rows.untold(10)) == 1
    await log.append([published()])
    assert len(world.alert_rows.rows) == 1
    assert await world.alert_rows.untold(10) == []
