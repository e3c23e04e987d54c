from __future__ import annotations

import json
from collections.abc import Sequence

from app.tests.legacy.happenings import (
    ADMIN,
    MANAGER,
    OPTIONS,
    VIEWER,
    after,
    alert,
    arrived,
    order,
    said,
    step,
    stock,
)

from meschain.domain.events import StoredEvent
from meschain.domain.payloads import Notification
from meschain.domain.roles import Identity, Role
from meschain.legacy.commands import Identify
from meschain.legacy.role_client import RoleConversation

DONE = step(status="success")


def entered(claim: str, who: Identity = ADMIN) -> RoleConversation:
    client = RoleConversation(who, 1, OPTIONS)
    auth = client.receive(json.dumps({"type": "auth", "data": {"userId": "u", "userRole": claim}}), after(0))
    assert isinstance(auth, Identify)
    assert auth.role == claim
    auth.entered()
    return client


def kinds(client: RoleConversation, events: Sequence[StoredEvent]) -> list[str]:
    return [message["type"] for event in events for message in arrived(client.hear(event, after(1)))]


def test_nothing_is_said_before_auth() -> None:
    client = RoleConversation(ADMIN, 1, OPTIONS)
    assert said(client.greet(after(0))) == []
    assert kinds(client, [order(1), alert()]) == []


def test_each_role_hears_what_its_channels_are_for() -> None:
    everything = [order(1), order(2, "ebay"), order(3, status="shipped"), stock(quantity=1), alert(), DONE]
    assert kinds(entered("admin"), everything) == [
        "new_order", "trendyol_order", "new_order", "ebay_sale", "stock_alert", "marketplace_sync",
    ]  # fmt: skip
    assert kinds(entered("super_admin"), everything) == [
        "new_order", "trendyol_order", "new_order", "ebay_sale", "stock_alert", "system_alert", "marketplace_sync",
    ]  # fmt: skip
    assert kinds(entered("dropshipper"), everything) == ["order_status"]
    assert kinds(entered("guest"), everything) == []


def test_the_name_of_a_channel_shows_nobody_what_is_not_for_it() -> None:
    everything = [order(1), order(2, "amazon"), order(3, "shop"), stock(quantity=1), alert(), DONE]
    assert kinds(entered("super_admin", VIEWER), everything) == []
    assert kinds(entered("admin", MANAGER), everything) == [
        "new_order",
        "trendyol_order",
        "stock_alert",
        "marketplace_sync",
    ]


def test_a_channel_may_be_left_and_joined_again() -> None:
    client = entered("admin")
    said(client.receive('{"type": "unsubscribe", "data": {"channel": "orders"}}', after(1)))
    assert kinds(client, [order(1)]) == []
    said(client.receive('{"type": "subscribe", "data": {"channel": "orders"}}', after(1)))
    assert kinds(client, [order(2)]) == ["new_order", "trendyol_order"]
    said(client.receive('{"type": "subscribe", "data": {"channel": "no such channel"}}', after(1)))


def test_only_a_sync_that_succeeded_is_told_because_each_is_announced_as_finished() -> None:
    client = entered("admin")
    assert kinds(client, [step(status=status) for status in ("queued", "running", "error", "cancelled")]) == []
    assert kinds(client, [step(status="success")]) == ["marketplace_sync"]


def test_a_change_of_stock_is_told_once_though_each_marketplace_has_it() -> None:
    client = entered("admin")
    assert kinds(client, [stock(quantity=2, marketplace=code) for code in ("trendyol", "n11", "ozon")]) == [
        "stock_alert"
    ]
    assert kinds(client, [stock(quantity=20), stock(quantity=2)]) == ["stock_alert"]


def test_no_text_becomes_html() -> None:
    client = entered("super_admin")
    evil = '<img src=x onerror="alert(1)">'
    messages = [
        *client.hear(order(1, order_number=evil), after(1)),
        *client.hear(stock(quantity=1, name=evil), after(1)),
        *client.hear(alert(evil), after(1)),
        *client.refuse(evil, after(1)),
        *client.notify(notification(evil), after(1)),
    ]
    assert len(messages) == 6
    assert "<" not in json.dumps(messages)


def notification(text: str) -> Notification:
    return Notification(
        id="n", user_id="own:1", message=text, type="error", title=text, duration=0, persistent=False, created_at=""
    )


def test_a_critical_alert_has_the_highest_level_that_the_client_knows() -> None:
    (told,) = arrived(entered("super_admin").hear(alert(level="critical"), after(1)))
    assert told["data"]["level"] == "error"


def test_a_flat_auth_with_a_token_is_one_too() -> None:
    client = RoleConversation(ADMIN, 1, OPTIONS)
    auth = client.receive('{"type": "auth", "token": "abc", "role": "admin"}', after(0))
    assert isinstance(auth, Identify)
    assert (auth.role, auth.token) == (Role.ADMIN, "abc")


def test_whatever_arrives_is_answered_with_nothing() -> None:
    client = entered("admin")
    odd = ("", "null", "[]", "7", '{"type": []}', '{"type": "subscribe", "data": 3}', '{"type": "dance"}', b"\xff\x00")
    for frame in odd:
        assert said(client.receive(frame, after(0))) == []
