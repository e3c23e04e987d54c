"""eBay's API, played by a real HTTP server."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from app.tests.marketplaces.specs import VendorApiSpec
from app.tests.marketplaces.vendor_server import VendorServer
from app.tests.services.fakes import FakeClock
from pydantic import SecretStr

from meschain.marketplaces.ebay.api import EbayApi
from meschain.services.webhook_ports import VendorUnavailable
from meschain.vendor_settings.ebay import EbayAccess

ORDER = "12-34567-89012"
TOKEN = ("POST", "/identity/v1/oauth2/token")
ORDER_PATH = ("GET", f"/sell/fulfillment/v1/order/{ORDER}")
KEY_PATH = ("GET", "/commerce/notification/v1/public_key/key-1")


def order(**changes: object) -> dict[str, Any]:
    return {
        "orderId": ORDER,
        "orderFulfillmentStatus": "NOT_STARTED",
        "cancelStatus": {"cancelState": "NONE_REQUESTED", "cancelRequests": []},
        "pricingSummary": {"total": {"value": "300.10", "currency": "EUR"}},
        "lineItems": [{"lineItemId": "1", "sku": "MUG-01", "quantity": 2}, {"lineItemId": "2", "quantity": 1}],
        "lastModifiedDate": "2026-01-01T09:15:00.000Z",
        **changes,
    }


@pytest.fixture
def ebay(vendor_server: VendorServer) -> VendorServer:
    vendor_server.answers[TOKEN] = {"access_token": "token-1", "expires_in": 7200, "token_type": "Bearer"}
    vendor_server.answers[ORDER_PATH] = order()
    vendor_server.answers[KEY_PATH] = {"key": "-----BEGIN…", "algorithm": "ECDSA", "digest": "SHA1"}
    return vendor_server


@pytest.fixture
def api(ebay: VendorServer, http: aiohttp.ClientSession, clock: FakeClock) -> EbayApi:
    access = EbayAccess(
        client_id="app", client_secret=SecretStr("cert"), refresh_token=SecretStr("refresh"), api_url=ebay.url
    )
    return EbayApi(access, http, clock)


class TestEbayApi(VendorApiSpec):
    known = ORDER
    unknown = "99-99999-99999"

    @pytest.fixture
    def api(self, api: EbayApi) -> EbayApi:
        return api


async def test_a_token_is_asked_for_once_and_again_before_it_expires(
    ebay: VendorServer, api: EbayApi, clock: FakeClock
) -> None:
    await api.order(ORDER)
    await api.order(ORDER)
    tokens = [(headers, body) for what, headers, body in ebay.asked if what == "POST /identity/v1/oauth2/token"]
    [(headers, body)] = tokens
    assert headers["authorization"] == "Basic YXBwOmNlcnQ="
    assert parse_qs(body.decode())["refresh_token"] == ["refresh"]
    await clock.advance(7200 - 30)
    await api.order(ORDER)
    assert ebay.paths().count("POST /identity/v1/oauth2/token") == 2


async def test_a_key_is_read_with_the_applications_own_token(ebay: VendorServer, api: EbayApi) -> None:
    assert await api.public_key("key-1") == "-----BEGIN…"
    assert await api.public_key("key-2") is None
    assert parse_qs(ebay.asked[0][2].decode())["grant_type"] == ["client_credentials"]
    assert ebay.asked[1][1]["authorization"] == "Bearer token-1"


async def test_an_id_cannot_lead_to_another_address(ebay: VendorServer, api: EbayApi) -> None:
    await api.order("../../../admin?x=1")
    assert ebay.paths()[-1].startswith("GET /sell/fulfillment/v1/order/")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "created"),
        ({"orderFulfillmentStatus": "IN_PROGRESS"}, "picking"),
        ({"orderFulfillmentStatus": "FULFILLED"}, "shipped"),
        ({"cancelStatus": {"cancelState": "CANCELED"}}, "cancelled"),
        ({"orderFulfillmentStatus": "SOMETHING_NEW"}, ""),
    ],
)
async def test_statuses_have_our_words(ebay: VendorServer, api: EbayApi, changes: dict[str, Any], status: str) -> None:
    ebay.answers[ORDER_PATH] = order(**changes)
    found = await api.order(ORDER)
    assert found is not None
    assert found.status == status
    assert found.total == Decimal("300.10")
    assert [(line.sku, line.quantity) for line in found.lines] == [("MUG-01", 2), ("", 1)]


@pytest.mark.parametrize("answer", [500, 403, 302, b"no json", {"orderId": 5}, b"[" * 100_000])
async def test_what_cannot_be_used_is_no_order(ebay: VendorServer, api: EbayApi, answer: object) -> None:
    ebay.answers[ORDER_PATH] = answer
    with pytest.raises(VendorUnavailable) as raised:
        await api.order(ORDER)
    assert "token" not in str(raised.value)


async def test_an_answer_without_end_is_cut_off(ebay: VendorServer, api: EbayApi) -> None:
    ebay.answers[ORDER_PATH] = b" " * (5 * 1024 * 1024)
    with pytest.raises(VendorUnavailable, match="4194304 bytes"):
        await api.order(ORDER)


async def test_no_token_no_order(ebay: VendorServer, api: EbayApi) -> None:
    ebay.answers[TOKEN] = 401
    with pytest.raises(VendorUnavailable, match="status 401"):
        await api.order(ORDER)
    assert all("order" not in path for path in ebay.paths())
