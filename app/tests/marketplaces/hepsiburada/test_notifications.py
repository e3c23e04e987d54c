"""A merchant at Hepsiburada."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from app.tests.marketplaces.requests import delivery_of, request_of
from app.tests.marketplaces.specs import MarketplaceSpec
from app.tests.services.fakes import FakeClock
from pydantic import SecretStr, ValidationError

from meschain.marketplaces.hepsiburada.api import HepsiburadaLine, HepsiburadaOrder, HepsiburadaPackage
from meschain.marketplaces.hepsiburada.notifications import HepsiburadaNotifications
from meschain.services.webhook_ports import (
    Malformed,
    Outcome,
    Translation,
    VendorLine,
    VendorOrder,
    VendorUnavailable,
    WebhookRequest,
)
from meschain.vendor_settings.hepsiburada import HepsiburadaStore

SETTINGS = HepsiburadaStore(
    merchant_id="7D0F0000-0000-4000-8000-000000000000",
    webhook_username="shop",
    webhook_password=SecretStr("password"),
    previous_webhook_password=SecretStr("before"),
    api_password=SecretStr("service-key"),
    api_user_agent="shop_dev",
)
MERCHANT = "7d0f0000-0000-4000-8000-000000000000"


def known_order(number: str, *lines: HepsiburadaLine) -> HepsiburadaOrder:
    given = lines or (HepsiburadaLine("l-1", "MUG-01", 2, "created"),)
    words = {line.word for line in given} - {"cancelled"}
    order = VendorOrder(
        order_id=number,
        order_number=number,
        status=min(words, default="cancelled"),
        vendor_status="Open",
        total=Decimal("300.10"),
        currency="TRY",
        lines=[VendorLine(line.sku, line.quantity) for line in given],
        changed_at=None,
    )
    return HepsiburadaOrder(order, given)


class KnownToHepsiburada:
    """Hepsiburada's API in memory."""

    def __init__(self) -> None:
        self.orders = {number: known_order(number) for number in ("410000001", "410000002")}
        self.packages = {"500": HepsiburadaPackage("shipped", "410000001")}

    async def detailed_order(self, order_number: str) -> HepsiburadaOrder | None:
        return self.orders.get(order_number)

    async def order(self, order_id: str) -> VendorOrder | None:
        found = self.orders.get(order_id)
        return None if found is None else found.order

    async def package(self, package_number: str) -> HepsiburadaPackage | None:
        return self.packages.get(package_number)


def basic(given: str = "password") -> dict[str, str]:
    return {"authorization": "Basic " + b64encode(f"shop:{given}".encode()).decode()}


def call(path: str, content: object, method: str = "PUT") -> WebhookRequest:
    return request_of(content, basic(), method=method, path=path)


def new_line(line_id: str = "l-1", number: str = "410000001", **changes: object) -> dict[str, Any]:
    return {
        "id": line_id,
        "orderNumber": number,
        "orderDate": "2026-01-01T09:15:00",
        "lastStatusUpdateDate": "2026-01-01T09:15:03.120",
        "merchantId": MERCHANT,
        "quantity": 2,
        "totalPrice": {"currency": "TRY", "amount": 300.1},
        **changes,
    }


def orders(*lines: dict[str, Any]) -> WebhookRequest:
    return call("orders", {"items": list(lines) or [new_line()]}, "POST")


def cancel(quantity: int = 2, **changes: object) -> WebhookRequest:
    content = {
        "cancelDate": "2026-01-01T10:00:00",
        "merchantId": MERCHANT,
        "id": "l-1",
        "quantity": quantity,
        "cancelledBy": "Customer",
        "orderNumber": "410000001",
        "isUnpackedLine": "false",
        **changes,
    }
    return call("lineitems/l-1/cancel", content)


def undeliver(**changes: object) -> WebhookRequest:
    content = {"merchantId": MERCHANT, "undeliveredDate": "2026-01-02T10:00:00", "packageNumber": "500", **changes}
    return call("packages/500/undeliver", content)


@pytest.fixture
def api() -> KnownToHepsiburada:
    return KnownToHepsiburada()


@pytest.fixture
def merchant(api: KnownToHepsiburada, clock: FakeClock) -> HepsiburadaNotifications:
    return HepsiburadaNotifications(SETTINGS, api, clock)


async def translated(merchant: HepsiburadaNotifications, request: WebhookRequest) -> Translation:
    return await merchant.translate(delivery_of(merchant, "hepsiburada", request))


