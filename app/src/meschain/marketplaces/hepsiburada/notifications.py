"""A merchant's side of Hepsiburada's calls: a path for each kind, a name and password of our own choice, no signature.

The vendor asks that nothing stands in the way of its calls, so what cannot be read is taken as well and looked at
later. What a call says is told once the order API does not contradict it; amount and articles are the API's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from meschain.domain.events import NewEvent
from meschain.marketplaces.hepsiburada.api import HepsiburadaOrder, HepsiburadaReads
from meschain.marketplaces.hepsiburada.bodies import (
    CancelledLine,
    ChangedAddress,
    MovedPackage,
    NewLine,
    read_new_lines,
)
from meschain.marketplaces.hepsiburada.paths import happening_of
from meschain.marketplaces.orders import moment_of, order_of, stock_of
from meschain.marketplaces.shared_secrets import is_basic
from meschain.services.dedupe_keys import key_of, kind_of, storable
from meschain.services.ports import Clock
from meschain.services.webhook_json import read_json
from meschain.services.webhook_ports import (
    Delivery,
    Malformed,
    Notice,
    Outcome,
    StockHint,
    Translation,
    VendorOrder,
    VendorUnavailable,
    WebhookAnswer,
    WebhookRequest,
)
from meschain.vendor_settings.base import secrets_of
from meschain.vendor_settings.hepsiburada import HepsiburadaStore

CODE: Final = "hepsiburada"
_LONGEST_PATH: Final = 200
_API_LAG: Final = timedelta(seconds=60)
"""So long the API may show a line as it was before its cancellation; seconds are usual where several
servers are behind it."""


class HepsiburadaNotifications:
    """`services.webhook_ports.Marketplace` of one merchant."""

    def __init__(self, settings: HepsiburadaStore, api: HepsiburadaReads, clock: Clock) -> None:
        self._settings = settings
        self._api = api
        self._clock = clock
        self._zone = ZoneInfo(settings.time_zone)

    @property
    def code(self) -> str:
        return CODE

    @property
    def kept_headers(self) -> frozenset[str]:
        return frozenset({"content-type"})

    async def is_authentic(self, request: WebhookRequest) -> bool:
        passwords = secrets_of(self._settings.webhook_password, self._settings.previous_webhook_password)
        authorization = request.headers.get("authorization", "")
        # One library says that every call is a PUT, the vendor's pages say POST for new orders: both are taken.
        return request.method in {"POST", "PUT"} and is_basic(authorization, self._settings.webhook_username, passwords)

    def greeting(self, request: WebhookRequest) -> WebhookAnswer | None:
        return None

    def read(self, request: WebhookRequest) -> Notice:
        path = storable(request.path)[:_LONGEST_PATH]
        found = happening_of(path, self._settings.paths)
        if found is None:
            digest = hashlib.sha256(request.path.encode() + b"\n" + request.body).hexdigest()
            return Notice(key_of(CODE, "unknown", digest), kind_of(path), path)
        happening, part = found
        match happening:
            case "orders":
                key = _key_of_lines(self._lines(request.body))
            case "cancel":
                key = _key_of_cancel(self._cancelled(request.body))
            case "address":
                key = _key_of_address(_address(request.body, part))
            case _:
                key = _key_of_package(happening, self._moved(request.body, part))
        return Notice(key, happening, path)

    def answer(self, outcome: Outcome, request: WebhookRequest) -> WebhookAnswer:
        if outcome is Outcome.FORGED:
            return WebhookAnswer(401)
        if outcome is Outcome.UNAVAILABLE:
            return WebhookAnswer(503)
        found = happening_of(request.path, self._settings.paths)
        is_orders = found is not None and found[0] == "orders"
        return WebhookAnswer(self._settings.orders_status if is_orders else self._settings.accepted_status)

    async def translate(self, delivery: Delivery) -> Translation:
        found = happening_of(delivery.path, self._settings.paths)
        if found is None:
            return Translation(note="nothing is made of this path")
        happening, part = found
        match happening:
            case "orders":
                return await self._new_orders(self._lines(delivery.body), delivery)
            case "cancel":
                return await self._cancel(self._cancelled(delivery.body), delivery)
            case "address":
                return await self._new_address(_address(delivery.body, part), delivery)
        return await self._package(happening, self._moved(delivery.body, part), delivery)

    async def _new_orders(self, lines: Sequence[NewLine], delivery: Delivery) -> Translation:
        events: list[NewEvent] = []
        hints: list[StockHint] = []
        for number in dict.fromkeys(line.order_number for line in lines):
            order = (await self._order(number)).order
            text = next(
                line.last_status_update_date or line.order_date for line in lines if line.order_number == number
            )
            occurred_at = self._moment(text, delivery)
            event_id = key_of(CODE, "order", number, "created")
            status = "cancelled" if order.status == "cancelled" else "created"
            events.append(_event(order, event_id, status, order.vendor_status, occurred_at, delivery))
            hints += stock_of(order, event_id=event_id, reason="order", occurred_at=occurred_at)
        return Translation(events=events, stock=hints)

    async def _cancel(self, cancelled: CancelledLine, delivery: Delivery) -> Translation:
        found = await self._order(cancelled.order_number)
        line = next((line for line in found.lines if line.line_id == cancelled.id), None)
        is_unclear = line is not None and line.word != "cancelled" and line.quantity <= cancelled.quantity
        # Either pieces stay, as many as were cancelled or fewer, or the API has not heard of it yet.
        if is_unclear and self._clock.now() - delivery.received_at < _API_LAG:
            raise VendorUnavailable("Hepsiburada's API may still show the line as it was")
        occurred_at = self._moment(cancelled.cancel_date, delivery)
        event_id = _key_of_cancel(cancelled)
        is_whole = found.order.status == "cancelled"
        status = "cancelled" if is_whole else found.order.status or "created"
        said = "cancelled" if is_whole else "cancelled in part"
        event = _event(found.order, event_id, status, said, occurred_at, delivery)
        skus = [line.sku] if line is not None and line.sku else []
        hints = [StockHint(key_of(event_id, "stock", sku), sku, "cancel", occurred_at) for sku in skus]
        return Translation(events=[event], stock=hints)

    async def _new_address(self, address: ChangedAddress, delivery: Delivery) -> Translation:
        order = (await self._order(address.order_number)).order
        if not order.status:
            return Translation(note="its status has no word in ours")
        occurred_at = delivery.received_at.astimezone(UTC)
        event_id = _key_of_address(address)
        return Translation([_event(order, event_id, order.status, "address changed", occurred_at, delivery)])

    async def _package(self, happening: str, moved: MovedPackage, delivery: Delivery) -> Translation:
        number = str(moved.package_number)
        package = await self._api.package(number)
        if package is None:
            raise VendorUnavailable("Hepsiburada's API does not know the package, or not yet")
        status = _STATUSES[happening]
        if package.word in _EARLIER[status]:
            raise VendorUnavailable("Hepsiburada's API does not show that status of the package yet")
        order_number = package.order_number or str(moved.order_number)
        found = await self._api.order(order_number) if order_number else None
        order = found or _order_of_package(order_number or number)
        occurred_at = self._moment(moved.date, delivery)
        event_id = _key_of_package(happening, moved)
        return Translation([_event(order, event_id, status, f"package {number} {happening}", occurred_at, delivery)])

    async def _order(self, number: str) -> HepsiburadaOrder:
        found = await self._api.detailed_order(number)
        if found is None:
            raise VendorUnavailable("Hepsiburada's API does not know the order, or not yet")
        return found

    def _lines(self, body: bytes) -> Sequence[NewLine]:
        lines = read_new_lines(body)
        for line in lines:
            self._check(line.merchant_id, line.last_status_update_date, line.order_date)
        return lines

    def _cancelled(self, body: bytes) -> CancelledLine:
        cancelled = read_json(body, CancelledLine)
        if not cancelled.id or not cancelled.order_number or cancelled.quantity < 1:
            raise Malformed("id, orderNumber or quantity is empty")
        self._check(cancelled.merchant_id, cancelled.cancel_date)
        return cancelled

    def _moved(self, body: bytes, part: str) -> MovedPackage:
        moved = read_json(body, MovedPackage)
        if moved.package_number == "":
            moved = MovedPackage(part, moved.order_number, moved.merchant_id, moved.date)
        if moved.package_number == "":
            raise Malformed("packageNumber is missing")
        self._check(moved.merchant_id, moved.date)
        return moved

    def _check(self, merchant_id: str, *dates: str) -> None:
        if merchant_id and merchant_id.casefold() != self._settings.merchant_id.casefold():
            raise Malformed("merchantId is another merchant")
        for date in dates:
            if date:
                moment_of(date, "a date", self._zone)

    def _moment(self, text: str, delivery: Delivery) -> datetime:
        """When it happened; where the call does not say, when it came."""
        return moment_of(text, "a date", self._zone) if text else delivery.received_at.astimezone(UTC)


_STATUSES: Final = {"intransit": "shipped", "deliver": "delivered", "undeliver": "undelivered"}
_EARLIER: Final = {
    "shipped": ("created", "picking"),
    "delivered": ("created", "picking", "shipped"),
    "undelivered": ("created", "picking"),
}
"""What the API shows while it has not heard yet of what a call tells. Of a package that could not be delivered it may
show that it is on its way again."""


def _event(
    order: VendorOrder, event_id: str, status: str, vendor_status: str, occurred_at: datetime, delivery: Delivery
) -> NewEvent:
    return order_of(
        CODE,
        order,
        event_id=event_id,
        status=status,
        vendor_status=vendor_status,
        occurred_at=occurred_at,
        received_at=delivery.received_at,
    )


def _order_of_package(number: str) -> VendorOrder:
    """What is told of a package whose order the API does not name."""
    return VendorOrder(number, number, "", "", Decimal(0), "TRY", [], None)


def _address(body: bytes, part: str) -> ChangedAddress:
    """Raises: Malformed."""
    address = read_json(body, ChangedAddress)
    if not (address.order_number or part):
        raise Malformed("orderNumber is missing")
    return address if address.order_number else ChangedAddress(part, address.address_id)


def _key_of_lines(lines: Sequence[NewLine]) -> str:
    ids = sorted(line.id for line in lines)
    if len(ids) == 1:
        return key_of(CODE, "line", ids[0], "created")
    return key_of(CODE, "lines", hashlib.sha256("\n".join(ids).encode()).hexdigest(), "created")


def _key_of_cancel(cancelled: CancelledLine) -> str:
    return key_of(CODE, "line", cancelled.id, "cancel", cancelled.cancel_date, cancelled.quantity)


def _key_of_address(address: ChangedAddress) -> str:
    return key_of(CODE, "addr", address.order_number, address.address_id)


def _key_of_package(happening: str, moved: MovedPackage) -> str:
    return key_of(CODE, "pkg", moved.package_number, happening, moved.date)
