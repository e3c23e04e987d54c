"""A seller at Amazon."""

from __future__ import annotations

from typing import Any

import pytest
from app.tests.marketplaces.amazon.messages import (
    ORDER_ID,
    by_event_bridge,
    newer_spelling,
    notification,
    order_change,
    settings,
)
from app.tests.marketplaces.requests import KnownOrders, delivery_of, request_of, vendor_order
from app.tests.marketplaces.specs import FetchedMarketplaceSpec
from pydantic import ValidationError

from meschain.marketplaces.amazon.notifications import AmazonNotifications
from meschain.services.webhook_ports import Malformed, Outcome, Translation, VendorUnavailable, WebhookRequest


@pytest.fixture
def api() -> KnownOrders:
    return KnownOrders(vendor_order(ORDER_ID))


@pytest.fixture
def seller(api: KnownOrders) -> AmazonNotifications:
    return AmazonNotifications(settings(), api)


async def translated(seller: AmazonNotifications, message: dict[str, Any]) -> Translation:
    return await seller.translate(delivery_of(seller, "amazon", request_of(message)))


class TestAmazonNotifications(FetchedMarketplaceSpec):
    vendor = "amazon"

    @pytest.fixture
    def marketplace(self, seller: AmazonNotifications) -> AmazonNotifications:
        return seller

    @pytest.fixture
    def good(self) -> WebhookRequest:
        return request_of(order_change())

    @pytest.fixture
    def again(self) -> WebhookRequest:
        return request_of(by_event_bridge(order_change()))

    @pytest.fixture
    def other(self) -> WebhookRequest:
        return request_of(order_change(number="n-2"))

    @pytest.fixture
    def malformed(self) -> WebhookRequest:
        return request_of({"Type": "SubscriptionConfirmation", "SubscribeURL": "http://127.0.0.1/"})


@pytest.mark.parametrize(
    ("sent", "told", "stock"),
    [
        ("Pending", "awaiting", []),
        ("Unshipped", "created", ["order"]),
        ("PartiallyShipped", "shipped", []),
        ("Shipped", "shipped", []),
        ("Canceled", "cancelled", ["cancel"]),
    ],
)
async def test_statuses_are_told_in_our_words_with_the_apis_amount(
    seller: AmazonNotifications, sent: str, told: str, stock: list[str]
) -> None:
    translation = await translated(seller, order_change(sent))
    [event] = translation.events
    assert (event.payload["status"], event.payload["shopStatus"]) == (told, sent)
    assert (event.payload["total"], event.payload["currency"]) == (300.1, "EUR")
    assert event.payload["occurredAt"] == "2026-01-01T09:14:58.000Z"
    assert [hint.reason for hint in translation.stock] == stock


@pytest.mark.parametrize(
    "form", [newer_spelling, by_event_bridge, lambda message: by_event_bridge(newer_spelling(message) | message)]
)
async def test_all_spellings_mean_the_same(seller: AmazonNotifications, form: Any) -> None:
    assert await translated(seller, form(order_change())) == await translated(seller, order_change())


async def test_two_notifications_of_one_change_are_one_event(seller: AmazonNotifications) -> None:
    first, second = await translated(seller, order_change()), await translated(seller, order_change(number="n-2"))
    assert first.events[0].event_id == second.events[0].event_id


async def test_a_buyer_who_wants_to_cancel_leaves_the_status(seller: AmazonNotifications) -> None:
    translation = await translated(seller, order_change(change="BuyerRequestedChange"))
    [event] = translation.events
    assert (event.payload["status"], event.payload["shopStatus"]) == ("created", "buyer requests cancellation")
    assert not translation.stock


async def test_what_amazon_itself_ships_moves_no_stock_of_the_shop(seller: AmazonNotifications) -> None:
    assert not (await translated(seller, order_change(fulfilled="AFN"))).stock


async def test_an_order_that_the_api_does_not_know_yet_is_asked_for_again(
    seller: AmazonNotifications, api: KnownOrders
) -> None:
    api.orders.clear()
    with pytest.raises(VendorUnavailable, match="or not yet"):
        await translated(seller, order_change())


async def test_a_status_without_a_word_leads_to_a_note(seller: AmazonNotifications) -> None:
    translation = await translated(seller, order_change("Unfulfillable"))
    assert not translation.events
    assert "no word" in translation.note