class TestHepsiburadaNotifications(MarketplaceSpec):
    vendor = "hepsiburada"

    @pytest.fixture
    def marketplace(self, merchant: HepsiburadaNotifications) -> HepsiburadaNotifications:
        return merchant

    @pytest.fixture
    def good(self) -> WebhookRequest:
        return orders()

    @pytest.fixture
    def again(self) -> WebhookRequest:
        return replace(orders(), method="PUT")

    @pytest.fixture
    def other(self) -> WebhookRequest:
        return orders(new_line("l-2"))

    @pytest.fixture
    def malformed(self) -> WebhookRequest:
        return call("orders", b"<orders/>", "POST")

    @pytest.fixture
    def forged(self, good: WebhookRequest) -> Sequence[WebhookRequest]:
        return [replace(good, headers=headers) for headers in ({}, basic("wrong"), {"authorization": "Basic "})]


async def test_the_password_before_is_believed_during_a_rotation(merchant: HepsiburadaNotifications) -> None:
    assert await merchant.is_authentic(replace(orders(), headers=basic("before")))


async def test_lines_of_an_order_are_gathered(merchant: HepsiburadaNotifications) -> None:
    translation = await translated(merchant, orders(new_line(), new_line("l-2"), new_line("l-3", "410000002")))
    assert [(event.payload["orderNumber"], event.payload["status"]) for event in translation.events] == [
        ("410000001", "created"),
        ("410000002", "created"),
    ]
    # Turkish time, three hours ahead.
    assert translation.events[0].payload["occurredAt"] == "2026-01-01T06:15:03.120Z"
    assert {(hint.sku, hint.reason) for hint in translation.stock} == {("MUG-01", "order")}


async def test_times_without_a_zone_are_in_that_of_the_settings(api: KnownToHepsiburada, clock: FakeClock) -> None:
    merchant = HepsiburadaNotifications(SETTINGS.model_copy(update={"time_zone": "UTC"}), api, clock)
    [event] = (await translated(merchant, orders())).events
    assert event.payload["occurredAt"] == "2026-01-01T09:15:03.120Z"


async def test_an_order_whose_lines_are_all_cancelled_is(
    merchant: HepsiburadaNotifications, api: KnownToHepsiburada
) -> None:
    api.orders["410000001"] = known_order("410000001", HepsiburadaLine("l-1", "MUG-01", 2, "cancelled"))
    translation = await translated(merchant, cancel())
    assert translation.events[0].payload["status"] == "cancelled"
    assert [(hint.sku, hint.reason) for hint in translation.stock] == [("MUG-01", "cancel")]


async def test_an_order_of_which_something_stays_is_cancelled_in_part(
    merchant: HepsiburadaNotifications, api: KnownToHepsiburada
) -> None:
    lines = HepsiburadaLine("l-1", "MUG-01", 2, "cancelled"), HepsiburadaLine("l-2", "MUG-02", 1, "picking")
    api.orders["410000001"] = known_order("410000001", *lines)
    [event] = (await translated(merchant, cancel())).events
    assert (event.payload["status"], event.payload["shopStatus"]) == ("picking", "cancelled in part")
    api.orders["410000001"] = known_order("410000001", HepsiburadaLine("l-1", "MUG-01", 5, "created"))
    [event] = (await translated(merchant, cancel(quantity=1))).events
    assert event.payload["shopStatus"] == "cancelled in part"


async def test_a_line_that_may_be_shown_as_it_was_is_looked_at_again_for_a_while(
    merchant: HepsiburadaNotifications, clock: FakeClock
) -> None:
    with pytest.raises(VendorUnavailable, match="as it was"):
        await translated(merchant, cancel())
    await clock.advance(61)
    [event] = (await translated(merchant, cancel())).events
    assert event.payload["shopStatus"] == "cancelled in part"


@pytest.mark.parametrize(
    ("path", "word", "told"),
    [
        ("packages/500/intransit", "shipped", "shipped"),
        ("packages/500/intransit", "delivered", "shipped"),
        ("packages/500/deliver", "delivered", "delivered"),
        ("packages/500/undeliver", "undelivered", "undelivered"),
        ("packages/500/undeliver", "shipped", "undelivered"),
        ("packages/500/deliver", "", "delivered"),
        ("packages/500/intransit", "picking", None),
        ("packages/500/deliver", "shipped", None),
    ],
)
async def test_a_package_is_told_unless_the_api_is_not_so_far(
    merchant: HepsiburadaNotifications, api: KnownToHepsiburada, path: str, word: str, told: str | None
) -> None:
    api.packages["500"] = HepsiburadaPackage(word, "410000001")
    request = call(path, {"packageNumber": "500"})
    if told is None:
        with pytest.raises(VendorUnavailable, match="does not show"):
            await translated(merchant, request)
        return
    [event] = (await translated(merchant, request)).events
    assert (event.payload["status"], event.payload["orderNumber"]) == (told, "410000001")
    assert event.payload["total"] == 300.1


