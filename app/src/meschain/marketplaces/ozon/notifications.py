"""An account's side of Ozon's pushes. Ozon signs nothing: an address that nobody can guess keeps strangers out, and
nothing of a push is told before the Seller API has confirmed it.

Orders are told by their postings; the pushes about whole orders that come beside those lead to nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

import msgspec

from meschain.domain.new_events import sync_event
from meschain.domain.payloads import SyncUpdate
from meschain.marketplaces.orders import moment_of, order_of, stock_of
from meschain.marketplaces.ozon.api import OzonReads
from meschain.services.clock import iso_utc
from meschain.services.dedupe_keys import key_of
from meschain.services.ports import Clock
from meschain.services.webhook_json import read_json
from meschain.services.webhook_ports import (
    Delivery,
    Malformed,
    Notice,
    Outcome,
    StockHint,
    Translation,
    VendorUnavailable,
    WebhookAnswer,
    WebhookRequest,
)
from meschain.vendor_settings.base import secrets_of
from meschain.vendor_settings.ozon import OzonStore

CODE: Final = "ozon"
PING: Final = "TYPE_PING"
_MOST_ITEMS: Final = 1_000


class _StockItem(msgspec.Struct, frozen=True):
    sku: int
    updated_at: str = ""
    stocks: Any = None  # Any: not read, the API tells the stock


class _Message(msgspec.Struct, frozen=True):
    message_type: str
    seller_id: int | str | None = None
    posting_number: str = ""
    uuid: str = ""
    new_state: str = ""
    changed_state_date: str = ""
    in_process_at: str | None = ""
    items: list[_StockItem] = []
    sku: int | None = None
    updated_at: str = ""
    product_id: int | None = None
    offer_id: str = ""
    is_error: bool = False
    changed_at: str = ""


class OzonNotifications:
    """`services.webhook_ports.Marketplace` of one account."""

    def __init__(self, settings: OzonStore, api: OzonReads, clock: Clock) -> None:
        self._settings = settings
        self._api = api
        self._clock = clock

    @property
    def code(self) -> str:
        return CODE

    @property
    def kept_headers(self) -> frozenset[str]:
        return frozenset({"content-type"})

    async def is_authentic(self, request: WebhookRequest) -> bool:
        given = request.path.encode()
        is_right = False
        for secret in secrets_of(self._settings.path_secret, self._settings.previous_path_secret):
            is_right |= hmac.compare_digest(secret, given)
        return is_right and request.method == "POST"

    def greeting(self, request: WebhookRequest) -> WebhookAnswer | None:
        message = _peek(request.body)
        if message is None or message.message_type != PING:
            return None
        content = {"version": version("meschain"), "name": "MesChain-Sync", "time": iso_utc(self._clock.now())}
        return WebhookAnswer(200, msgspec.json.encode(content))

    def read(self, request: WebhookRequest) -> Notice:
        message = read_json(request.body, _Message)
        if message.seller_id is not None and str(message.seller_id) != str(self._settings.seller_id):
            raise Malformed("seller_id is another seller")
        if len(message.items) > _MOST_ITEMS:
            raise Malformed(f"there are more than {_MOST_ITEMS} items")
        moments = {
            "changed_state_date": message.changed_state_date,
            "in_process_at": message.in_process_at,
            "updated_at": message.updated_at,
            "changed_at": message.changed_at,
        }
        for field, text in moments.items():
            if text:
                moment_of(text, field)
        return Notice(_key(message, request.body), message.message_type[:64] or "unknown")

    def answer(self, outcome: Outcome, request: WebhookRequest) -> WebhookAnswer:
        if outcome is Outcome.STORED:
            return WebhookAnswer(200, b'{"result":true}')
        status, code, text = _REFUSALS[outcome]
        error = {"error": {"code": code, "message": text, "details": None}}
        return WebhookAnswer(status, msgspec.json.encode(error))

    async def translate(self, delivery: Delivery) -> Translation:
        message = read_json(delivery.body, _Message)
        kind = message.message_type
        if kind in _POSTINGS:
            return await self._posting(message, delivery)
        if kind in {"TYPE_STOCKS_CHANGED", "TYPE_FBO_STOCKS_CHANGED"}:
            return await self._stock(message, delivery)
        if kind == "TYPE_CREATE_OR_UPDATE_ITEM":
            return _item(message, delivery)
        if kind.startswith("TYPE_ORDER_"):
            return Translation(note="orders are told by their postings")
        return Translation(note="nothing is made of this type")

    async def _posting(self, message: _Message, delivery: Delivery) -> Translation:
        number = message.posting_number
        if not number:
            raise Malformed("posting_number is missing")
        pushed = _POSTINGS[message.message_type] or _STATES.get(message.new_state, "")
        order = await self._api.order(number)
        if order is None:
            raise VendorUnavailable("Ozon's API does not know the posting, or not yet")
        # The API decides, because anybody may have written the push; which of the states within one of the API's it
        # is, the push alone says.
        status = pushed if pushed in _WITHIN.get(order.status, ()) else order.status
        if not status:
            return Translation(note="its state has no word in ours")
        occurred_at = _moment(message.changed_state_date or message.in_process_at, delivery)
        event_id = key_of(CODE, "posting", number, status, message.changed_state_date)
        event = order_of(
            CODE,
            order,
            event_id=event_id,
            status=status,
            vendor_status=message.new_state or order.vendor_status,
            occurred_at=occurred_at,
            received_at=delivery.received_at,
        )
        reason = {"created": "order", "cancelled": "cancel"}.get(status, "")
        hints = stock_of(order, event_id=event_id, reason=reason, occurred_at=occurred_at) if reason else ()
        return Translation(events=[event], stock=hints)

    async def _stock(self, message: _Message, delivery: Delivery) -> Translation:
        changed = {item.sku: item.updated_at for item in message.items}
        if message.sku is not None:
            changed[message.sku] = message.updated_at
        if not changed:
            raise Malformed("there is no article in it")
        articles = await self._api.articles(sorted(changed))
        hints: Sequence[StockHint] = [
            StockHint(
                # With the delivery's key: of several warehouses that change at once each push tells another sum.
                event_id=key_of(CODE, "stock", sku, changed[sku], delivery.key),
                sku=article.offer_id,
                reason="stock_changed",
                occurred_at=_moment(changed[sku], delivery),
                listed_quantity=article.available,
            )
            for sku, article in sorted(articles.items())
        ]
        missing = len(changed) - len(articles)
        return Translation(stock=hints, note=f"{missing} articles are not this account's" if missing else "")


_POSTINGS: Final = {
    "TYPE_NEW_POSTING": "created",
    "TYPE_FBO_POSTING_NEW": "created",
    "TYPE_POSTING_CANCELLED": "cancelled",
    "TYPE_FBO_POSTING_CANCELLED": "cancelled",
    "TYPE_STATE_CHANGED": "",
    "TYPE_FBO_POSTING_STATE_CHANGED": "",
}
"""Types that tell of a posting, with what each says; empty: its `new_state` says it."""

_STATES: Final = {
    "posting_created": "created",
    "posting_packing": "picking",
    "posting_transferring_to_delivery": "shipped",
    "posting_in_carriage": "shipped",
    "posting_on_way_to_city": "shipped",
    "posting_transferred_to_courier_service": "shipped",
    "posting_in_courier_service": "shipped",
    "posting_on_way_to_pickup_point": "shipped",
    "posting_in_pickup_point": "at_collection_point",
    "posting_conditionally_delivered": "delivered",
    "posting_delivered": "delivered",
    "posting_received": "delivered",
    "posting_canceled": "cancelled",
    "posting_returned_to_warehouse": "returned",
}
_WITHIN: Final = {
    "created": ("created", "awaiting", "picking"),
    "shipped": ("shipped", "at_collection_point", "undelivered"),
    "delivered": ("delivered",),
    "cancelled": ("cancelled", "returned"),
}
"""Which of our words may be meant by one of the API's coarser statuses."""

