"""What Hepsiburada's calls carry, as far as it is read. Pure."""

from __future__ import annotations

import msgspec

from meschain.services.webhook_json import read_json
from meschain.services.webhook_ports import Malformed

_MOST_ITEMS = 500


class NewLine(msgspec.Struct, frozen=True, rename="camel"):
    """A line of a new order, paid."""

    id: str
    order_number: str
    order_date: str = ""
    last_status_update_date: str = ""
    merchant_id: str = ""


class NewLines(msgspec.Struct, frozen=True):
    """Lines of one or more new orders."""

    items: list[NewLine]


class CancelledLine(msgspec.Struct, frozen=True, rename="camel"):
    """A line that was cancelled before it was shipped, or pieces of it."""

    id: str
    order_number: str
    cancel_date: str
    quantity: int
    merchant_id: str = ""
    cancelled_by: str = ""


class ChangedAddress(msgspec.Struct, frozen=True, rename="camel"):
    """A new address for an order; what it is, is not read."""

    order_number: str = ""
    address_id: str | int = ""


class MovedPackage(msgspec.Struct, frozen=True, rename="camel"):
    """A package on its way, there, or not."""

    package_number: str | int = ""
    order_number: str | int = ""
    merchant_id: str = ""
    # Only the first is in the vendor's pages; the others are how the same would be called.
    undelivered_date: str | None = None
    delivered_date: str | None = None
    shipped_date: str | None = None
    in_transit_date: str | None = None

    @property
    def date(self) -> str:
        """When it happened; empty: it does not say."""
        dates = (self.undelivered_date, self.delivered_date, self.shipped_date, self.in_transit_date)
        return next((date for date in dates if date), "")


def read_new_lines(body: bytes) -> list[NewLine]:
    """Raises: Malformed."""
    items = read_json(body, NewLines).items
    if not 0 < len(items) <= _MOST_ITEMS:
        raise Malformed(f"there are {len(items)} items; 1 to {_MOST_ITEMS} are read")
    if not all(item.id and item.order_number for item in items):
        raise Malformed("the id or the orderNumber of an item is empty")
    return items