async def test_a_package_whose_order_is_not_known_is_told_by_its_own_number(
    merchant: HepsiburadaNotifications, api: KnownToHepsiburada
) -> None:
    api.packages["500"] = HepsiburadaPackage("undelivered", "")
    [event] = (await translated(merchant, undeliver())).events
    assert (event.payload["orderNumber"], event.payload["occurredAt"]) == ("500", "2026-01-02T07:00:00.000Z")


async def test_a_packages_number_may_stand_in_the_path_alone(merchant: HepsiburadaNotifications) -> None:
    named, unnamed = undeliver(), undeliver(packageNumber="")
    assert merchant.read(named).key == merchant.read(unnamed).key
    assert (await translated(merchant, unnamed)).events


async def test_a_changed_address_leaves_the_status(merchant: HepsiburadaNotifications) -> None:
    request = call("orders/410000001/shippingaddress", {"addressId": "a-1", "address": "Ayşe's street"})
    [event] = (await translated(merchant, request)).events
    assert (event.payload["status"], event.payload["shopStatus"]) == ("created", "address changed")
    assert "Ayşe" not in str(event.payload)


async def test_unknown_paths_are_taken_and_lead_to_nothing(merchant: HepsiburadaNotifications) -> None:
    first, second = call("orders/41/changeslot", b"no json"), call("orders/41/changeslot", b"other")
    assert await merchant.is_authentic(first)
    assert merchant.read(first).kind == "orders/41/changeslot"
    assert merchant.read(first).key != merchant.read(second).key
    assert merchant.answer(Outcome.STORED, first).status == 204
    translation = await translated(merchant, first)
    assert not translation.events
    assert "this path" in translation.note


async def test_a_path_that_is_given_its_meaning_later_is_understood_by_a_replay(
    merchant: HepsiburadaNotifications, api: KnownToHepsiburada, clock: FakeClock
) -> None:
    stored = delivery_of(merchant, "hepsiburada", call("createOrder", {"items": [new_line()]}))
    assert not (await merchant.translate(stored)).events
    taught = SETTINGS.model_copy(update={"paths": {"createOrder": "orders"}})
    assert (await HepsiburadaNotifications(taught, api, clock).translate(stored)).events


@pytest.mark.parametrize(
    "request_",
    [
        orders(new_line("l-9", "9")),
        cancel(orderNumber="9"),
        call("orders/9/shippingaddress", {}),
        call("packages/9/deliver", {}),
    ],
)
async def test_what_the_api_does_not_know_is_looked_at_again(
    merchant: HepsiburadaNotifications, request_: WebhookRequest
) -> None:
    with pytest.raises(VendorUnavailable, match="or not yet"):
        await translated(merchant, request_)


@pytest.mark.parametrize(
    "request_",
    [
        call("orders", {"items": []}),
        call("orders", {"items": [new_line()] * 501}),
        orders(new_line(merchantId="other")),
        orders(new_line("")),
        orders(new_line(orderDate="yesterday", lastStatusUpdateDate="")),
        cancel(0),
        cancel(cancelDate="soon"),
        cancel(merchantId="other"),
        cancel(orderNumber=""),
        undeliver(undeliveredDate="soon"),
        call("packages//deliver", {}),
        call("orders//shippingaddress", {}),
        call("orders", []),
    ],
)
def test_what_is_not_in_the_documented_form_is_malformed(
    merchant: HepsiburadaNotifications, request_: WebhookRequest
) -> None:
    with pytest.raises(Malformed):
        merchant.read(request_)


def test_answers_are_those_that_the_vendor_wants(merchant: HepsiburadaNotifications) -> None:
    assert merchant.answer(Outcome.STORED, orders()).status == 201
    assert merchant.answer(Outcome.STORED, cancel()).status == 204
    # Nothing may stand in the way of its calls.
    assert merchant.answer(Outcome.MALFORMED, orders()).status == 201
    assert merchant.answer(Outcome.FORGED, orders()).status == 401
    assert merchant.answer(Outcome.UNAVAILABLE, orders()).status == 503


@pytest.mark.parametrize("given", [{"time_zone": "Mars/Crater"}, {"paths": {"orders": "novel"}}, {"merchant_id": ""}])
def test_settings_that_cannot_work_are_refused(given: dict[str, object]) -> None:
    usable = {
        "merchant_id": "m",
        "webhook_username": "u",
        "webhook_password": "p",
        "api_password": "s",
        "api_user_agent": "a",
    }
    HepsiburadaStore.model_validate(usable)
    with pytest.raises(ValidationError):
        HepsiburadaStore.model_validate({**usable, **given})
