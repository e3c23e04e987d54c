"""What a package of n11's means. n11 sends nothing by itself; packages are fetched by `polling`, so they are believed.

They come complete: amount, articles and all. Nothing that arrives over HTTP is n11's.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from meschain.marketplaces.orders import moment_of_milliseconds, order_of, stock_of
from meschain.services.dedupe_keys import key_of, kind_of
from meschain.services.webhook_json import read_json
from meschain.services.webhook_ports import (
    Delivery,
    Malformed,
    Notice,
    Outcome,
    Translation,
    VendorLine,
    VendorOrder,
    WebhookAnswer,
    WebhookRequest,
)

CODE: Final = "n11"
_CURRENCY: Final = "TRY"
"""n11 sells in Turkish lira only, and names no currency."""


class _Line(msgspec.Struct, frozen=True, rename="camel"):
    quantity: int
    stock_code: str | None = None
    seller_invoice_amount: Decimal | None = None


class _Package(msgspec.Struct, frozen=True, rename="camel"):
    id: int
    order_number: str
    shipment_package_status: str
    last_modified_date: int
    total_amount: Decimal | None = None
    lines: list[_Line] = []

    @property
    def key(self) -> str:
        return key_of(CODE, self.id, self.shipment_package_status.casefold(), self.last_modified_date)


class N11Notifications:
    """`services.webhook_ports.Marketplace` of one seller."""

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
        package = _package(request.body)
        return Notice(package.key, kind_of(package.shipment_package_status))

    def answer(self, outcome: Outcome, request: WebhookRequest) -> WebhookAnswer:
        return WebhookAnswer(_STATUSES[outcome])

    async def translate(self, delivery: Delivery) -> Translation:
        package = _package(delivery.body)
        status = _WORDS.get(package.shipment_package_status.casefold(), "")
        if not status:
            return Translation(note="its status has no word in ours")
        occurred_at = changed_at(package.last_modified_date)
        order = _order(package, status)
        event_id = package.key
        event = order_of(
            CODE,
            order,
            event_id=event_id,
            status=status,
            vendor_status=package.shipment_package_status,
            occurred_at=occurred_at,
            received_at=delivery.received_at,
        )
        reason = _STOCK.get(status)
        hints = stock_of(order, event_id=event_id, reason=reason, occurred_at=occurred_at) if reason else ()
        return Translation(events=[event], stock=hints)


def changed_at(milliseconds: int) -> datetime:
    """When a package changed last. Raises: Malformed."""
    return moment_of_milliseconds(milliseconds, "lastModifiedDate")


def _package(body: bytes) -> _Package:
    package = read_json(body, _Package)
    changed_at(package.last_modified_date)
    if not package.order_number:
        raise Malformed("orderNumber is empty")
    return package


def _order(package: _Package, status: str) -> VendorOrder:
    # The vendor's page: what is to be invoiced is the sum of the lines' sellerInvoiceAmount.
    amounts = [line.seller_invoice_amount for line in package.lines if line.seller_invoice_amount is not None]
    return VendorOrder(
        order_id=str(package.id),
        order_number=package.order_number,
        status=status,
        vendor_status=package.shipment_package_status,
        total=sum(amounts, Decimal(0)) if amounts else package.total_amount or Decimal(0),
        currency=_CURRENCY,
        lines=[VendorLine(line.stock_code or "", line.quantity) for line in package.lines],
        changed_at=changed_at(package.last_modified_date),
    )


_WORDS: Final = {
    "created": "created",
    "picking": "picking",
    "invoiced": "invoiced",
    "shipped": "shipped",
    "delivered": "delivered",
    "undelivered": "undelivered",
    "cancelled": "cancelled",
    "unsupplied": "unsupplied",
    "returned": "returned",
    "unpacked": "split",
}
"""By the folded status. Of a package that was split the vendor's pages say both that the old one and that the new ones
are UnPacked; either way the word says what happened to the order."""
_STOCK: Final = {"created": "order", "cancelled": "cancel", "unsupplied": "cancel"}

_STATUSES: Final = {Outcome.STORED: 200, Outcome.FORGED: 403, Outcome.MALFORMED: 400, Outcome.UNAVAILABLE: 503}
