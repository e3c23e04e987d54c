"""Trendyol's API, played by a real HTTP server."""

from __future__ import annotations

from base64 import b64encode
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from app.tests.marketplaces.specs import VendorApiSpec
from app.tests.marketplaces.vendor_server import VendorServer
from pydantic import SecretStr

from meschain.marketplaces.trendyol.api import TrendyolApi
from meschain.services.webhook_ports import VendorLine, VendorUnavailable
from meschain.vendor_settings.trendyol import TrendyolStore

ORDERS = ("GET", "/integration/order/sellers/4711/orders")


def package(**changes: object) -> dict[str, Any]:
    return {
        "shipmentPackageId": 900100200,
        "orderNumber": "70012345678",
        "status": "Shipped",
        "currencyCode": "TRY",
        "packageTotalPrice": 300.1,
        "cargoTrackingNumber": 7280000000000001,
        "lines": [{"quantity": 2, "merchantSku": "MUG-01", "barcode": "8690000000017"}],
        "packageHistories": [{"createdDate": 1, "status": "Awaiting"}, {"createdDate": 2, "status": "Created"}],
        **changes,
    }


@pytest.fixture
def trendyol(vendor_server: VendorServer) -> VendorServer:
    vendor_server.answers[ORDERS] = {"totalElements": 1, "content": [package()]}
    return vendor_server


@pytest.fixture
def api(trendyol: VendorServer, http: aiohttp.ClientSession) -> TrendyolApi:
    settings = TrendyolStore(
        seller_id=4711,
        webhook_api_key=SecretStr("hook"),
        api_key=SecretStr("key"),
        api_secret=SecretStr("secret"),
        api_url=trendyol.url,
    )
    return TrendyolApi(settings, http)


class TestTrendyolApi(VendorApiSpec):
    known = "900100200"
    unknown = "1"

    @pytest.fixture
    def api(self, api: TrendyolApi) -> TrendyolApi:
        return api


async def test_a_package_has_what_it_costs_and_all_that_it_went_through(
    trendyol: VendorServer, api: TrendyolApi
) -> None:
    found = await api.package("900100200")
    assert found is not None
    assert (found.order.order_number, found.order.status) == ("70012345678", "shipped")
    assert (found.order.total, found.order.currency) == (Decimal("300.1"), "TRY")
    assert found.order.lines == [VendorLine("MUG-01", 2)]
    assert found.statuses == {"awaiting", "created", "shipped"}
    _, headers, _ = trendyol.asked[0]
    assert headers["authorization"] == "Basic " + b64encode(b"key:secret").decode()
    assert headers["user-agent"] == "4711 - SelfIntegration"
    assert trendyol.queries == [{"shipmentPackageIds": "900100200"}]


async def test_an_article_without_the_sellers_code_is_known_by_its_barcode(
    trendyol: VendorServer, api: TrendyolApi
) -> None:
    lines = [{"quantity": 1, "merchantSku": None, "barcode": "869"}, {"quantity": 1, "stockCode": "S"}, {"quantity": 1}]
    trendyol.answers[ORDERS] = {"content": [package(lines=lines, packageTotalPrice=None, totalPrice=7)]}
    found = await api.order("900100200")
    assert found is not None
    assert [line.sku for line in found.lines] == ["869", "S", ""]
    assert found.total == 7


@pytest.mark.parametrize("answer", [401, 429, 500, 302, b"<html>", {"content": [{"orderNumber": 1}]}])
async def test_what_cannot_be_had_or_read_is_asked_for_again(
    trendyol: VendorServer, api: TrendyolApi, answer: object
) -> None:
    trendyol.answers[ORDERS] = answer
    with pytest.raises(VendorUnavailable) as raised:
        await api.order("900100200")
    assert "secret" not in str(raised.value)
