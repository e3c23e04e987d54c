"""Ozon's Seller API, played by a real HTTP server."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from app.tests.marketplaces.specs import VendorApiSpec
from app.tests.marketplaces.vendor_server import VendorServer
from pydantic import SecretStr

from meschain.marketplaces.ozon.api import OzonApi, OzonArticle
from meschain.services.webhook_ports import VendorUnavailable
from meschain.vendor_settings.ozon import OzonStore

FBS, FBO, ITEMS = ("POST", "/v3/posting/fbs/get"), ("POST", "/v2/posting/fbo/get"), ("POST", "/v3/product/info/list")


def posting(**changes: object) -> dict[str, Any]:
    product = {"offer_id": "MUG-01", "sku": 900000001, "quantity": 2, "price": "150.05", "currency_code": "RUB"}
    return {"result": {"posting_number": "1-1", "status": "awaiting_packaging", "products": [product], **changes}}


@pytest.fixture
def ozon(vendor_server: VendorServer) -> VendorServer:
    vendor_server.answers[FBS] = posting()
    return vendor_server


@pytest.fixture
def api(ozon: VendorServer, http: aiohttp.ClientSession) -> OzonApi:
    settings = OzonStore(seller_id=77, path_secret=SecretStr("s" * 40), api_key=SecretStr("the-key"), api_url=ozon.url)
    return OzonApi(settings, http)


class TestOzonApi(VendorApiSpec):
    known = "1-1"
    unknown = "9-9"

    @pytest.fixture
    def api(self, api: OzonApi) -> OzonApi:
        return api

    async def test_an_order_that_there_is_not_is_none(self, api: OzonApi, ozon: VendorServer) -> None:  # type: ignore[override] # the posting is named in the body
        del ozon.answers[FBS]
        assert await api.order(self.unknown) is None
        assert ozon.paths() == ["POST /v3/posting/fbs/get", "POST /v2/posting/fbo/get"]


async def test_a_posting_has_its_sum_and_the_sellers_keys_go_along(ozon: VendorServer, api: OzonApi) -> None:
    found = await api.order("1-1")
    assert found is not None
    assert (found.status, found.total, found.currency) == ("created", Decimal("300.10"), "RUB")
    _, headers, body = ozon.asked[0]
    assert (headers["client-id"], headers["api-key"], body) == ("77", "the-key", b'{"posting_number":"1-1"}')


async def test_a_posting_from_ozons_own_warehouse_is_found(ozon: VendorServer, api: OzonApi) -> None:
    del ozon.answers[FBS]
    ozon.answers[FBO] = posting(status="delivering")
    found = await api.order("1-1")
    assert found is not None
    assert found.status == "shipped"


async def test_sums_of_several_currencies_are_refused(ozon: VendorServer, api: OzonApi) -> None:
    products = [{"quantity": 1, "price": "1", "currency_code": code} for code in ("RUB", "KZT")]
    ozon.answers[FBS] = posting(products=products)
    with pytest.raises(VendorUnavailable, match="several currencies"):
        await api.order("1-1")


async def test_stock_is_what_is_not_reserved_over_all_warehouses(ozon: VendorServer, api: OzonApi) -> None:
    stocks = [{"present": 5, "reserved": 2, "sku": 1, "source": "fbs"}, {"present": 4, "reserved": 0, "sku": 2}]
    ozon.answers[ITEMS] = {"items": [{"offer_id": "MUG-01", "stocks": {"has_stock": True, "stocks": stocks}}]}
    assert await api.articles([1]) == {1: OzonArticle("MUG-01", 7)}
    assert ozon.asked[0][2] == b'{"sku":["1"]}'
