"""Requests as the inbox is given them, and deliveries as it gives them to vendors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from meschain.services.webhook_ports import (
    Delivery,
    Marketplace,
    VendorLine,
    VendorOrder,
    VendorUnavailable,
    WebhookRequest,
)

NOW = datetime(2026, 1, 1, 9, 15, tzinfo=UTC)
"""The moment of the sheets' examples."""


def request_of(
    body: bytes | object = b"",
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "POST",
    path: str = "",
    query: Mapping[str, str] | None = None,
    received_at: datetime = NOW,
) -> WebhookRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    return WebhookRequest(method, path, query or {}, headers or {}, raw, received_at)


def delivery_of(marketplace: Marketplace, vendor: str, request: WebhookRequest, store: str = "main") -> Delivery:
    """What the inbox would store of that request."""
    notice = marketplace.read(request)
    headers = {name: request.headers[name] for name in marketplace.kept_headers if name in request.headers}
    return Delivery(
        vendor, store, notice.key, notice.kind, request.method, notice.path, headers, request.body, request.received_at
    )


class KnownOrders:
    """A `VendorApi` in memory: what it was given, and nothing while `is_away`."""

    def __init__(self, *orders: VendorOrder) -> None:
        self.orders = {order.order_id: order for order in orders}
        self.asked: list[str] = []
        self.is_away = False

    async def order(self, order_id: str) -> VendorOrder | None:
        self.asked.append(order_id)
        if self.is_away:
            raise VendorUnavailable("the vendor is away")
        return self.orders.get(order_id)


def vendor_order(order_id: str, status: str = "created", *, skus: tuple[str, ...] = ("MUG-01",)) -> VendorOrder:
    return VendorOrder(
        order_id=order_id,
        order_number=order_id,
        status=status,
        vendor_status=status.upper(),
        total=Decimal("300.10"),
        currency="EUR",
        lines=[VendorLine(sku, 2) for sku in skus],
        changed_at=None,
    )
