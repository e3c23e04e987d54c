"""Hepsiburada's order API, played by a real HTTP server."""

from __future__ import annotations

from base64 import b64encode
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from app.tests.marketplaces.specs import VendorApiSpec
from app.tests.marketplaces.vendor_server import VendorServer
from pydantic import SecretStr

from meschain.marketplaces.hepsiburada.api import HepsiburadaApi, HepsiburadaPackage
from meschain.services.webhook_ports import VendorUnavailable
from meschain.vendor_settings.hepsiburada import HepsiburadaStore

ORDER = ("GET", "/orders/merchantid/m-1/ordernumber/410000001")
PACKAGE = ("GET", "/packages/merchantid/m-1/packagenumber/500")


def line(line_id: str = "l-1", status: str = "Open", quantity: int = 2, **changes: object) -> dict[str, Any]:
    price = {"currency": "TRY", "amount": 300.1}
    return {
        "id": line_id,
        "merchantSKU": "MUG-01",
        "quantity": quantity,
        "status": status,
        "totalPrice": price,
    } | changes


def order(*lines: dict[str, Any]) -> dict[str, Any]:
    return {"orderNumber": "410000001", "orderId": "x", "items": list(lines)}


@pytest.fixture
def hepsiburada(vendor_server: VendorServer) -> VendorServer:
    vendor_server.answers[ORDER] = order(line())
    return vendor_server


@pytest.fixture
def api(hepsiburada: VendorServer, http: aiohttp.ClientSession) -> HepsiburadaApi:
    settings = HepsiburadaStore(
        merchant_id="m-1",
        webhook_username="shop",
        webhook_password=SecretStr("hook"),
        api_password=SecretStr("service-key"),
        api_user_agent="shop_dev",
        api_url=hepsiburada.url,
    )
    return HepsiburadaApi(settings, http)


class TestHepsiburadaApi(VendorApiSpec):
    known = "410000001"
    unknown = "1"

    @pytest.fixture
    def api(self, api: HepsiburadaApi) -> HepsiburadaApi:
        return api


async def test_the_merchants_key_and_the_integrators_name_go_along(
    hepsiburada: VendorServer, api: HepsiburadaApi
) -> None:
    await api.order("410000001")
    _, headers, _ = hepsiburada.asked[0]
    assert headers["authorization"] == "Basic " + b64encode(b"m-1:service-key").decode()
    assert headers["user-agent"] == "shop_dev"


@pytest.mark.parametrize(
    ("statuses", "word", "total"),
    [
        (["Open", "Packaged"], "created", "600.2"),
        (["Packaged", "Delivered"], "picking", "600.2"),
        (["Delivered", "CancelledByCustomer"], "delivered", "300.1"),
        (["CancelledByMerchant", "CancelledBySap"], "cancelled", "0"),
        (["InTransit", "Undelivered"], "shipped", "600.2"),
        (["Novel"], "", "300.1"),
        ([], "", "0"),
    ],
)
async def test_an_order_is_as_far_as_its_last_line_and_costs_what_was_not_cancelled(
    hepsiburada: VendorServer, api: HepsiburadaApi, statuses: list[str], word: str, total: str
) -> None:
    hepsiburada.answers[ORDER] = order(*(line(f"l-{number}", status) for number, status in enumerate(statuses)))
    found = await api.order("410000001")
    assert found is not None
    assert (found.status, found.total) == (word, Decimal(total))


async def test_a_line_is_known_by_either_of_its_names(hepsiburada: VendorServer, api: HepsiburadaApi) -> None:
    named = {"lineItemId": "l-2", "merchantSku": "MUG-02", "merchantSKU": None}
    hepsiburada.answers[ORDER] = order(line(), line("", "Open", 1, **named))
    found = await api.detailed_order("410000001")
    assert found is not None
    assert [(each.line_id, each.sku) for each in found.lines] == [("l-1", "MUG-01"), ("l-2", "MUG-02")]


async def test_sums_of_several_currencies_are_refused(hepsiburada: VendorServer, api: HepsiburadaApi) -> None:
    hepsiburada.answers[ORDER] = order(line(), line(totalPrice={"currency": "EUR", "amount": 1}))
    with pytest.raises(VendorUnavailable, match="several currencies"):
        await api.order("410000001")


@pytest.mark.parametrize(
    ("answer", "package"),
    [
        ([{"packageNumber": "500", "status": "InTransit"}], HepsiburadaPackage("shipped", "")),
        ({"status": "Delivered", "orderNumber": "41"}, HepsiburadaPackage("delivered", "41")),
        ([{"status": "Novel", "items": [{"orderNumber": "42"}]}], HepsiburadaPackage("", "42")),
        ([], None),
        (404, None),
    ],
)
async def test_a_package_is_read_as_a_list_and_by_itself(
    hepsiburada: VendorServer, api: HepsiburadaApi, answer: object, package: HepsiburadaPackage | None
) -> None:
    hepsiburada.answers[PACKAGE] = answer
    assert await api.package("500") == package


@pytest.mark.parametrize("answer", [401, 500, b"[", b"[1]", b"7"])
async def test_what_cannot_be_had_or_read_is_asked_for_again(
    hepsiburada: VendorServer, api: HepsiburadaApi, answer: object
) -> None:
    hepsiburada.answers[PACKAGE] = hepsiburada.answers[ORDER] = answer
    with pytest.raises(VendorUnavailable):
        await api.package("500")
    with pytest.raises(VendorUnavailable):
        await api.order("410000001")
