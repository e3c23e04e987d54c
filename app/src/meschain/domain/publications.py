"""What the shop's own programs publish: the forms they send, what a key may publish, the events they become. Pure.

A form asks for what cannot be known otherwise and fills in the rest. Each is told by its `kind`, one of `EVENT_KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from meschain.domain.events import ACTIVITY, ALERT, INVENTORY, ORDER, SYNC, NewEvent
from meschain.domain.marketplaces import is_marketplace
from meschain.domain.new_events import activity_event, alert_event, inventory_event, order_event, sync_event
from meschain.domain.payloads import InventoryUpdate, OrderNotification, SyncUpdate, SystemAlert, UserActivity

SHOP: Final = "shop"
"""In the place of a marketplace's code: the shop's own counter."""
EVENT_ID_CHARACTERS: Final = 120
"""Of a publisher's own event id; with the prefix below it fits the column of events."""
PUBLISHER_CHARACTERS: Final = 40
_LARGEST: Final = 2**53 - 1
"""Whole numbers above it are not exact in JavaScript."""
_HIGHEST_TOTAL: Final = Decimal(10) ** 11
"""OpenCart's own column ends there (decimal(15,4))."""

EventId = Annotated[str, msgspec.Meta(max_length=EVENT_ID_CHARACTERS, pattern=r"^[\x21-\x7e]*$")]
Word = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z_]{0,31}$")]
Short = Annotated[str, msgspec.Meta(max_length=64)]
Line = Annotated[str, msgspec.Meta(max_length=200)]
Sentence = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Count = Annotated[int, msgspec.Meta(ge=0, le=_LARGEST)]
Whole = Annotated[int, msgspec.Meta(ge=-_LARGEST, le=_LARGEST)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, slots=True)
class PublisherRights:
    """Who publishes, and what it may publish."""

    publisher: str
    """Its name; event ids of two publishers are apart, those of two keys of one publisher are the same."""
    kinds: tuple[str, ...]
    marketplaces: tuple[str, ...]
    """Codes, and `shop`; events that belong to none (activity, alert) need none."""

    def allow(self, kind: str, marketplace: str) -> bool:
        return kind in self.kinds and (not marketplace or marketplace in self.marketplaces)


class PublicationError(ValueError):
    """What a form says cannot be; the text says what to send."""