_REFUSALS: Final = {
    Outcome.FORGED: (401, "ERROR_UNKNOWN", "not authorized"),
    Outcome.MALFORMED: (400, "ERROR_PARAMETER_VALUE_MISSED", "the message cannot be read"),
    Outcome.UNAVAILABLE: (503, "ERROR_UNKNOWN", "try again"),
}


def _peek(body: bytes) -> _Message | None:
    """The message if it can be read; whether it should is for `read`."""
    try:
        return read_json(body, _Message)
    except Malformed:
        return None


def _key(message: _Message, body: bytes) -> str:
    if message.uuid:
        return key_of(CODE, message.uuid)
    if message.posting_number:
        when = message.changed_state_date or message.in_process_at
        return key_of(CODE, message.message_type, message.posting_number, message.new_state, when)
    # Of the rest no key is known: the same bytes are the same message.
    return key_of(CODE, message.message_type, hashlib.sha256(body).hexdigest())


def _moment(text: str | None, delivery: Delivery) -> datetime:
    """When it happened; where the push does not say, when it came."""
    return moment_of(text, "a moment") if text else delivery.received_at.astimezone(UTC)


def _item(message: _Message, delivery: Delivery) -> Translation:
    occurred_at = _moment(message.changed_at, delivery)
    event_id = key_of(CODE, "item", message.product_id, iso_utc(occurred_at))
    article = message.offer_id or str(message.product_id or "")
    update = SyncUpdate(
        marketplace=CODE,
        progress=100.0,
        completed=True,
        status="error" if message.is_error else "success",
        job_id="",
        processed=1,
        failed=int(message.is_error),
        total=1,
        message=f"Ozon could not take {article} over." if message.is_error else "",
        occurred_at=iso_utc(occurred_at),
    )
    return Translation(events=[sync_event(event_id, update)])
