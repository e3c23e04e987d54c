"""Makes events of what vendors tell of orders, in the one form that all of them use. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

from meschain.domain.events import NewEvent
from meschain.domain.new_events import order_event
from meschain.domain.payloads import OrderNotification
from meschain.services.clock import iso_utc
from meschain.services.dedupe_keys import key_of
from meschain.services.webhook_ports import Malformed, StockHint, VendorOrder


def order_of(
    marketplace: str,
    order: VendorOrder,
    *,
    event_id: str,
    status: str,
    vendor_status: str,
    occurred_at: datetime,
    received_at: datetime,
) -> NewEvent:
    """An `orderNotification`: what happened by the arguments, amount and articles by the vendor's API."""
    exponent = order.total.as_tuple().exponent
    decimals = max(2, -exponent) if isinstance(exponent, int) else 2
    return order_event(
        OrderNotification(
            event_id=event_id,
            marketplace=marketplace,
            order_number=order.order_number,
            order_id=0,
            marketplace_order_id=order.order_id,
            customer="",
            status=status,
            shop_status=vendor_status,
            total=float(order.total),
            currency=order.currency,
            currency_decimals=min(decimals, 4),
            item_count=sum(line.quantity for line in order.lines),
            occurred_at=iso_utc(occurred_at),
            received_at=iso_utc(received_at),
        )
    )


def stock_of(order: VendorOrder, *, event_id: str, reason: str, occurred_at: datetime) -> Sequence[StockHint]:
    """One hint for each article of the order."""
    skus = sorted({line.sku for line in order.lines if line.sku})
    return [StockHint(key_of(event_id, "stock", sku), sku, reason, occurred_at) for sku in skus]


def moment_of(text: str, field: str, zone: tzinfo = UTC) -> datetime:
    """A moment as vendors write it; without a zone of its own it is in the given one. Raises: Malformed, naming the
    field."""
    try:
        moment = datetime.fromisoformat(text)
        # Near the ends of the calendar there is no such moment in UTC.
        return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed(f"{field} is no moment") from None


def moment_of_milliseconds(milliseconds: int, field: str) -> datetime:
    """A moment as milliseconds since 1970. Raises: Malformed, naming the field."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise Malformed(f"{field} is no moment") from None
