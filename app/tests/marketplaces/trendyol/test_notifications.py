"""A seller at Trendyol."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from app.tests.marketplaces.requests import delivery_of, request_of, vendor_order
from app.tests.marketplaces.specs import MarketplaceSpec
from pydantic import SecretStr, ValidationError

from meschain.marketplaces.trendyol.api import TrendyolPackage
from meschain.marketplaces.trendyol.notifications import TrendyolNotifications
from meschain.services.webhook_ports import Malformed, Outcome, VendorOrder, VendorUnavailable, WebhookRequest
from meschain.vendor_settings.trendyol import TrendyolStore

CHANGED = 1767225660000
SETTINGS = TrendyolStore(
    seller_id=4711,
    webhook_username="shop",
    webhook_password=SecretStr("password"),
    previous_webhook_password=SecretStr("before"),
    webhook_api_key=SecretStr("hook"),
    previous_webhook_api_key=SecretStr("old hook"),
    api_key=SecretStr("key"),
    api_secret=SecretStr("secret"),
)
ALL = ("created", "shipped", "delivered", "cancelled", "unsupplied", "awaiting", "unpacked", "atcollectionpoint")


class KnownPackages:
    """Trendyol's API in memory."""

    def __init__(self) -> None:
        self.statuses = frozenset(ALL)
        self.unknown: set[str] = set()

    async def package(self, package_id: str) -> TrendyolPackage | None:
        if package_id in self.unknown:
            return None
        return TrendyolPackage(vendor_order(package_id), self.statuses)

    async def order(self, order_id: str) -> VendorOrder | None:
        raise NotImplementedError


def basic(user: str = "shop", given: str = "password") -> dict[str, str]:
    return {"authorization": "Basic " + b64encode(f"{user}:{given}".encode()).decode()}


def package(status: str = "Created", **changes: object) -> dict[str, Any]:
    return {
        "shipmentPackageId": 900100200,
        "orderNumber": "70012345678",
        "status": status,
        "supplierId": 4711,
        "lastModifiedDate": CHANGED,
        "cargoTrackingNumber": 7280000000000001,
        "unheard": {"of": [1]},
        **changes,
    }


def webhook(*packages: dict[str, Any], headers: Mapping[str, str] | None = None) -> WebhookRequest:
    content = {"totalElements": len(packages), "page": 0, "content": list(packages)}
    return request_of(content, basic() if headers is None else headers)


@pytest.fixture
def api() -> KnownPackages:
    return KnownPackages()


@pytest.fixture
def seller(api: KnownPackages) -> TrendyolNotifications:
    return TrendyolNotifications(SETTINGS, api)


class TestTrendyolNotifications(MarketplaceSpec):
    vendor = "trendyol"

    @pytest.fixture
    def marketplace(self, seller: TrendyolNotifications) -> TrendyolNotifications:
        return seller

    @pytest.fixture
    def good(self) -> WebhookRequest:
        return webhook(package())

    @pytest.fixture
    def again(self) -> WebhookRequest:
        # The names of subscriptions and those within orders are spelt differently.
        return webhook(package("CREATED", unheard=2))

    @pytest.fixture
    def other(self) -> WebhookRequest:
        return webhook(package("Shipped"))

    @pytest.fixture
    def malformed(self) -> WebhookRequest:
        return request_of(b"{", basic())

    @pytest.fixture
    def forged(self, good: WebhookRequest) -> Sequence[WebhookRequest]:
        headers: list[dict[str, str]] = [
            {},
            basic(given="wrong"),
            basic(user="other"),
            {"x-api-key": "wrong"},
            {"x-api-key": ""},
            {"x-api-key": "password"},
            {"authorization": "Bearer password"},
        ]
        return [replace(good, headers=each) for each in headers] + [replace(good, path="other")]


@pytest.mark.parametrize("headers", [basic(), basic(given="before"), {"x-api-key": "hook"}, {"x-api-key": "old hook"}])
async def test_each_scheme_and_each_secret_of_a_rotation_is_believed(
    seller: TrendyolNotifications, headers: dict[str, str]
) -> None:
    assert await seller.is_authentic(webhook(package(), headers=headers))


async def test_a_scheme_that_was_not_registered_is_not_believed(api: KnownPackages) -> None:
    only_key = TrendyolNotifications(SETTINGS.model_copy(update={"webhook_password": None}), api)
    assert not await only_key.is_authentic(webhook(package(), headers=basic()))
    only_basic = TrendyolNotifications(SETTINGS.model_copy(update={"webhook_api_key": None}), api)
    assert not await only_basic.is_authentic(webhook(package(), headers={"x-api-key": "hook"}))


