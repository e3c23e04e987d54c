"""An account at Ozon."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from app.tests.marketplaces.requests import NOW, KnownOrders, delivery_of, request_of, vendor_order
from app.tests.marketplaces.specs import MarketplaceSpec
from app.tests.services.fakes import FakeClock
from pydantic import SecretStr, ValidationError

from meschain.marketplaces.ozon.api import OzonArticle
from meschain.marketplaces.ozon.notifications import OzonNotifications
from meschain.services.webhook_ports import Malformed, Outcome, VendorUnavailable, WebhookRequest
from meschain.vendor_settings.ozon import OzonStore

POSTING = "55500001-0007-1"
SECRET, OLD_SECRET = "s" * 40, "o" * 40
SETTINGS = OzonStore(
    seller_id=77,
    path_secret=SecretStr(SECRET),
    previous_path_secret=SecretStr(OLD_SECRET),
    api_key=SecretStr("key"),
)


class KnownPostings(KnownOrders):
    """And articles."""

    def __init__(self) -> None:
        super().__init__(vendor_order(POSTING))
        self.known_articles: dict[int, OzonArticle] = {900000001: OzonArticle("MUG-01", 7)}

    async def articles(self, skus: Sequence[int]) -> Mapping[int, OzonArticle]:
        return {sku: self.known_articles[sku] for sku in skus if sku in self.known_articles}


def push(kind: str = "TYPE_NEW_POSTING", **changes: object) -> WebhookRequest:
    content: dict[str, Any] = {
        "message_type": kind,
        "posting_number": POSTING,
        "products": [{"sku": 900000001, "offer_id": "MUG-01", "quantity": 2}],
        "in_process_at": "2026-01-01T09:15:00Z",
        "warehouse_id": 10000000000001,
        "seller_id": 77,
        **changes,
    }
    return request_of(content, {"content-type": "application/json"}, path=SECRET)


@pytest.fixture
def api() -> KnownPostings:
    return KnownPostings()


@pytest.fixture
def store(clock: FakeClock, api: KnownPostings) -> OzonNotifications:
    return OzonNotifications(SETTINGS, api, clock)


class TestOzonNotifications(MarketplaceSpec):
    vendor = "ozon"

    @pytest.fixture
    def marketplace(self, store: OzonNotifications) -> OzonNotifications:
        return store

    @pytest.fixture
    def good(self) -> WebhookRequest:
        return push()

    @pytest.fixture
    def other(self) -> WebhookRequest:
        return push(posting_number="55500001-0008-1")

    @pytest.fixture
    def forged(self, good: WebhookRequest) -> Sequence[WebhookRequest]:
        return [
            replace(good, path=""),
            replace(good, path="guess"),
            replace(good, path=SECRET + "/"),
            replace(good, path=SECRET[:-1]),
            replace(good, path="ü" * 40),
        ]

    @pytest.fixture
    def malformed(self) -> WebhookRequest:
        return replace(push(), body=b'{"posting_number": "1"}')


async def test_the_address_before_is_taken_while_it_is_exchanged(store: OzonNotifications) -> None:
    assert await store.is_authentic(replace(push(), path=OLD_SECRET))


def test_no_part_of_the_address_is_kept(store: OzonNotifications) -> None:
    assert store.read(push()).path == ""


async def test_a_ping_is_answered_with_who_we_are(store: OzonNotifications) -> None:
    request = replace(push(), body=b'{"message_type":"TYPE_PING","time":"2026-01-01T09:15:00Z"}')
    assert await store.is_authentic(request)
    answer = store.greeting(request)
    assert answer is not None
    content = json.loads(answer.body)
    assert (answer.status, content["name"], content["time"]) == (200, "MesChain-Sync", "2026-01-01T09:15:00.000Z")
    assert content["version"]


def test_answers_have_ozons_form(store: OzonNotifications) -> None:
    assert json.loads(store.answer(Outcome.STORED, push()).body) == {"result": True}
    for outcome in (Outcome.FORGED, Outcome.MALFORMED, Outcome.UNAVAILABLE):
        error = json.loads(store.answer(outcome, push()).body)["error"]
        assert set(error) == {"code", "message", "details"}


def test_another_sellers_is_malformed_and_a_number_may_be_a_text(store: OzonNotifications) -> None:
    with pytest.raises(Malformed, match="another seller"):
        store.read(push(seller_id=78))
    assert store.read(push(seller_id="77")).kind == "TYPE_NEW_POSTING"


def test_a_uuid_is_the_key_where_there_is_one(store: OzonNotifications) -> None:
    first = push("TYPE_FBO_POSTING_NEW", uuid="a-uuid")
    assert store.read(first).key == "ozon:a-uuid"


@pytest.mark.parametrize(
    ("kind", "state", "known", "status"),
    [
        ("TYPE_NEW_POSTING", "", "created", "created"),
        ("TYPE_FBO_POSTING_NEW", "", "created", "created"),
        ("TYPE_STATE_CHANGED", "posting_in_carriage", "shipped", "shipped"),
        ("TYPE_STATE_CHANGED", "posting_in_pickup_point", "shipped", "at_collection_point"),
        ("TYPE_STATE_CHANGED", "posting_received", "delivered", "delivered"),
        ("TYPE_FBO_POSTING_STATE_CHANGED", "posting_returned_to_warehouse", "cancelled", "returned"),
        ("TYPE_POSTING_CANCELLED", "posting_canceled", "cancelled", "cancelled"),
        # The push says more than the API confirms: the API counts.
        ("TYPE_POSTING_CANCELLED", "posting_canceled", "created", "created"),
        ("TYPE_STATE_CHANGED", "posting_delivered", "shipped", "shipped"),
        ("TYPE_NEW_POSTING", "", "delivered", "delivered"),
        ("TYPE_STATE_CHANGED", "posting_of_next_year", "shipped", "shipped"),
    ],
)
async def test_the_api_decides_and_the_push_tells_what_it_leaves_open(
    store: OzonNotifications, api: KnownPostings, kind: str, state: str, known: str, status: str
) -> None:
    api.orders[POSTING] = vendor_order(POSTING, known)
    request = push(kind, new_state=state, changed_state_date="2026-01-01T09:15:00Z")
    [event] = (await store.translate(delivery_of(store, "ozon", request))).events
    assert (event.payload["status"], event.occurred_at) == (status, NOW)


async def test_a_posting_that_the_api_does_not_know_is_never_told(store: OzonNotifications, api: KnownPostings) -> None:
    """Whoever has got hold of the address can write anything."""
    api.orders.clear()
    with pytest.raises(VendorUnavailable, match="does not know"):
        await store.translate(delivery_of(store, "ozon", push()))


async def test_stock_is_the_apis_and_not_the_pushs(store: OzonNotifications) -> None:
    items = [
        {"product_id": 1, "sku": sku, "updated_at": "2026-01-01T09:15:00Z", "stocks": [{"present": 999, "reserved": 0}]}
        for sku in (900000001, 5)
    ]
    found = await store.translate(delivery_of(store, "ozon", push("TYPE_STOCKS_CHANGED", items=items)))
    assert [(hint.sku, hint.listed_quantity, hint.reason) for hint in found.stock] == [("MUG-01", 7, "stock_changed")]
    assert found.note == "1 articles are not this account's"
    one = push("TYPE_FBO_STOCKS_CHANGED", sku=900000001, updated_at="2026-01-01T09:15:00Z", stocks={"new_present": 999})
    assert (await store.translate(delivery_of(store, "ozon", one))).stock[0].listed_quantity == 7


@pytest.mark.parametrize(("is_error", "status"), [(True, "error"), (False, "success")])
async def test_an_item_that_was_taken_over_or_not_is_sync_news(
    store: OzonNotifications, is_error: bool, status: str
) -> None:
    request = push("TYPE_CREATE_OR_UPDATE_ITEM", posting_number="", offer_id="MUG-01", product_id=5, is_error=is_error)
    [event] = (await store.translate(delivery_of(store, "ozon", request))).events
    assert (event.kind, event.payload["status"]) == ("sync", status)


@pytest.mark.parametrize(
    "kind", ["TYPE_ORDER_NEW", "TYPE_NEW_MESSAGE", "TYPE_CUTOFF_DATE_CHANGED", "TYPE_DESCRIPTION_CATEGORY_TREE_CHANGED"]
)
async def test_other_types_are_noted(store: OzonNotifications, kind: str) -> None:
    found = await store.translate(delivery_of(store, "ozon", push(kind)))
    assert not found.events
    assert found.note


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"changed_state_date": "yesterday"}, "changed_state_date"),
        ({"items": [{"sku": 1}] * 1_001}, "1000 items"),
        ({"posting_number": 5}, "posting_number"),
    ],
)
def test_what_is_wrong_is_named(store: OzonNotifications, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(Malformed, match=says):
        store.read(push(**changes))


@pytest.mark.parametrize("secret", ["short", "s" * 40 + "/x"])
def test_an_address_that_can_be_guessed_is_refused(secret: str) -> None:
    with pytest.raises(ValidationError):
        OzonStore.model_validate({"seller_id": 77, "path_secret": secret, "api_key": "key"})
