"""What programs of the shop send, and the events that it becomes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from meschain.domain.events import EVENT_KINDS
from meschain.domain.publications import (
    EVENT_ID_CHARACTERS,
    PUBLISHER_CHARACTERS,
    PublicationError,
    PublisherRights,
    kind_of,
    parse_publication,
    published_event,
)

NOW = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)
LEAST: dict[str, dict[str, object]] = {
    "order": {"status": "created", "total": "149.905", "currency": "TRY", "orderId": 7},
    "inventory": {"productId": 42, "quantity": -1},
    "activity": {"activity": "login", "user": "Ayşe", "text": "Ayşe logged in."},
    "sync": {"marketplace": "n11", "status": "running", "progress": 40},
    "alert": {"message": "The cron job did not run."},
}


def event_of(kind: str, **more: object) -> Any:
    form = json.dumps({"kind": kind, **LEAST[kind], **more}).encode()
    return published_event(parse_publication(form), "erp", "e-1", NOW)


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_the_least_that_is_needed_becomes_an_event(kind: str) -> None:
    event = event_of(kind)
    assert (event.event_id, event.kind, event.occurred_at) == ("publish:erp:e-1", kind, NOW)
    assert event.payload.get("eventId", event.payload.get("id", "publish:erp:e-1")) == "publish:erp:e-1"
    assert kind_of(parse_publication(json.dumps({"kind": kind, **LEAST[kind]}).encode())) == kind


def test_an_order_is_filled_in_and_its_money_rounded_as_decimals() -> None:
    order = event_of("order", marketplace="trendyol", marketplaceOrderId="TY-9", currencyDecimals=1)
    assert (order.key, order.marketplace) == ("order:7", "trendyol")
    assert order.payload["orderNumber"] == "TY-9"
    assert (order.payload["total"], order.payload["currency"]) == (149.9, "TRY")
    assert event_of("order", total=0.1).payload["total"] == 0.1
    assert event_of("order", orderId=0, marketplaceOrderId="5", marketplace="n11").key == "order:n11:5"


def test_the_moment_is_taken_from_any_zone_and_given_in_utc() -> None:
    event = event_of("inventory", occurredAt="2026-06-15T11:30:00+03:00")
    assert event.payload["occurredAt"] == "2026-06-15T08:30:00.000Z"
    assert (event.payload["listedQuantity"], event.payload["marketplace"]) == (-1, "shop")


@pytest.mark.parametrize(
    ("kind", "more", "text"),
    [
        ("order", {"marketplace": "amazn"}, "no marketplace"),
        ("order", {"orderId": 0}, "needs orderId"),
        ("order", {"total": "NaN"}, "amount of money"),
        ("order", {"total": "100000000000"}, "amount of money"),
        ("sync", {"marketplace": "shop"}, "one of a marketplace"),
        ("sync", {"processed": 3, "total": 2}, "above total"),
    ],
)
def test_what_types_do_not_see_is_refused(kind: str, more: dict[str, object], text: str) -> None:
    with pytest.raises(PublicationError, match=text):
        event_of(kind, **more)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("order", {"currency": "try"}),
        ("order", {"status": "Created!"}),
        ("order", {"total": "much"}),
        ("order", {"customer": "x" * 201}),
        ("order", {"orderId": 2**53}),
        ("order", {"occurredAt": "2026-06-15T11:30:00"}),
        ("order", {"user_id": 1}),
        ("order", {"eventId": "two words"}),
        ("order", {"eventId": "x" * (EVENT_ID_CHARACTERS + 1)}),
        ("inventory", {"productId": 0}),
        ("inventory", {"reason": "because"}),
        ("activity", {"text": "x" * 501}),
        ("activity", {"details": {str(n): "x" for n in range(21)}}),
        ("sync", {"progress": 101}),
        ("alert", {"level": "catastrophe"}),
    ],
)
def test_what_is_not_of_its_type_or_too_long_is_refused(kind: str, more: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        event_of(kind, **more)


def test_the_longest_ids_fit_the_table_of_events() -> None:
    form = json.dumps({"kind": "alert", **LEAST["alert"]}).encode()
    event = published_event(parse_publication(form), "p" * PUBLISHER_CHARACTERS, "e" * EVENT_ID_CHARACTERS, NOW)
    assert event.event_id.endswith("e" * EVENT_ID_CHARACTERS)


def test_rights_are_by_kind_and_by_marketplace_where_there_is_one() -> None:
    rights = PublisherRights("erp", ("order", "alert"), ("shop",))
    assert rights.allow("order", "shop")
    assert rights.allow("alert", "")
    assert not rights.allow("order", "n11")
    assert not rights.allow("inventory", "shop")
