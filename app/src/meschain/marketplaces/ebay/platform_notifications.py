"""A store's side of the platform notifications of eBay's Trading API: SOAP with a digest that covers a moment only.

The digest proves that somebody who knows the application's secret made it within the last minutes; it does not cover
the content. So nothing of the content is believed but which order to ask eBay for. Facts: "Platform Notifications" of
the Trading API's guide.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

from meschain.marketplaces.orders import moment_of, order_of, stock_of
from meschain.marketplaces.xml_texts import XmlTexts, read_xml
from meschain.services.dedupe_keys import key_of
from meschain.services.ports import Clock
from meschain.services.webhook_ports import (
    Delivery,
    Malformed,
    Notice,
    Outcome,
    Translation,
    VendorApi,
    VendorUnavailable,
    WebhookAnswer,
    WebhookRequest,
)
from meschain.vendor_settings.base import secrets_of
from meschain.vendor_settings.ebay import EbaySoapStore

CODE: Final = "ebay"
VENDOR: Final = "ebay-soap"
_EVENTS: Final = {
    "FixedPriceTransaction": "created",
    "ItemSold": "created",
    "AuctionCheckoutComplete": "created",
    "ItemMarkedShipped": "shipped",
}
"""Events that tell of orders, with what each of them says happened if eBay's API says no more."""


def digest_of(timestamp: str, dev_id: str, app_id: str, cert_id: str) -> str:
    """base64 of the 16 bytes of MD5 over the four, in this order."""
    # The vendor's own scheme; what it is worth stands above.
    digest = hashlib.md5(f"{timestamp}{dev_id}{app_id}{cert_id}".encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


class EbayPlatformNotifications:
    """`services.webhook_ports.Marketplace` of one store."""

    def __init__(self, settings: EbaySoapStore, api: VendorApi, clock: Clock) -> None:
        self._settings = settings
        self._api = api
        self._clock = clock

    @property
    def code(self) -> str:
        return CODE

    @property
    def kept_headers(self) -> frozenset[str]:
        return frozenset({"content-type", "soapaction"})

    async def is_authentic(self, request: WebhookRequest) -> bool:
        if request.method != "POST" or request.path:
            return False
        try:
            # The digest is within the XML, so this much has to be read first; `read_xml` has its limits.
            texts = read_xml(request.body)
            timestamp = texts.first("Timestamp")
            age = (self._clock.now() - moment_of(timestamp, "Timestamp")).total_seconds()
        except Malformed:
            return False
        if abs(age) > self._settings.window_seconds:
            return False
        given = texts.first("NotificationSignature").strip().encode()
        is_right = False
        for secret in secrets_of(self._settings.client_secret, self._settings.previous_client_secret):
            expected = digest_of(timestamp, self._settings.dev_id, self._settings.client_id, secret.decode())
            is_right |= hmac.compare_digest(expected.encode(), given)
        return is_right

    def greeting(self, request: WebhookRequest) -> WebhookAnswer | None:
        return None

    def read(self, request: WebhookRequest) -> Notice:
        texts = read_xml(request.body)
        event = texts.first("NotificationEventName")
        if not event:
            raise Malformed("NotificationEventName is missing")
        if texts.first("RecipientUserID") not in {"", self._settings.seller}:
            raise Malformed("RecipientUserID is another seller")
        key = key_of(
            VENDOR, event, texts.first("Item", "ItemID"), texts.first("TransactionID"), texts.first("Timestamp")
        )
        return Notice(key, event[:64])

    def answer(self, outcome: Outcome, request: WebhookRequest) -> WebhookAnswer:
        return WebhookAnswer(_STATUSES[outcome])

    async def translate(self, delivery: Delivery) -> Translation:
        texts = read_xml(delivery.body)
        event = texts.first("NotificationEventName")
        status = _EVENTS.get(event)
        if status is None:
            return Translation(note="nothing is made of this event")
        order = await self._api.order(_order_id(texts))
        if order is None:
            raise VendorUnavailable("eBay tells of an order that its API does not know, or not yet")
        occurred_at = order.changed_at or moment_of(texts.first("Timestamp"), "Timestamp")
        told = order.status or status
        # The same id as the Notification API's, so that a store that has both is told of once.
        event_id = key_of(CODE, "order", order.order_id, told)
        order_event = order_of(
            CODE,
            order,
            event_id=event_id,
            status=told,
            vendor_status=order.vendor_status or event,
            occurred_at=occurred_at,
            received_at=delivery.received_at,
        )
        reason = {"created": "order", "cancelled": "cancel"}.get(told, "")
        hints = stock_of(order, event_id=event_id, reason=reason, occurred_at=occurred_at) if reason else ()
        return Translation(events=[order_event], stock=hints)


_STATUSES: Final = {
    Outcome.STORED: 200,
    Outcome.FORGED: 401,
    Outcome.MALFORMED: 400,
    Outcome.UNAVAILABLE: 503,
}


def _order_id(texts: XmlTexts) -> str:
    """The order's own id where it is there; else that of its only line, which eBay's API takes as well."""
    order_id = texts.first("ContainingOrder", "ExtendedOrderID") or texts.first("ContainingOrder", "OrderID")
    if order_id:
        return order_id
    item, transaction = texts.first("Item", "ItemID"), texts.first("TransactionID")
    if not item or not transaction:
        raise Malformed("neither an order nor an item with its transaction is named")
    return f"{item}-{transaction}"