class _Publication(
    msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    event_id: EventId = ""
    """Names what happened in the publisher's own words: sent twice, it is told once. Empty: by `Idempotency-Key`."""
    occurred_at: Moment | None = None
    """None: when it is received."""


class OrderPublication(_Publication, frozen=True, kw_only=True, tag=ORDER):
    """An order was placed or changed its state."""

    status: Word
    """`created`, `shipped`, `cancelled` or another word of the product's status list."""
    total: Decimal
    """As the buyer saw it, in `currency`; a number or a text."""
    currency: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")]
    marketplace: Short = SHOP
    order_id: Count = 0
    """The shop's own; 0: it has none, then `marketplaceOrderId` is needed."""
    marketplace_order_id: Short = ""
    order_number: Short = ""
    """Empty: the marketplace's id, else the shop's."""
    customer: Line = ""
    shop_status: Line = ""
    """The shop's own name of the status."""
    currency_decimals: Annotated[int, msgspec.Meta(ge=0, le=4)] = 2
    item_count: Count = 0


class InventoryPublication(_Publication, frozen=True, kw_only=True, tag=INVENTORY):
    """The stock of a product, or what a marketplace shows of it, changed."""

    product_id: Annotated[int, msgspec.Meta(ge=1, le=_LARGEST)]
    quantity: Whole
    marketplace: Short = SHOP
    listed_quantity: Whole | None = None
    """What the marketplace shows; None: the same."""
    sku: Short = ""
    name: Line = ""
    reason: Literal["stock_changed", "order", "cancel", "listing_status", "sync"] = "stock_changed"


class ActivityPublication(_Publication, frozen=True, kw_only=True, tag=ACTIVITY):
    """Somebody did something."""

    activity: Literal["login", "logout", "command", "sync", "order", "alert", "shop_login"]
    user: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    text: Sentence
    details: Annotated[dict[Short, Line], msgspec.Meta(max_length=20)] = msgspec.field(default_factory=dict)


class SyncPublication(_Publication, frozen=True, kw_only=True, tag=SYNC):
    """A sync that a program of the shop runs by itself got on."""

    marketplace: Short
    status: Literal["queued", "running", "success", "error"]
    progress: Annotated[float, msgspec.Meta(ge=0, le=100)]
    job_id: Short = ""
    processed: Count = 0
    failed: Count = 0
    total: Count = 0
    message: Annotated[str, msgspec.Meta(max_length=500)] = ""


class AlertPublication(_Publication, frozen=True, kw_only=True, tag=ALERT):
    """Administrators are to know something."""

    message: Sentence
    level: Literal["info", "warning", "error", "critical"] = "warning"


Publication: TypeAlias = (
    OrderPublication | InventoryPublication | ActivityPublication | SyncPublication | AlertPublication
)


def kind_of(publication: Publication) -> str:
    """One of `EVENT_KINDS`."""
    return str(publication.__struct_config__.tag)


def marketplace_of(publication: Publication) -> str:
    """A code, `shop`, or empty for a kind that belongs to none."""
    if isinstance(publication, OrderPublication | InventoryPublication | SyncPublication):
        return publication.marketplace
    return ""


def published_event_id(publisher: str, event_id: str) -> str:
    """The id under which it is stored: no publisher can use up the ids of another, or of our own sources."""
    return f"publish:{publisher}:{event_id}"


def published_event(publication: Publication, publisher: str, event_id: str, received: datetime) -> NewEvent:
    """The event that a form becomes.

    Args:
        event_id: the publisher's own.
        received: the present moment, which counts where the form has none.

    Raises: PublicationError for what the form's types do not see.
    """
    marketplace = marketplace_of(publication)
    if marketplace and marketplace != SHOP and not is_marketplace(marketplace):
        raise PublicationError(f"{marketplace!r} is no marketplace; send its code, or {SHOP!r}.")
    stored_id = published_event_id(publisher, event_id)
    occurred = _iso(publication.occurred_at or received)
    if isinstance(publication, OrderPublication):
        return order_event(_order(publication, stored_id, occurred, _iso(received)))
    if isinstance(publication, InventoryPublication):
        return inventory_event(_inventory(publication, stored_id, occurred))
    if isinstance(publication, ActivityPublication):
        return activity_event(
            UserActivity(
                event_id=stored_id,
                kind=publication.activity,
                user=publication.user,
                text=publication.text,
                details=publication.details,
                occurred_at=occurred,
            )
        )
    if isinstance(publication, SyncPublication):
        return sync_event(stored_id, _sync(publication, occurred))
    return alert_event(
        SystemAlert(
            id=stored_id, message=publication.message, level=publication.level, source=publisher, timestamp=occurred
        )
    )


def _order(order: OrderPublication, event_id: str, occurred: str, received: str) -> OrderNotification:
    if not order.order_id and not order.marketplace_order_id:
        raise PublicationError("An order needs orderId, marketplaceOrderId, or both.")
    if not order.total.is_finite() or abs(order.total) >= _HIGHEST_TOTAL:
        raise PublicationError("total is an amount of money below 100,000,000,000.")
    return OrderNotification(
        event_id=event_id,
        marketplace=order.marketplace,
        order_number=order.order_number or order.marketplace_order_id or str(order.order_id),
        order_id=order.order_id,
        marketplace_order_id=order.marketplace_order_id,
        customer=order.customer,
        status=order.status,
        shop_status=order.shop_status,
        total=float(round(order.total, order.currency_decimals)),
        currency=order.currency,
        currency_decimals=order.currency_decimals,
        item_count=order.item_count,
        occurred_at=occurred,
        received_at=received,
    )


def _inventory(update: InventoryPublication, event_id: str, occurred: str) -> InventoryUpdate:
    return InventoryUpdate(
        event_id=event_id,
        marketplace=update.marketplace,
        product_id=update.product_id,
        sku=update.sku,
        name=update.name,
        quantity=update.quantity,
        listed_quantity=update.quantity if update.listed_quantity is None else update.listed_quantity,
        reason=update.reason,
        occurred_at=occurred,
    )


def _sync(update: SyncPublication, occurred: str) -> SyncUpdate:
    if update.marketplace == SHOP:
        raise PublicationError("A sync is one of a marketplace; send its code.")
    if not update.failed <= update.processed <= update.total:
        raise PublicationError("failed is not above processed, nor processed above total.")
    return SyncUpdate(
        marketplace=update.marketplace,
        progress=update.progress,
        completed=update.status in {"success", "error"},
        status=update.status,
        job_id=update.job_id,
        processed=update.processed,
        failed=update.failed,
        total=update.total,
        message=update.message,
        occurred_at=occurred,
    )


_decoder: Final = msgspec.json.Decoder(Publication)
parse_publication: Final[Callable[[bytes], Publication]] = _decoder.decode
"""One form from its JSON. Raises: msgspec.DecodeError, whose text names the field and quotes no value."""


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
