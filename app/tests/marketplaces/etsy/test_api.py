"""Etsy's API, played by a real HTTP server."""

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

from meschain.marketplaces.etsy.api import EtsyApi
from meschain.services.webhook_ports import VendorUnavailable
from meschain.vendor_settings.etsy import EtsyStore

PATH = ("GET", "/v3/application/shops/42000001/receipts/3900000001")
TOKEN = ("POST", "/token")


def receipt(**changes: object) -> dict[str, Any]:
    return {
        "receipt_id": 3900000001,
        "status": "Paid",
        "is_shipped": False,
        "grandtotal": {"amount": 30010, "divisor": 100, "currency_code": "EUR"},
        "transactions": [{"sku": "MUG-01", "quantity": 2}, {"sku": None, "quantity": 1}],
        "updated_timestamp": 1767258900,
        **changes,
    }


@pytest.fixture
def etsy(vendor_server: VendorServer) -> VendorServer:
    vendor_server.answers[TOKEN] = {"access_token": "1.token", "expires_in": 3600, "refresh_token": "newer"}
    vendor_server.answers[PATH] = receipt()
    return vendor_server


@pytest.fixture
def api(etsy: VendorServer, http: aiohttp.ClientSession, clock: FakeClock) -> EtsyApi:
    settings = EtsyStore(
        shop_id=42000001,
        signing_secret=SecretStr("whsec_c2VjcmV0"),
        api_key=SecretStr("keystring:shared"),
        refresh_token=SecretStr("older"),
        api_url=etsy.url,
        token_url=f"{etsy.url}/token",
    )
    return EtsyApi(settings, http, clock)


class TestEtsyApi(VendorApiSpec):
    known = "3900000001"
    unknown = "1"

    @pytest.fixture
    def api(self, api: EtsyApi) -> EtsyApi:
        return api


async def test_each_token_is_asked_for_with_the_newest_consent(
    etsy: VendorServer, api: EtsyApi, clock: FakeClock
) -> None:
    await api.order("3900000001")
    await clock.advance(3600)
    await api.order("3900000001")
    forms = [parse_qs(body.decode()) for what, _, body in etsy.asked if what == "POST /token"]
    assert [form["refresh_token"] for form in forms] == [["older"], ["newer"]]
    assert forms[0]["client_id"] == ["keystring"]
    assert etsy.asked[1][1]["authorization"] == "Bearer 1.token"
    assert etsy.asked[1][1]["x-api-key"] == "keystring:shared"


@pytest.mark.parametrize(
    ("changes", "status"),
    [({}, "created"), ({"is_shipped": True}, "shipped"), ({"status": "Canceled", "is_shipped": True}, "cancelled")],
)
async def test_statuses_have_our_words(etsy: VendorServer, api: EtsyApi, changes: dict[str, Any], status: str) -> None:
    etsy.answers[PATH] = receipt(**changes)
    found = await api.order("3900000001")
    assert found is not None
    assert (found.status, found.total, found.currency) == (status, Decimal("300.10"), "EUR")
    assert [(line.sku, line.quantity) for line in found.lines] == [("MUG-01", 2), ("", 1)]


async def test_an_amount_that_is_none_is_refused(etsy: VendorServer, api: EtsyApi) -> None:
    etsy.answers[PATH] = receipt(grandtotal={"amount": 1, "divisor": 0, "currency_code": "EUR"})
    with pytest.raises(VendorUnavailable, match="divisor"):
        await api.order("3900000001")
