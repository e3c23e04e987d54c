"""A store's side of eBay's Notification API: challenge, signature, topics. Facts: the vendor's event-notification kit
and topic reference.

A signature proves that eBay wrote the message; what the message leaves out (amount, articles) is asked for.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from meschain.domain.new_events import sync_event
from meschain.domain.payloads import SyncUpdate
from meschain.marketplaces.ebay.challenge import challenge_response
from meschain.marketplaces.ebay.keys import EbayKeys
from meschain.marketplaces.ebay.signature import is_signed, read_header
from meschain.marketplaces.orders import moment_of, order_of, stock_of
from meschain.services.clock import iso_utc
from meschain.services.dedupe_keys import key_of
from meschain.services.webhook_json import read_json
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
from meschain.vendor_settings.ebay import EbayStore

CODE: Final = "ebay"
SIGNATURE: Final = "x-ebay-signature"
_LONGEST_CHALLENGE: Final = 1_000
_LONGEST_KIND: Final = 64


class _Metadata(msgspec.Struct, frozen=True):
    topic: str


class _Notification(msgspec.Struct, frozen=True, rename="camel"):
    notification_id: str
    event_date: str
    data: dict[str, Any] = {}  # Any: differs by topic


class _Message(msgspec.Struct, frozen=True):
    metadata: _Metadata
    notification: _Notification


class EbayNotifications:
    """`services.webhook_ports.Marketplace` of one store."""

    def __init__(self, settings: EbayStore, keys: EbayKeys, api: VendorApi) -> None:
        self._settings = settings
        self._keys = keys
        self._api = api

    @property
    def code(self) -> str:
        return CODE

    @property
    def kept_headers(self) -> frozenset[str]:
        return frozenset({"content-type", SIGNATURE})

    async def is_authentic(self, request: WebhookRequest) -> bool:
        if request.path:
            return False
        if request.method == "GET":
            return "challenge_code" in request.query  # it asks us for a proof, and brings none
        if request.method != "POST":
            return False
        header = read_header(request.headers.get(SIGNATURE, ""), self._settings.digests)
        if header is None:
            return False
        key = await self._keys.get(header.kid)
        return key is not None and is_signed(request.body, header, key)

    def greeting(self, request: WebhookRequest) -> WebhookAnswer | None:
        if request.method != "GET":
            return None
        code = request.query["challenge_code"]
        if not 0 < len(code) <= _LONGEST_CHALLENGE:
            raise Malformed("the challenge code is empty or too long")
        response = challenge_response(
            code, self._settings.verification_token.get_secret_value(), self._settings.endpoint
        )
        return WebhookAnswer(200, msgspec.json.encode({"challengeResponse": response}))

    def read(self, request: WebhookRequest) -> Notice:
        message = _message(request.body)
        moment_of(message.notification.event_date, "eventDate")
        return Notice(
            key_of(CODE, message.notification.notification_id), message.metadata.topic[:_LONGEST_KIND] or "unknown"
        )

    def answer(self, outcome: Outcome, request: WebhookRequest) -> WebhookAnswer:
        return WebhookAnswer(self._settings.accepted_status if outcome is Outcome.STORED else _STATUSES[outcome])

    async def translate(self, delivery: Delivery) -> Translation:
        message = _message(delivery.body)
        match message.metadata.topic:
            case "ORDER_CONFIRMATION":
                return await self._order(message, delivery, "created", "order")
            case "ITEM_MARKED_SHIPPED":
                return await self._order(message, delivery, "shipped", "")
            case "ITEM_AVAILABILITY":
                return _availability(message)
            case "MARKETPLACE_ACCOUNT_DELETION":
                return _erasure(message)
            case "AUTHORIZATION_REVOCATION":
                return _revocation(message, delivery)
        return Translation(note="nothing is made of this topic")

    async def _order(self, message: _Message, delivery: Delivery, status: str, stock_reason: str) -> Translation:
        order_id = _text(message, "orderId")
        order = await self._api.order(order_id)
        if order is None:
            raise VendorUnavailable("eBay tells of an order that its API does not know, or not yet")
        occurred_at = moment_of(message.notification.event_date, "eventDate")
        # By order and not by notification: eBay sends one for each line, and again after a payment that failed first.
        event_id = key_of(CODE, "order", order_id, status)
        event = order_of(
            CODE,
            order,
            event_id=event_id,
            status="cancelled" if order.status == "cancelled" else status,
            vendor_status=order.vendor_status or message.metadata.topic,
            occurred_at=occurred_at,
            received_at=delivery.received_at,
        )
        hints = stock_of(order, event_id=event_id, reason=stock_reason, occurred_at=occurred_at) if stock_reason else ()
        return Translation(events=[event], stock=hints)


_STATUSES: Final = {Outcome.FORGED: 412, Outcome.MALFORMED: 400, Outcome.UNAVAILABLE: 503}
"""412 is what eBay's own kit answers to a signature that is wrong."""


def _message(body: bytes) -> _Message:
    message = read_json(body, _Message)
    if not message.notification.notification_id:
        raise Malformed("notificationId is empty")
    return message


def _text(message: _Message, name: str) -> str:
    value = message.notification.data.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed(f"notification.data.{name} is missing")
    return value


def _availability(message: _Message) -> Translation:
    # The vendor's page names the three states only; the field of the article is taken if it is there.
    sku = message.notification.data.get("sku")
    if not isinstance(sku, str) or not sku:
        return Translation(note="it names no sku of the shop")
    occurred_at = moment_of(message.notification.event_date, "eventDate")
    event_id = key_of(CODE, message.notification.notification_id, "stock")
    return Translation(stock=[StockHint(event_id, sku, "listing_status", occurred_at)])


def _erasure(message: _Message) -> Translation:
    """eBay requires that a person's data is erased: what is stored of it here are bodies of notifications."""
    data = message.notification.data
    named = [value for name in ("username", "userId", "eiasToken") if isinstance(value := data.get(name), str)]
    # As a whole value of JSON or XML; a name that is part of another word is not that person.
    texts = [spelling for value in named if value for spelling in (msgspec.json.encode(value).decode(), f">{value}<")]
    return Translation(erase=texts, note="a person's data was erased")


def _revocation(message: _Message, delivery: Delivery) -> Translation:
    occurred_at = moment_of(message.notification.event_date, "eventDate")
    event_id = key_of(CODE, message.notification.notification_id)
    text = f"The seller has taken back eBay's consent for the store {delivery.store}; ask for a new one."
    update = SyncUpdate(
        marketplace=CODE,
        progress=0.0,
        completed=True,
        status="error",
        job_id="",
        processed=0,
        failed=0,
        total=0,
        message=text,
        occurred_at=iso_utc(occurred_at),
    )
    return Translation(
        events=[sync_event(key_of(event_id, "sync"), update)],
        alerts=[AlertHint(key_of(event_id, "alert"), "error", text)],
    )
