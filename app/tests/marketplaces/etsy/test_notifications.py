"""A shop at Etsy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from app.tests.marketplaces.requests import NOW, KnownOrders, delivery_of, request_of, vendor_order
from app.tests.marketplaces.specs import MarketplaceSpec
from app.tests.marketplaces.vector_files import vector, vector_bytes
from app.tests.services.fakes import FakeClock
from pydantic import SecretStr, ValidationError

from meschain.marketplaces.etsy.notifications import EtsyNotifications
from meschain.marketplaces.etsy.signature import is_signed, signature_of
from meschain.services.webhook_ports import Malformed, Outcome, VendorUnavailable, WebhookRequest
from meschain.vendor_settings.etsy import EtsyStore, signing_key

RECEIPT = "3900000001"
OLD_SECRET = "whsec_b2xkLXNlY3JldA=="
SETTINGS = EtsyStore(
    shop_id=42000001,
    signing_secret=SecretStr(vector("etsy_secret.txt")),
    previous_signing_secret=SecretStr(OLD_SECRET),
    api_key=SecretStr("key"),
    refresh_token=SecretStr("refresh"),
)
TIMESTAMP = str(int(NOW.timestamp()))


def message(event: str = "order.paid", *, shop: object = "42000001", url: str = "") -> dict[str, object]:
    resource = url or f"https://api.etsy.com/v3/application/shops/42000001/receipts/{RECEIPT}"
    return {"event_type": event, "resource_url": resource, "shop_id": shop}


def signed(
    content: object, webhook_id: str = "msg_1", timestamp: str = TIMESTAMP, secret: str = vector("etsy_secret.txt")
) -> WebhookRequest:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    signature = signature_of(signing_key(secret), webhook_id, timestamp, body)
    return request_of(
        body,
        {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": signature},
    )


@pytest.fixture
def orders() -> KnownOrders:
    return KnownOrders(vendor_order(RECEIPT))


@pytest.fixture
def store(clock: FakeClock, orders: KnownOrders) -> EtsyNotifications:
    return EtsyNotifications(SETTINGS, orders, clock)


class TestEtsyNotifications(MarketplaceSpec):
    vendor = "etsy"

    @pytest.fixture
    def marketplace(self, store: EtsyNotifications) -> EtsyNotifications:
        return store

    @pytest.fixture
    def good(self) -> WebhookRequest:
        return signed(message())

    @pytest.fixture
    def again(self) -> WebhookRequest:
        return signed(message(), timestamp=str(int(TIMESTAMP) + 5))

    @pytest.fixture
    def other(self) -> WebhookRequest:
        return signed(message(), "msg_2")

    @pytest.fixture
    def forged(self, good: WebhookRequest) -> Sequence[WebhookRequest]:
        def changed(**headers: str) -> WebhookRequest:
            return replace(good, headers={**good.headers, **{k.replace("_", "-"): v for k, v in headers.items()}})

        return [
            replace(good, headers={}),
            replace(good, body=good.body.replace(b"order.paid", b"order.xxxx")),
            changed(webhook_id="msg_9"),
            changed(webhook_timestamp=str(int(TIMESTAMP) + 1)),
            changed(webhook_timestamp="now"),
            changed(webhook_timestamp="٣"),
            changed(webhook_timestamp="9" * 400),
            changed(webhook_signature=""),
            changed(webhook_signature="v1,"),
            changed(webhook_signature="x" * 5_000),
            changed(webhook_id=""),
            signed(message(), secret="whsec_" + "YW5vdGhlcg=="),
            signed(message(), timestamp=str(int(TIMESTAMP) - 301)),
            signed(message(), timestamp=str(int(TIMESTAMP) + 301)),
            replace(good, method="PUT"),
            replace(good, path="elsewhere"),
        ]

    @pytest.fixture
    def malformed(self) -> WebhookRequest:
        return signed(b"{")


def test_openssls_signature_is_ours() -> None:
    given = (vector("etsy_id.txt"), vector("etsy_timestamp.txt"), vector("etsy_signature.txt"))
    keys = [signing_key(vector("etsy_secret.txt"))]
    assert is_signed(keys, *given, vector_bytes("etsy_body.json"))
    assert not is_signed(keys, *given, vector_bytes("etsy_body.json") + b" ")
    assert not is_signed([b"another"], *given, vector_bytes("etsy_body.json"))


@pytest.mark.parametrize("form", ["{0}", "v1,{0}", "v1,AAAA v1,{0}", "v1,{0} v2,AAAA"])
def test_a_header_of_several_signatures_holds_one_that_is_right(form: str) -> None:
    header = form.format(vector("etsy_signature.txt"))
    keys = [b"another", signing_key(vector("etsy_secret.txt"))]
    body = vector_bytes("etsy_body.json")
    assert is_signed(keys, vector("etsy_id.txt"), vector("etsy_timestamp.txt"), header, body)


async def test_the_secret_before_is_believed_while_it_is_exchanged(store: EtsyNotifications) -> None:
    assert await store.is_authentic(signed(message(), secret=OLD_SECRET))


@pytest.mark.parametrize(
    ("event", "known", "status", "reason"),
    [
        ("order.paid", "created", "created", "order"),
        ("order.paid", "shipped", "shipped", "order"),
        ("order.shipped", "created", "shipped", ""),
        ("order.shipped", "shipped", "shipped", ""),
        ("order.delivered", "shipped", "delivered", ""),
        ("order.canceled", "shipped", "cancelled", "cancel"),
        ("order.paid", "cancelled", "cancelled", "order"),
        ("order.paid", "", "created", "order"),
    ],
)
async def test_of_webhook_and_receipt_the_later_counts(
    store: EtsyNotifications, orders: KnownOrders, event: str, known: str, status: str, reason: str
) -> None:
    orders.orders[RECEIPT] = vendor_order(RECEIPT, known)
    found = await store.translate(delivery_of(store, "etsy", signed(message(event))))
    [told] = found.events
    assert (told.event_id, told.payload["status"]) == (f"etsy:{RECEIPT}:{event}", status)
    assert [hint.reason for hint in found.stock] == ([reason] if reason else [])


@pytest.mark.parametrize(
    "url",
    [
        "http://api.etsy.com/v3/application/shops/42000001/receipts/1",
        "https://evil.example/v3/application/shops/42000001/receipts/1",
        "https://api.etsy.com.evil.example/v3/application/shops/42000001/receipts/1",
        "https://api.etsy.com@evil.example/v3/application/shops/42000001/receipts/1",
        "https://api.etsy.com/v3/application/shops/42000001/receipts/1?x=1",
        "https://api.etsy.com/v3/application/shops/42000001/receipts/../1",
        "https://api.etsy.com/v3/application/shops/42000001/receipts/1\n",
        "https://api.etsy.com/v3/application/shops/43/receipts/1",
    ],
)
async def test_addresses_that_are_not_the_shops_receipts_are_not_asked(
    store: EtsyNotifications, orders: KnownOrders, url: str
) -> None:
    with pytest.raises(Malformed, match="resource_url"):
        await store.translate(delivery_of(store, "etsy", signed(message(url=url))))
    assert orders.asked == []


async def test_both_hosts_and_both_kinds_of_shop_id_are_read(store: EtsyNotifications) -> None:
    url = f"https://openapi.etsy.com/v3/application/shops/42000001/receipts/{RECEIPT}"
    assert (await store.translate(delivery_of(store, "etsy", signed(message(shop=42000001, url=url))))).events


def test_another_shops_is_malformed(store: EtsyNotifications) -> None:
    with pytest.raises(Malformed, match="another shop"):
        store.read(signed(message(shop="43")))


async def test_an_unknown_receipt_is_tried_again_and_an_unknown_type_noted(
    store: EtsyNotifications, orders: KnownOrders
) -> None:
    assert "nothing" in (await store.translate(delivery_of(store, "etsy", signed(message("order.new"))))).note
    orders.orders.clear()
    with pytest.raises(VendorUnavailable, match="not yet"):
        await store.translate(delivery_of(store, "etsy", signed(message())))


def test_etsy_is_never_answered_400(store: EtsyNotifications) -> None:
    """It would switch the endpoint off; what cannot be read is on the dead-letter list."""
    assert store.answer(Outcome.MALFORMED, signed(b"{")).status == 200


@pytest.mark.parametrize("secret", ["whsec_", "whsec_not base64", "!"])
def test_a_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(ValidationError):
        EtsyStore.model_validate({"shop_id": 1, "signing_secret": secret, "api_key": "key", "refresh_token": "refresh"})
