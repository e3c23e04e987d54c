"""What happened goes through the log; figures and notifications go out at once."""

from __future__ import annotations

import msgspec
import pytest
from app.tests.services.alert_specs import some_alert
from app.tests.services.conftest import World
from app.tests.services.fakes import MemoryEvents, some_order, some_step, some_stock
from app.tests.services.store_specs import activity, notification

from meschain.services.alert_payloads import system_alert_of
from meschain.services.dashboard import metrics_of, performance_of
from meschain.services.errors import EventRefused
from meschain.services.logged_publisher import LoggedPublisher

STOCK = some_stock()
STEP = some_step()


@pytest.fixture
def events(world: World) -> MemoryEvents:
    return MemoryEvents(world.clock)


@pytest.fixture
def publisher(world: World, events: MemoryEvents) -> LoggedPublisher:
    return LoggedPublisher(world.publisher, events)


async def test_what_happened_is_stored_and_told_by_nobody_else(
    world: World, events: MemoryEvents, publisher: LoggedPublisher
) -> None:
    await publisher.order_received(some_order(1))
    await publisher.inventory_changed(STOCK)
    await publisher.user_activity(activity(1))
    await publisher.system_alert(system_alert_of(some_alert(1)))
    await publisher.sync_progress(STEP)
    await publisher.sync_progress(STEP)  # no double: nothing says that it is the same step
    kinds = [stored.event.kind for stored in events.rows]
    assert kinds == ["order", "inventory", "activity", "alert", "sync", "sync"]
    assert events.rows[-1].event.payload == msgspec.to_builtins(STEP)
    assert world.publisher.events == []


async def test_everything_else_goes_out_at_once(world: World, events: MemoryEvents, publisher: LoggedPublisher) -> None:
    data = await world.dashboard.read()
    await publisher.admin_dashboard(data)
    await publisher.notification(notification(1))
    await publisher.marketplace_data("n11", {"visitors": 3})
    await publisher.metrics(metrics_of(data))
    await publisher.performance(performance_of(data))
    await publisher.business(data.business_metrics)
    await publisher.granted_business(["n11"], data.business_metrics)
    await publisher.tell([])
    assert world.publisher.kinds() == [
        "admin_dashboard",
        "notification",
        "marketplace_data",
        "metrics",
        "performance",
        "business",
        "business of n11",
    ]
    assert events.rows == []


async def test_an_event_that_cannot_be_stored_is_refused_with_what_to_do(publisher: LoggedPublisher) -> None:
    with pytest.raises(EventRefused, match="event_id of an event has 200 characters; give it 1 to 190"):
        await publisher.inventory_changed(msgspec.structs.replace(STOCK, event_id="x" * 200))
