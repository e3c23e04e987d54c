"""Events that could not be stored or told are refused where they are made, and payloads become the events they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from app.tests.services.fakes import START, some_event, some_order, some_step, some_stock

from meschain.domain.event_routes import FRAME_EVENTS, calls_of, runs
from meschain.domain.events import (
    ADMIN_HUB,
    DASHBOARD_HUB,
    LARGEST_PAYLOAD_BYTES,
    LONGEST_EVENT_ID,
    MARKETPLACE_HUB,
    NewEvent,
    StoredEvent,
)
from meschain.domain.new_events import activity_event, alert_event, inventory_event, order_event, sync_event
from meschain.domain.payloads import SystemAlert, UserActivity

AT = "2025-03-10T09:30:00.000Z"
ODD: list[tuple[dict[str, Any], str]] = [
    ({"kind": "other"}, "kind"),
    ({"event_id": ""}, "event_id"),
    ({"event_id": "x" * (LONGEST_EVENT_ID + 1)}, f"191 characters; give it 1 to {LONGEST_EVENT_ID}"),
    ({"key": "x" * (LONGEST_EVENT_ID + 1)}, "key"),
    ({"occurred_at": datetime(2025, 1, 1)}, "no zone"),  # noqa: DTZ001 - the mistake itself
    ({"payload": {"total": float("nan")}}, "cannot be written"),
    ({"payload": {"number": 2**64}}, "cannot be written"),
    ({"payload": {"text": "\ud800"}}, "cannot be written"),
    ({"payload": {"moment": START}}, "cannot be written"),
    ({"payload": {"text": "ü" * LARGEST_PAYLOAD_BYTES}}, f"shorten its texts until it has {LARGEST_PAYLOAD_BYTES}"),
]


@pytest.mark.parametrize(("change", "message"), ODD)
def test_an_event_that_could_not_be_stored_or_told_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(some_event(), **change)


def test_the_largest_event_is_taken() -> None:
    room = LARGEST_PAYLOAD_BYTES - len('{"text": ""}')
    replace(some_event(), payload={"text": "x" * room}, event_id="x" * LONGEST_EVENT_ID)


def test_payloads_become_events_that_carry_them() -> None:
    order = some_order(7)
    stock = some_stock()
    sync = some_step()
    alert = SystemAlert(id="a", message="m", level="info", source="system", timestamp=AT)
    over = msgspec.structs.replace(alert, state="resolved")
    activity = UserActivity(event_id="u", kind="login", user="Ayşe", text="t", details={}, occurred_at=AT)
    made = [
        (order_event(order), order, ("order:7", "order", "order:7", "trendyol")),
        (
            order_event(msgspec.structs.replace(order, order_id=0)),
            msgspec.structs.replace(order, order_id=0),
            ("order:7", "order", "order:trendyol:TY-7", "trendyol"),
        ),
        (inventory_event(stock), stock, ("s", "inventory", "product:5", "n11")),
        (sync_event("job:1", sync), sync, ("job:1", "sync", "sync:job", "n11")),
        (alert_event(alert), alert, ("a", "alert", "alert:a", "")),
        (alert_event(over), over, ("a:resolved", "alert", "alert:a", "")),
        (activity_event(activity), activity, ("u", "activity", "activity:u", "")),
    ]
    for event, payload, expected in made:
        assert (event.event_id, event.kind, event.key, event.marketplace) == expected
        assert event.payload == msgspec.to_builtins(payload)
        assert event.occurred_at.tzinfo is not None
    assert made[1][0].occurred_at == datetime(2025, 3, 10, 9, 29, 59, tzinfo=UTC)


def stored(*marketplaces: str, kind: str = "order") -> list[StoredEvent]:
    return [StoredEvent(n, some_event(n, kind, code)) for n, code in enumerate(marketplaces, 1)]


def positions(events: list[StoredEvent], hub: str) -> list[tuple[str, list[int]]]:
    return [(group, [each.position for each in run]) for group, run in runs(events, hub)]


def test_neighbours_of_a_group_travel_together_and_all_keep_one_order() -> None:
    events = stored("n11", "n11", "etsy", "n11", "")
    assert positions(events, MARKETPLACE_HUB) == [
        ("marketplace:n11", [1, 2]),
        ("marketplace:etsy", [3]),
        ("marketplace:n11", [4]),
    ]
    assert positions(events, ADMIN_HUB) == [("admins", [1, 2, 3, 4, 5])]
    assert positions(events, DASHBOARD_HUB) == []
    assert positions(stored("n11", kind="alert"), MARKETPLACE_HUB) == []


def test_a_frame_has_a_limit() -> None:
    events = stored(*["n11"] * (FRAME_EVENTS + 1))
    assert [len(run) for _, run in runs(events, MARKETPLACE_HUB)] == [FRAME_EVENTS, 1]


def test_a_call_carries_the_stamp_beside_the_payload() -> None:
    event = NewEvent("e", "sync", "sync:1", "n11", {"progress": 5}, START)
    stamp = {"progress": 5, "eventId": "e", "position": 9}
    assert calls_of([StoredEvent(9, event)]) == [("marketplaceSyncUpdate", (stamp,))]
    assert calls_of([StoredEvent(9, event)], replayed=True) == [
        ("marketplaceSyncUpdate", ({**stamp, "replayed": True},))
    ]
