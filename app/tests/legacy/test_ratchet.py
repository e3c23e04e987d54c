from __future__ import annotations

import json
from typing import Any

from app.tests.legacy.happenings import ADMIN, MANAGER, OPTIONS, VIEWER, after, order, said, stock

from meschain.domain.roles import Identity
from meschain.legacy.options import LegacyOptions
from meschain.legacy.ratchet import RatchetConversation


def conversation(who: Identity = ADMIN, options: LegacyOptions = OPTIONS) -> RatchetConversation:
    return RatchetConversation(who, 7, options)


def subscribe(stream: RatchetConversation, marketplace: str, *events: str) -> None:
    wanted = {"events": list(events)} if events else {}
    said(stream.receive(json.dumps({"action": "subscribe", "marketplace": marketplace, **wanted}), after(0)))


def updates(stream: RatchetConversation, seconds: float) -> dict[str, Any]:
    return {each["data"]["marketplace"]: each["data"]["updates"] for each in said(stream.due(after(seconds)))}


def test_a_subscriber_of_one_marketplace_hears_it_twice_until_it_leaves_all() -> None:
    stream = conversation()
    subscribe(stream, "trendyol")
    stream.hear(order(1), after(0))
    found = updates(stream, 1)
    assert isinstance(found["trendyol"], list)
    assert found["all"] == {"trendyol": found["trendyol"]}
    stream.receive('{"action": "unsubscribe"}', after(1))
    stream.hear(order(2), after(6))
    assert list(updates(stream, 6)) == ["trendyol"]


def test_events_are_flushed_together_every_five_seconds_and_once() -> None:
    stream = conversation()
    stream.hear(order(1), after(0))
    assert list(updates(stream, 0)) == ["all"]
    stream.hear(order(2), after(1))
    stream.hear(order(3, "n11"), after(2))
    assert updates(stream, 4.9) == {}
    found = updates(stream, 5)["all"]
    assert {code: len(events) for code, events in found.items()} == {"trendyol": 1, "n11": 1}
    assert updates(stream, 20) == {}


def test_a_filter_of_events_is_kept_to_unless_it_names_all() -> None:
    stream = conversation()
    stream.receive('{"action": "unsubscribe"}', after(0))
    subscribe(stream, "trendyol", "stock_alert")
    stream.hear(order(1), after(0))
    assert updates(stream, 1) == {}
    stream.hear(stock(quantity=2), after(1))
    (alert,) = updates(stream, 1)["trendyol"]
    assert alert["type"] == "stock_alert"
    assert alert["data"]["current_stock"] == 2
    assert alert["data"]["threshold"] == OPTIONS.low_stock_threshold
    subscribe(stream, "trendyol", "stock_alert", "all")
    stream.hear(order(2), after(10))
    assert list(updates(stream, 10)) == ["trendyol"]


def test_stock_that_is_not_short_and_orders_that_are_not_new_are_no_events() -> None:
    stream = conversation()
    stream.hear(stock(quantity=OPTIONS.low_stock_threshold + 1), after(0))
    stream.hear(order(1, status="shipped"), after(0))
    stream.hear(order(2, "shop"), after(0))
    stream.hear(order(3, "etsy"), after(0))
    assert updates(stream, 1) == {}


def test_only_what_it_may_see_is_told() -> None:
    for who, expected in ((MANAGER, ["trendyol"]), (VIEWER, [])):
        stream = conversation(who)
        stream.hear(order(1), after(0))
        stream.hear(order(2, "amazon"), after(0))
        found = updates(stream, 1).get("all", {})
        assert list(found) == expected


def test_what_waits_for_a_flush_is_bounded() -> None:
    stream = conversation(options=LegacyOptions(waiting_events=3))
    for number in range(1, 11):
        stream.hear(order(number), after(0))
    found = updates(stream, 1)["all"]
    assert len(found["trendyol"]) == 3


def test_a_channel_named_by_something_that_is_no_text_is_refused() -> None:
    answer = said(conversation().receive('{"action": "subscribe", "marketplace": ["amazon"]}', after(0)))
    assert answer[0]["data"]["message"] == "Invalid marketplace: ['amazon']"


def test_all_marketplaces_are_summed() -> None:
    (answer,) = said(conversation().receive('{"action": "get_metrics"}', after(0)))
    assert answer["data"]["metrics"]["summary"] == {
        "total_orders_today": 7,
        "total_sales_today": 600.0,
        "total_active_products": 30,
        "connected_marketplaces": 1,
    }
