"""A seller's side of Trendyol's webhooks. A name and password, or a key, of our own choice come along; nothing is
signed.

So what a webhook says of a package is told once the API confirms that the package has, or has had, that status; amount
and articles are the API's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from meschain.domain.events import NewEvent
from meschain.marketplaces.orders import moment_of_milliseconds, order_of, stock_of
from meschain.marketplaces.shared_secrets import is_basic, is_one_of
from meschain.marketplaces.trendyol.api import TrendyolReads
from meschain.marketplaces.trendyol.statuses import folded, word_of
from meschain.services.dedupe_keys import key_of, kind_of
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
from meschain.vendor_settings.trendyol import TrendyolStore

CODE: Final = "trendyol"
_MOST_PACKAGES: Final = 200
"""In one message: the largest page of the vendor's listing, whose form webhooks share."""


class _Package(msgspec.Struct, frozen=True, rename="camel"):
    status: str
    last_modified_date: int
    # Whole numbers: some exceed what a float holds exactly.
    shipment_package_id: int | None = None
    id: int | None = None
    supplier_id: int | None = None


class _Envelope(msgspec.Struct, frozen=True):
    content: list[_Package] | None = None


@dataclass(frozen=True, slots=True)
class _Told:
    """A package as a webhook tells of it, checked."""

    number: str
    status: str
    changed_at: datetime
    key: str


class TrendyolNotifications:
    """`services.webhook_ports.Marketplace` of one seller."""

    def __init__(self, settings: TrendyolStore, api: TrendyolReads) -> None:
        self._settings = settings
        self._api = api

    @property
    def code(self) -> str:
        return CODE

    @property
    def kept_headers(self) -> frozenset[str]:
        return frozenset({"content-type"})

    async def is_authentic(self, request: WebhookRequest) -> bool:
        if request.method != "POST" or request.path:
            return False
        settings = self._settings
        is_right = False
        if settings.webhook_password is not None:
            passwords = secrets_of(settings.webhook_password, settings.previous_webhook_password)
            is_right |= is_basic(request.headers.get("authorization", ""), settings.webhook_username, passwords)
        if settings.webhook_api_key is not None:
            keys = secrets_of(settings.webhook_api_key, settings.previous_webhook_api_key)
            is_right |= is_one_of(request.headers.get("x-api-key", ""), keys)
        return is_right

    def greeting(self, request: WebhookRequest) -> WebhookAnswer | None:
        return None

    def read(self, request: WebhookRequest) -> Notice:
        packages = self._packages(request.body)
        kind = kind_of(packages[0].status.upper())
        if len(packages) == 1:
            return Notice(packages[0].key, kind)
        keys = "\n".join(package.key for package in packages)
        return Notice(key_of(CODE, "packages", hashlib.sha256(keys.encode()).hexdigest()), kind)

    def answer(self, outcome: Outcome, request: WebhookRequest) -> WebhookAnswer:
        return WebhookAnswer(_STATUSES[outcome])

    async def translate(self, delivery: Delivery) -> Translation:
        events: list[NewEvent] = []
        hints: list[StockHint] = []
        notes: list[str] = []
        for package in self._packages(delivery.body):
            status = word_of(package.status)
            if not status:
                notes.append(f"package {package.number} has a status that has no word in ours")
                continue
            event, stock = await self._tell(package, status, delivery)
            events.append(event)
            hints += stock
        return Translation(events=events, stock=hints, note="; ".join(notes)[:500])

    async def _tell(self, package: _Told, status: str, delivery: Delivery) -> tuple[NewEvent, Sequence[StockHint]]:
        found = await self._api.package(package.number)
        if found is None:
            raise VendorUnavailable("Trendyol's API does not know the package, or not yet")
        if folded(package.status) not in found.statuses:
            raise VendorUnavailable("Trendyol's API does not show that status of the package, or not yet")
        event_id = package.key
        event = order_of(
            CODE,
            found.order,
            event_id=event_id,
            status=status,
            vendor_status=package.status,
            occurred_at=package.changed_at,
            received_at=delivery.received_at,
        )
        reason = _STOCK.get(status)
        if reason is None:
            return event, ()
        return event, stock_of(found.order, event_id=event_id, reason=reason, occurred_at=package.changed_at)

    def _packages(self, body: bytes) -> Sequence[_Told]:
        """Raises: Malformed."""
        packages = read_json(body, _Envelope).content
        if packages is None:
            # The vendor's page shows the envelope of its listing; what it really sends may be the order alone.
            packages = [read_json(body, _Package)]
        if not 0 < len(packages) <= _MOST_PACKAGES:
            raise Malformed(f"content has {len(packages)} packages; 1 to {_MOST_PACKAGES} are read")
        return [self._told(package) for package in packages]

    def _told(self, package: _Package) -> _Told:
        number = package.id if package.shipment_package_id is None else package.shipment_package_id
        if number is None:
            raise Malformed("shipmentPackageId is missing")
        if package.supplier_id not in (None, self._settings.seller_id):
            raise Malformed("supplierId is another seller")
        changed = package.last_modified_date
        key = key_of(CODE, number, folded(package.status), changed)
        return _Told(str(number), package.status, moment_of_milliseconds(changed, "lastModifiedDate"), key)


_STOCK: Final = {"created": "order", "cancelled": "cancel", "unsupplied": "cancel"}
"""Statuses that move stock, with the reason that is told. `awaiting` holds stock at most, and tells nothing."""

_STATUSES: Final = {
    Outcome.STORED: 200,
    Outcome.FORGED: 401,
    # Trendyol switches webhooks off that answer errors for a while; the message is on the dead-letter list.
    Outcome.MALFORMED: 200,
    Outcome.UNAVAILABLE: 503,
}
