"""A seller's side of Amazon's notifications. They come through a queue that only Amazon may fill (`queue`); over HTTP
nothing is Amazon's, whatever it says of itself.

So what a notification says is believed. It has no amount: that and the articles are asked for.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from meschain.domain.new_events import sync_event
from meschain.domain.payloads import SyncUpdate
from meschain.marketplaces.amazon.api import STATUSES
from meschain.marketplaces.amazon.messages import (
    Notification,
    body_of,
    convert,
    read_notification,
    seller_of,
    small,
)
from meschain.marketplaces.orders import moment_of, order_of, stock_of
from meschain.services.clock import iso_utc
from meschain.services.dedupe_keys import key_of, kind_of
from meschain.services.webhook_ports import (
    AlertHint,
    Delivery,
    Malformed,
    Notice,
    Outcome,
    StockHint,
    Translation,
    VendorApi,
    VendorUnavailable,
    WebhookAnswer,
    WebhookRequest,
)
from meschain.vendor_settings.amazon import AmazonStore

CODE: Final = "amazon"


class _Trigger(msgspec.Struct, frozen=True, rename=small):
    time_of_order_change: str = ""


class _Summary(msgspec.Struct, frozen=True, rename=small):
    order_status: str
    fulfillment_type: str = ""


class _OrderChange(msgspec.Struct, frozen=True, rename=small):
    amazon_order_id: str
    summary: _Summary
    order_change_type: str = ""
    order_change_trigger: _Trigger = _Trigger()


class _Listing(msgspec.Struct, frozen=True, rename=small):
    sku: str
    quantity: int | None = None


class _FbaStock(msgspec.Struct, frozen=True, rename=small):
    fulfillable: int | None = None


class _FbaSite(msgspec.Struct, frozen=True, rename=small):
    fulfillment_inventory: _FbaStock = _FbaStock()


class _FbaListing(msgspec.Struct, frozen=True, rename=small):
    sku: str
    fulfillment_inventory_by_marketplace: list[_FbaSite] = []


class _Processed(msgspec.Struct, frozen=True, rename=small):
    processing_status: str
    feed_id: str = ""
    feed_type: str = ""
    report_id: str = ""
    report_type: str = ""


class _Account(msgspec.Struct, frozen=True, rename=small):
    current_account_status: str


class AmazonNotifications:
    """`services.webhook_ports.Marketplace` of one seller."""

    def __init__(self, settings: AmazonStore, api: VendorApi) -> None:
        self._settings = settings
        self._api = api

    @property
    def code(self) -> str:
        return CODE

    @property
    def kept_headers(self) -> frozenset[str]:
        return frozenset()

    async def is_authentic(self, request: WebhookRequest) -> bool:
        return False

    def greeting(self, request: WebhookRequest) -> WebhookAnswer | None:
        return None

    def read(self, request: WebhookRequest) -> Notice:
        notification = self._checked(request.body)
        key = key_of(CODE, notification.notification_metadata.notification_id)
        return Notice(key, kind_of(notification.notification_type))

    def answer(self, outcome: Outcome, request: WebhookRequest) -> WebhookAnswer:
        return WebhookAnswer(_ANSWERS[outcome])

    async def translate(self, delivery: Delivery) -> Translation:
        notification = self._checked(delivery.body)
        match notification.notification_type:
            case "ORDER_CHANGE":
                return await self._order(notification, delivery)
            case "LISTINGS_ITEM_MFN_QUANTITY_CHANGE":
                listing = convert(body_of(notification.payload), _Listing)
                return _stock(notification, delivery, listing.sku, "stock_changed", listing.quantity)
            case "LISTINGS_ITEM_STATUS_CHANGE" | "LISTINGS_ITEM_ISSUES_CHANGE":
                listing = convert(body_of(notification.payload), _Listing)
                return _stock(notification, delivery, listing.sku, "listing_status", None)
            case "FBA_INVENTORY_AVAILABILITY_CHANGES":
                return _fba(notification, delivery)
            case "FEED_PROCESSING_FINISHED" | "REPORT_PROCESSING_FINISHED":
                return _processed(notification, delivery)
            case "ACCOUNT_STATUS_CHANGED":
                return _account(notification)
        return Translation(note="nothing is made of this type")

    def _checked(self, body: bytes) -> Notification:
        """Raises: Malformed."""
        notification = read_notification(body)
        metadata, settings = notification.notification_metadata, self._settings
        if settings.application_id and metadata.application_id != settings.application_id:
            raise Malformed("ApplicationId is another application")
        if settings.subscription_ids and metadata.subscription_id not in settings.subscription_ids:
            raise Malformed("SubscriptionId is none of this store's")
        if seller_of(notification.payload) not in ("", settings.seller_id):
            raise Malformed("SellerId is another seller")
        for text in (notification.event_time, metadata.publish_time):
            if text:
                moment_of(text, "EventTime")
        return notification

    async def _order(self, notification: Notification, delivery: Delivery) -> Translation:
        change = convert(body_of(notification.payload), _OrderChange)
        status = STATUSES.get(small(change.summary.order_status), "")
        if not status:
            return Translation(note="its status has no word in ours")
        order = await self._api.order(change.amazon_order_id)
        if order is None:
            raise VendorUnavailable("Amazon tells of an order that its API does not know, or not yet")
        changed = change.order_change_trigger.time_of_order_change
        occurred_at = moment_of(changed, "TimeOfOrderChange") if changed else _moment(notification, delivery)
        wants_to_cancel = change.order_change_type == "BuyerRequestedChange"
        said = "buyer requests cancellation" if wants_to_cancel else change.summary.order_status
        event_id = key_of(CODE, "order", change.amazon_order_id, small(said.replace(" ", "")), iso_utc(occurred_at))
        event = order_of(
            CODE,
            order,
            event_id=event_id,
            status=status,
            vendor_status=said,
            occurred_at=occurred_at,
            received_at=delivery.received_at,
        )
        # What lies in Amazon's own warehouses is not the shop's stock; other notifications tell of it.
        is_ours = change.summary.fulfillment_type != "AFN" and not wants_to_cancel
        reason = _STOCK.get(status) if is_ours else None
        hints = stock_of(order, event_id=event_id, reason=reason, occurred_at=occurred_at) if reason else ()
        return Translation(events=[event], stock=hints)


_STOCK: Final = {"created": "order", "cancelled": "cancel"}
_LEVELS: Final = {"NORMAL": "info", "AT_RISK": "warning", "DEACTIVATED": "critical"}

_ANSWERS: Final = {Outcome.STORED: 200, Outcome.FORGED: 403, Outcome.MALFORMED: 400, Outcome.UNAVAILABLE: 503}


def _moment(notification: Notification, delivery: Delivery) -> datetime:
    """When it happened; where the notification does not say, when it came."""
    text = notification.event_time or notification.notification_metadata.publish_time
    return moment_of(text, "EventTime") if text else delivery.received_at


def _stock(notification: Notification, delivery: Delivery, sku: str, reason: str, quantity: int | None) -> Translation:
    event_id = key_of(CODE, notification.notification_metadata.notification_id, "stock")
    return Translation(stock=[StockHint(event_id, sku, reason, _moment(notification, delivery), quantity)])


def _fba(notification: Notification, delivery: Delivery) -> Translation:
    listing = convert(body_of(notification.payload), _FbaListing)
    # Stock is told for each of Amazon's sites that share it; which of them counts here nothing says, so the most does.
    told = [site.fulfillment_inventory.fulfillable for site in listing.fulfillment_inventory_by_marketplace]
    quantity = max((each for each in told if each is not None), default=None)
    return _stock(notification, delivery, listing.sku, "stock_changed", quantity)


def _processed(notification: Notification, delivery: Delivery) -> Translation:
    processed = convert(body_of(notification.payload), _Processed)
    is_done = processed.processing_status == "DONE"
    name = processed.feed_type or processed.report_type or processed.feed_id or processed.report_id
    update = SyncUpdate(
        marketplace=CODE,
        progress=100.0,
        completed=True,
        status="success" if is_done else "error",
        job_id="",
        processed=1,
        failed=int(not is_done),
        total=1,
        message="" if is_done else f"Amazon could not work through {name[:100]}: {processed.processing_status[:40]}.",
        occurred_at=iso_utc(_moment(notification, delivery)),
    )
    return Translation(events=[sync_event(key_of(CODE, notification.notification_metadata.notification_id), update)])


def _account(notification: Notification) -> Translation:
    status = convert(body_of(notification.payload), _Account).current_account_status
    event_id = key_of(CODE, notification.notification_metadata.notification_id)
    message = f"Amazon has set the seller's account to {status[:40]}; look into Seller Central."
    return Translation(alerts=[AlertHint(event_id, _LEVELS.get(status, "warning"), message)])