@pytest.mark.parametrize(
    ("sent", "told", "stock"),
    [
        ("Created", "created", "order"),
        ("Awaiting", "awaiting", None),
        ("Shipped", "shipped", None),
        ("AtCollectionPoint", "at_collection_point", None),
        ("AT_COLLECTION_POINT", "at_collection_point", None),
        ("Delivered", "delivered", None),
        ("Cancelled", "cancelled", "cancel"),
        ("UnSupplied", "unsupplied", "cancel"),
        ("UnPacked", "split", None),
    ],
)
async def test_statuses_are_told_in_our_words(
    seller: TrendyolNotifications, sent: str, told: str, stock: str | None
) -> None:
    translation = await seller.translate(delivery_of(seller, "trendyol", webhook(package(sent))))
    [event] = translation.events
    assert event.payload["status"] == told
    assert event.payload["shopStatus"] == sent
    assert event.payload["total"] == 300.1
    assert event.payload["occurredAt"] == "2026-01-01T00:01:00.000Z"
    assert [hint.reason for hint in translation.stock] == ([] if stock is None else [stock])


async def test_a_status_without_a_word_leads_to_a_note(seller: TrendyolNotifications) -> None:
    translation = await seller.translate(delivery_of(seller, "trendyol", webhook(package("Verified"))))
    assert not translation.events
    assert "no word" in translation.note


async def test_what_the_api_does_not_confirm_is_not_told_yet(seller: TrendyolNotifications, api: KnownPackages) -> None:
    api.statuses = frozenset({"created"})
    with pytest.raises(VendorUnavailable, match="does not show that status"):
        await seller.translate(delivery_of(seller, "trendyol", webhook(package("Delivered"))))
    api.unknown = {"900100200"}
    with pytest.raises(VendorUnavailable, match="does not know the package"):
        await seller.translate(delivery_of(seller, "trendyol", webhook(package())))


async def test_several_packages_of_a_message_are_all_told(seller: TrendyolNotifications) -> None:
    request = webhook(package(), package("Shipped", shipmentPackageId=2))
    assert seller.read(request).key == seller.read(request).key
    assert seller.read(request).key != seller.read(webhook(package())).key
    translation = await seller.translate(delivery_of(seller, "trendyol", request))
    assert [event.key for event in translation.events] == ["order:trendyol:900100200", "order:trendyol:2"]


async def test_a_package_without_the_envelope_is_read_too(seller: TrendyolNotifications) -> None:
    bare = request_of(package(shipmentPackageId=None, id=900100200), basic())
    assert seller.read(bare).key == seller.read(webhook(package())).key
    assert (await seller.translate(delivery_of(seller, "trendyol", bare))).events


def test_numbers_beyond_what_floats_hold_stay_exact(seller: TrendyolNotifications) -> None:
    number = 2**53 + 1
    assert f":{number}:" in seller.read(webhook(package(shipmentPackageId=number))).key


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"content": []}, "0 packages"),
        ({"content": [package()] * 201}, "201 packages"),
        ({"content": [package(supplierId=4712)]}, "another seller"),
        ({"content": [package(shipmentPackageId=None)]}, "shipmentPackageId is missing"),
        ({"content": [package(lastModifiedDate=10**30)]}, "no moment"),
        ({"content": [package(lastModifiedDate=10**18)]}, "no moment"),
        ({"content": [package(lastModifiedDate="soon")]}, "not what was expected"),
        ({}, "not what was expected"),
        ([], "not what was expected"),
    ],
)
def test_what_is_not_in_the_documented_form_is_malformed(
    seller: TrendyolNotifications, content: object, says: str
) -> None:
    with pytest.raises(Malformed, match=says):
        seller.read(request_of(content, basic()))


def test_a_malformed_message_is_taken_because_errors_switch_the_webhook_off(seller: TrendyolNotifications) -> None:
    assert seller.answer(Outcome.MALFORMED, webhook()).status == 200
    assert seller.answer(Outcome.FORGED, webhook()).status == 401


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"webhook_username": "shop"},
        {"webhook_password": "password"},
        {"webhook_api_key": " "},
        {"webhook_api_key": "k", "api_url": "http://example.com"},
        {"webhook_api_key": "k", "seller_id": 0},
    ],
)
def test_settings_that_prove_nothing_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TrendyolStore.model_validate({"seller_id": 1, "api_key": "a", "api_secret": "b", **given})
