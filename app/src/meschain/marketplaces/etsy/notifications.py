"""A shop's side of Etsy's webhooks. They name a receipt and no more, so it is read from the API.

The address of the receipt comes with the webhook and is never asked: shop and receipt are taken from it by a strict
pattern, and the address is made from the settings.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

import msgspec

from meschain.marketplaces.etsy.signature import is_signed
from meschain.marketplaces.orders import order_of, stock_of
from meschain.services.dedupe_keys import key_of
from meschain.services.ports import Clock
from meschain.services.webhook_json import read_json
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
from meschain.vendor_settings.etsy import EtsyStore, signing_key

CODE: Final = "etsy"
ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"

_RESOURCE: Final = re.compile(
    r"https://(?:api|openapi)\.etsy\.com/v3/application/shops/([0-9]{1,20})/receipts/([0-9]{1,20})"
)
_EVENTS: Final = {
    "order.paid": "created",
    "order.canceled": "cancelled",
    "order.shipped": "shipped",
    "order.delivered": "delivered",
}
_LATER: Final = ("created", "shipped", "delivered", "cancelled")
"""Etsy's webhooks carry no moment of what happened: of what the webhook and the receipt say, the later counts."""


class _Message(msgspec.Struct, frozen=True):
    event_type: str
    resource_url: str
    shop_id: int | str


class EtsyNotifications:
    """`services.webhook_ports.Marketplace` of one shop."""

    def __init__(self, settings: EtsyStore, api: VendorApi, clock: Clock) -> None:
        self._settings = settings
        self._api = api
        self._clock = clock
        given = (settings.signing_secret, settings.previous_signing_secret)
        self._keys = [signing_key(secret.get_secret_value()) for secret in given if secret is not None]

    @property
    def code(self) -> str:
        return CODE

    @property
    def kept_headers(self) -> frozenset[str]:
        return frozenset({"content-type", ID, TIMESTAMP, SIGNATURE})

    async def is_authentic(self, request: WebhookRequest) -> bool:
        if request.method != "POST" or request.path:
            return False
        webhook_id, timestamp = request.headers.get(ID, ""), request.headers.get(TIMESTAMP, "")
        if not webhook_id or not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 12:
            return False
        if abs(self._clock.now().timestamp() - int(timestamp)) > self._settings.tolerance_seconds:
            return False
        return is_signed(self._keys, webhook_id, timestamp, request.headers.get(SIGNATURE, ""), request.body)

    def greeting(self, request: WebhookRequest) -> WebhookAnswer | None:
        return None

    def read(self, request: WebhookRequest) -> Notice:
        message = read_json(request.body, _Message)
        if str(message.shop_id) != str(self._settings.shop_id):
            raise Malformed("shop_id is another shop")
        return Notice(key_of(CODE, request.headers[ID]), message.event_type[:64] or "unknown")

    def answer(self, outcome: Outcome, request: WebhookRequest) -> WebhookAnswer:
        return WebhookAnswer(_STATUSES[outcome])

    async def translate(self, delivery: Delivery) -> Translation:
        message = read_json(delivery.body, _Message)
        told = _EVENTS.get(message.event_type)
        if told is None:
            return Translation(note="nothing is made of this type")
        receipt_id = self._receipt(message.resource_url)
        order = await self._api.order(receipt_id)
        if order is None:
            raise VendorUnavailable("Etsy tells of a receipt that its API does not know, or not yet")
        occurred_at = datetime.fromtimestamp(int(delivery.headers[TIMESTAMP]), UTC)
        event_id = key_of(CODE, receipt_id, message.event_type)
        status = max(told, order.status or told, key=_LATER.index)
        event = order_of(
            CODE,
            order,
            event_id=event_id,
            status=status,
            vendor_status=order.vendor_status or message.event_type,
            occurred_at=occurred_at,
            received_at=delivery.received_at,
        )
        reason = {"created": "order", "cancelled": "cancel"}.get(told, "")
        hints = stock_of(order, event_id=event_id, reason=reason, occurred_at=occurred_at) if reason else ()
        return Translation(events=[event], stock=hints)

    def _receipt(self, resource_url: str) -> str:
        found = _RESOURCE.fullmatch(resource_url)
        if found is None:
            raise Malformed("resource_url is not that of a receipt")
        if int(found[1]) != self._settings.shop_id:
            raise Malformed("resource_url is another shop's")
        return str(int(found[2]))


_STATUSES: Final = {
    Outcome.STORED: 200,
    Outcome.FORGED: 401,
    # Etsy switches off endpoints that answer errors for long; the message is on the dead-letter list.
    Outcome.MALFORMED: 200,
    Outcome.UNAVAILABLE: 503,
}