@pytest.mark.parametrize(
    ("kind", "payload", "reason", "quantity"),
    [
        (
            "LISTINGS_ITEM_MFN_QUANTITY_CHANGE",
            {"SellerId": "A0EXAMPLE", "Sku": "MUG-01", "Quantity": 7},
            "stock_changed",
            7,
        ),
        (
            "LISTINGS_ITEM_STATUS_CHANGE",
            {"SellerId": "A0EXAMPLE", "Sku": "MUG-01", "Status": []},
            "listing_status",
            None,
        ),
        ("LISTINGS_ITEM_ISSUES_CHANGE", {"SellerId": "A0EXAMPLE", "Sku": "MUG-01"}, "listing_status", None),
        (
            "FBA_INVENTORY_AVAILABILITY_CHANGES",
            {
                "SellerId": "A0EXAMPLE",
                "SKU": "MUG-01",
                "FulfillmentInventoryByMarketplace": [
                    {"MarketplaceId": "A", "FulfillmentInventory": {"Fulfillable": 3, "Unfulfillable": 9}},
                    {"MarketplaceId": "B", "FulfillmentInventory": {"Fulfillable": 5}},
                    {"MarketplaceId": "C"},
                ],
            },
            "stock_changed",
            5,
        ),
        ("FBA_INVENTORY_AVAILABILITY_CHANGES", {"SellerId": "A0EXAMPLE", "SKU": "MUG-01"}, "stock_changed", None),
    ],
)
async def test_stock_is_told_by_the_sellers_code(
    seller: AmazonNotifications, kind: str, payload: dict[str, Any], reason: str, quantity: int | None
) -> None:
    [hint] = (await translated(seller, notification(kind, payload))).stock
    assert (hint.sku, hint.reason, hint.listed_quantity) == ("MUG-01", reason, quantity)


@pytest.mark.parametrize(
    ("kind", "payload", "status"),
    [
        (
            "FEED_PROCESSING_FINISHED",
            {"feedProcessingFinishedNotification": {"feedType": "F", "processingStatus": "DONE"}},
            "success",
        ),
        (
            "REPORT_PROCESSING_FINISHED",
            {"reportProcessingFinishedNotification": {"reportType": "R", "processingStatus": "FATAL"}},
            "error",
        ),
    ],
)
async def test_the_end_of_a_feed_or_report_ends_a_sync(
    seller: AmazonNotifications, kind: str, payload: dict[str, Any], status: str
) -> None:
    [event] = (await translated(seller, notification(kind, payload))).events
    assert (event.payload["status"], event.payload["completed"]) == (status, True)
    assert bool(event.payload["message"]) == (status == "error")


@pytest.mark.parametrize(
    ("status", "level"), [("NORMAL", "info"), ("AT_RISK", "warning"), ("DEACTIVATED", "critical"), ("NOVEL", "warning")]
)
async def test_administrators_hear_of_the_accounts_state(seller: AmazonNotifications, status: str, level: str) -> None:
    payload = {"accountStatusChangeNotification": {"previousAccountStatus": "NORMAL", "currentAccountStatus": status}}
    [alert] = (await translated(seller, notification("ACCOUNT_STATUS_CHANGED", payload))).alerts
    assert alert.level == level
    assert status in alert.message


async def test_types_that_nothing_is_made_of_are_noted(seller: AmazonNotifications) -> None:
    translation = await translated(seller, notification("PRICING_HEALTH", {"sellerId": "A0EXAMPLE"}))
    assert translation.note
    assert not translation.events


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (order_change(seller="A1OTHER"), "another seller"),
        (notification("PRICING_HEALTH", {"merchantId": "A1OTHER"}), "another seller"),
        (notification("X", {}, NotificationMetadata={"NotificationId": "n", "ApplicationId": "app-2"}), "application"),
        (
            notification("X", {}, NotificationMetadata={"NotificationId": "n", "ApplicationId": "app-1"}),
            "SubscriptionId",
        ),
        (order_change(number=""), "NotificationId is empty"),
        (notification("X", {}, EventTime="soon"), "no moment"),
        ({"NotificationType": "ORDER_CHANGE"}, "not what was expected"),
        ({"detail": 7}, "not what was expected"),
    ],
)
def test_what_is_not_this_stores_or_not_readable_is_malformed(
    seller: AmazonNotifications, message: dict[str, Any], says: str
) -> None:
    with pytest.raises(Malformed, match=says):
        seller.read(request_of(message))


async def test_an_order_change_without_an_order_is_malformed(seller: AmazonNotifications) -> None:
    with pytest.raises(Malformed):
        await translated(seller, notification("ORDER_CHANGE", {"OrderChangeNotification": {"SellerId": "A0EXAMPLE"}}))


def test_over_http_everything_is_refused(seller: AmazonNotifications) -> None:
    assert seller.answer(Outcome.FORGED, request_of(order_change())).status == 403


@pytest.mark.parametrize(
    "changes",
    [{"access_key_id": "AKIA"}, {"secret_access_key": "x"}, {"queue_url": "http://example.com/q"}, {"seller_id": ""}],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings(**changes)
