"""Amazon's API of orders, played by a real HTTP server."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from app.tests.marketplaces.amazon.messages import ORDER_ID, settings
from app.tests.marketplaces.specs import VendorApiSpec
from app.tests.marketplaces.vendor_server import VendorServer
from app.tests.services.fakes import FakeClock

from meschain.marketplaces.amazon.api import AmazonApi
from meschain.services.webhook_ports import VendorLine, VendorUnavailable

ORDER, TOKEN = ("GET", f"/orders/2026-01-01/orders/{ORDER_ID}"), ("POST", "/token")


def order(status: str = "UNSHIPPED", **changes: object) -> dict[str, Any]:
    found: dict[str, Any] = {
        "orderId": ORDER_ID,
        "createdTime": "2026-01-01T09:14:00Z",
        "lastUpdatedTime": "2026-01-01T09:15:00Z",
        "fulfillment": {"fulfillmentStatus": status, "fulfilledBy": "MERCHANT"},
        "proceeds": {"grandTotal": {"amount": "300.10", "currencyCode": "EUR"}},
        "orderItems": [{"orderItemId": "OI1", "quantityOrdered": 2, "product": {"sellerSku": "MUG-01"}}],
        **changes,
    }
    return {"order": found}


@pytest.fixture
def amazon(vendor_server: VendorServer) -> VendorServer:
    vendor_server.answers[TOKEN] = {"access_token": "the-token", "expires_in": 3600, "token_type": "bearer"}
    vendor_server.answers[ORDER] = order()
    return vendor_server


@pytest.fixture
def api(amazon: VendorServer, http: aiohttp.ClientSession, clock: FakeClock) -> AmazonApi:
    return AmazonApi(settings(api_url=amazon.url, token_url=f"{amazon.url}/token"), http, clock)


class TestAmazonApi(VendorApiSpec):
    known = ORDER_ID
    unknown = "111-0000000-0000000"

    @pytest.fixture
    def api(self, api: AmazonApi) -> AmazonApi:
        return api


async def test_one_token_serves_until_shortly_before_its_end(
    amazon: VendorServer, api: AmazonApi, clock: FakeClock
) -> None:
    await api.order(ORDER_ID)
    await api.order(ORDER_ID)
    assert amazon.paths().count("POST /token") == 1
    await clock.advance(3550)
    await api.order(ORDER_ID)
    assert amazon.paths().count("POST /token") == 2
    form = parse_qs(amazon.asked[0][2].decode())
    assert form == {
        "grant_type": ["refresh_token"],
        "client_id": ["client"],
        "client_secret": ["login-secret"],
        "refresh_token": ["consent"],
    }
    assert amazon.asked[1][1]["x-amz-access-token"] == "the-token"
    assert amazon.queries[1] == {"includedData": "PROCEEDS,FULFILLMENT"}


async def test_an_order_whose_payment_is_pending_has_no_amount_yet(amazon: VendorServer, api: AmazonApi) -> None:
    amazon.answers[ORDER] = {"order": {name: value for name, value in order("PENDING")["order"].items()}}
    del amazon.answers[ORDER]["order"]["proceeds"]
    found = await api.order(ORDER_ID)
    assert found is not None
    assert (found.status, found.total, found.currency) == ("awaiting", Decimal(0), "")
    assert found.lines == [VendorLine("MUG-01", 2)]


@pytest.mark.parametrize("answer", [403, 429, 500, b"{", {"order": {"orderId": 1, "orderItems": [{}]}}])
async def test_what_cannot_be_had_or_read_is_asked_for_again(
    amazon: VendorServer, api: AmazonApi, answer: object
) -> None:
    amazon.answers[ORDER] = answer
    with pytest.raises(VendorUnavailable):
        await api.order(ORDER_ID)


@pytest.mark.parametrize("answer", [400, 404])
async def test_credentials_that_are_refused_are_said_so_without_being_shown(
    amazon: VendorServer, api: AmazonApi, answer: int
) -> None:
    amazon.answers[TOKEN] = answer
    with pytest.raises(VendorUnavailable) as raised:
        await api.order(ORDER_ID)
    assert "login-secret" not in str(raised.value)
    assert "consent" not in str(raised.value)
