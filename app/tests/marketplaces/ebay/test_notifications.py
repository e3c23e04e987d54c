"""A store at eBay's Notification API."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from app.tests.marketplaces.ebay.signing import Signer
from app.tests.marketplaces.requests import NOW, KnownOrders, delivery_of, request_of, vendor_order
from app.tests.marketplaces.specs import MarketplaceSpec
from app.tests.marketplaces.vector_files import vector
from app.tests.services.fakes import FakeClock
from pydantic import SecretStr, ValidationError

from meschain.marketplaces.ebay.keys import EbayKeys
from meschain.marketplaces.ebay.notifications import EbayNotifications
from meschain.services.webhook_ports import Malformed, Outcome, VendorUnavailable, WebhookRequest
from meschain.vendor_settings.ebay import EbayStore

ORDER = "12-34567-89012"
SETTINGS = EbayStore(
    client_id="app",
    client_secret=SecretStr("cert"),
    refresh_token=SecretStr("refresh"),
    endpoint=vector("ebay_endpoint.txt"),
    verification_token=SecretStr(vector("ebay_verification_token.txt")),
)
SIGNER = Signer()


def message(topic: str = "ORDER_CONFIRMATION", number: int = 1, **data: object) -> dict[str, Any]:
    return {
        "metadata": {"topic": topic, "schemaVersion": "1.0", "deprecated": False},
        "notification": {
            "notificationId": f"notification-{number}",
            "eventDate": "2026-01-01T09:15:00.000Z",
            "publishDate": "2026-01-01T09:15:01.000Z",
            "publishAttemptCount": 1,
            "data": data or {"orderId": ORDER},
        },
    }


def signed(content: object) -> WebhookRequest:
    body = content if isinstance(content, bytes) else json.dumps(content, separators=(",", ":")).encode()
    return request_of(body, {"x-ebay-signature": SIGNER.header(body), "content-type": "application/json"})


@pytest.fixture
def orders() -> KnownOrders:
    return KnownOrders(vendor_order(ORDER))


@pytest.fixture
def store(clock: FakeClock, orders: KnownOrders) -> EbayNotifications:
    async def fetch(_key_id: str) -> str | None:
        return SIGNER.public_key

    return EbayNotifications(SETTINGS, EbayKeys(fetch, clock), orders)


class TestEbayNotifications(MarketplaceSpec):
    vendor = "ebay"

    @pytest.fixture
    def marketplace(self, store: EbayNotifications) -> EbayNotifications:
        return store

    @pytest.fixture
    def good(self) -> WebhookRequest:
        return signed(message())

    @pytest.fixture
    def again(self) -> WebhookRequest:
        repeated = message()
        repeated["notification"]["publishAttemptCount"] = 2
        repeated["notification"]["publishDate"] = "2026-01-01T09:45:01.000Z"
        return signed(repeated)

    @pytest.fixture
    def other(self) -> WebhookRequest:
        return signed(message(number=2))

    @pytest.fixture
    def forged(self, good: WebhookRequest) -> Sequence[WebhookRequest]:
        by_another = Signer().header(good.body)
        return [
            replace(good, headers={}),
            replace(good, body=good.body.replace(b"89012", b"99999")),
            replace(good, headers={"x-ebay-signature": by_another}),
            replace(good, headers={"x-ebay-signature": "AAAA"}),
            replace(good, method="GET"),
            replace(good, path="elsewhere"),
            replace(good, body=b""),
        ]

    @pytest.fixture
    def malformed(self) -> WebhookRequest:
        return signed({"metadata": {"topic": "ORDER_CONFIRMATION"}})


async def test_the_challenge_is_answered_as_openssl_would(store: EbayNotifications) -> None:
    request = request_of(method="GET", query={"challenge_code": vector("ebay_challenge_code.txt")})
    assert await store.is_authentic(request)
    answer = store.greeting(request)
    assert answer is not None
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert json.loads(answer.body) == {"challengeResponse": vector("ebay_challenge_response.txt")}


async def test_an_endless_challenge_is_malformed(store: EbayNotifications) -> None:
    with pytest.raises(Malformed):
        store.greeting(request_of(method="GET", query={"challenge_code": "x" * 2_000}))


async def test_a_key_that_cannot_be_asked_for_is_no_forgery(clock: FakeClock, orders: KnownOrders) -> None:
    async def fetch(_key_id: str) -> str | None:
        raise VendorUnavailable("eBay is away")

    with pytest.raises(VendorUnavailable):
        await EbayNotifications(SETTINGS, EbayKeys(fetch, clock), orders).is_authentic(signed(message()))


def test_ebay_is_answered_as_its_own_kit_does(store: EbayNotifications) -> None:
    statuses = {outcome: store.answer(outcome, signed(message())).status for outcome in Outcome}
    assert statuses == {Outcome.STORED: 204, Outcome.FORGED: 412, Outcome.MALFORMED: 400, Outcome.UNAVAILABLE: 503}


@pytest.mark.parametrize(
    ("topic", "status", "reason"), [("ORDER_CONFIRMATION", "created", "order"), ("ITEM_MARKED_SHIPPED", "shipped", "")]
)
async def test_an_order_is_told_with_what_the_api_adds(
    store: EbayNotifications, topic: str, status: str, reason: str
) -> None:
    found = await store.translate(delivery_of(store, "ebay", signed(message(topic))))
    [event] = found.events
    assert (event.event_id, event.key) == (f"ebay:order:{ORDER}:{status}", f"order:ebay:{ORDER}")
    assert event.occurred_at == NOW
    assert event.payload["status"] == status
    assert (event.payload["total"], event.payload["currency"], event.payload["itemCount"]) == (300.1, "EUR", 2)
    assert [(hint.sku, hint.reason) for hint in found.stock] == ([("MUG-01", reason)] if reason else [])


async def test_an_order_of_several_lines_is_one_event(store: EbayNotifications) -> None:
    """eBay sends one notification for each line."""
    first = await store.translate(delivery_of(store, "ebay", signed(message(number=1))))
    second = await store.translate(delivery_of(store, "ebay", signed(message(number=2))))
    assert [event.event_id for event in first.events] == [event.event_id for event in second.events]


async def test_an_order_that_was_cancelled_meanwhile_says_so(store: EbayNotifications, orders: KnownOrders) -> None:
    orders.orders[ORDER] = vendor_order(ORDER, "cancelled")
    found = await store.translate(delivery_of(store, "ebay", signed(message())))
    assert found.events[0].payload["status"] == "cancelled"


async def test_an_order_that_the_api_does_not_know_yet_is_tried_again(
    store: EbayNotifications, orders: KnownOrders
) -> None:
    orders.orders.clear()
    with pytest.raises(VendorUnavailable, match="not yet"):
        await store.translate(delivery_of(store, "ebay", signed(message())))


async def test_an_order_without_its_id_is_malformed(store: EbayNotifications) -> None:
    with pytest.raises(Malformed, match="orderId"):
        await store.translate(delivery_of(store, "ebay", signed(message(other="x"))))


async def test_availability_is_told_of_articles_that_it_names(store: EbayNotifications) -> None:
    named = message("ITEM_AVAILABILITY", sku="MUG-01", availability="UNAVAILABLE")
    found = await store.translate(delivery_of(store, "ebay", signed(named)))
    assert [(hint.sku, hint.reason) for hint in found.stock] == [("MUG-01", "listing_status")]
    nameless = message("ITEM_AVAILABILITY", itemId="1")
    assert "no sku" in (await store.translate(delivery_of(store, "ebay", signed(nameless)))).note


async def test_a_deleted_account_is_erased_and_not_told(store: EbayNotifications) -> None:
    deletion = message("MARKETPLACE_ACCOUNT_DELETION", username="ada", userId="ma8vp1", eiasToken="nY+s==")
    found = await store.translate(delivery_of(store, "ebay", signed(deletion)))
    assert set(found.erase) == {'"ada"', ">ada<", '"ma8vp1"', ">ma8vp1<", '"nY+s=="', ">nY+s==<"}
    assert not found.events


async def test_a_consent_that_is_taken_back_raises_an_alert(store: EbayNotifications) -> None:
    found = await store.translate(delivery_of(store, "ebay", signed(message("AUTHORIZATION_REVOCATION", userId="x"))))
    assert [alert.level for alert in found.alerts] == ["error"]
    assert [(event.kind, event.payload["status"]) for event in found.events] == [("sync", "error")]


async def test_an_unknown_topic_is_noted(store: EbayNotifications) -> None:
    found = await store.translate(delivery_of(store, "ebay", signed(message("SELLER_STANDARDS_PROFILE_METRICS"))))
    assert (found.events, found.note) == ((), "nothing is made of this topic")


def test_secrets_are_in_no_text_of_the_settings() -> None:
    for secret in ("cert", "refresh", SETTINGS.verification_token.get_secret_value()):
        assert f"'{secret}'" not in repr(SETTINGS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("verification_token", "too short"),
        ("endpoint", "http://panel.example.com/webhooks/ebay/main"),
        ("endpoint", "https://panel.example.com/webhooks/ebay/main/"),
        ("client_secret", " "),
        ("digests", ["MD5"]),
    ],
)
def test_settings_that_ebay_would_refuse_are_refused(name: str, value: object) -> None:
    given = {
        "client_id": "app",
        "client_secret": "cert",
        "refresh_token": "refresh",
        "endpoint": "https://panel.example.com/webhooks/ebay/main",
        "verification_token": "x" * 32,
    }
    EbayStore.model_validate(given)
    with pytest.raises(ValidationError):
        EbayStore.model_validate({**given, name: value})
