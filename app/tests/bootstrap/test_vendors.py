"""Stores of vendors that send to us, through the whole application: told to an open page, once, or refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from app.tests.marketplaces.hepsiburada import test_api as hepsiburada
from app.tests.marketplaces.hepsiburada.test_notifications import basic as hepsiburada_basic
from app.tests.marketplaces.hepsiburada.test_notifications import new_line
from app.tests.marketplaces.trendyol import test_api as trendyol
from app.tests.marketplaces.trendyol.test_notifications import basic as trendyol_basic
from app.tests.marketplaces.trendyol.test_notifications import package
from app.tests.marketplaces.vendor_server import VendorServer, running_vendor
from app.tests.site import Site, running_site

TRENDYOL, HEPSIBURADA = "/webhooks/trendyol/main", "/webhooks/hepsiburada/main"


@pytest.fixture
async def vendor() -> AsyncIterator[VendorServer]:
    async with running_vendor() as server:
        server.answers[trendyol.ORDERS] = {"content": [trendyol.package()]}
        server.answers[hepsiburada.ORDER] = hepsiburada.order(hepsiburada.line())
        yield server


@pytest.fixture
async def site(data_dir: Path, vendor: VendorServer) -> AsyncIterator[Site]:
    seller = {
        "seller_id": 4711,
        "webhook_username": "shop",
        "webhook_password": "password",
        "api_key": "key",
        "api_secret": "secret",
        "api_url": vendor.url,
    }
    merchant = {
        "merchant_id": "m-1",
        "webhook_username": "shop",
        "webhook_password": "password",
        "api_password": "service-key",
        "api_user_agent": "shop_dev",
        "api_url": vendor.url,
    }
    async with running_site(data_dir, trendyol_stores={"main": seller}, hepsiburada_stores={"main": merchant}) as site:
        yield site


async def send(site: Site, path: str, content: object, headers: dict[str, str], method: str = "POST") -> int:
    data = {"data": content} if isinstance(content, bytes) else {"json": content}
    async with site.http.request(method, f"{site.url}{path}", headers=headers, **data) as answer:
        return answer.status


async def listed(site: Site, token: str, count: int) -> list[dict[str, Any]]:
    """The deliveries, once there are that many and none waits."""
    async with asyncio.timeout(30):
        while True:
            _, answer = await site.get("/api/inbox", token)
            rows: list[dict[str, Any]] = answer["deliveries"]
            if len(rows) >= count and all(row["status"] != "waiting" for row in rows):
                return rows
            await asyncio.sleep(0.02)


async def test_an_order_of_trendyols_reaches_an_open_page_once(site: Site) -> None:
    session = await site.login("admin")
    created = {"content": [package("Created")]}
    async with site.connected(session["accessToken"]) as page:
        await page.invoke("JoinAdminGroup", session["userId"], session["role"])
        assert await send(site, TRENDYOL, created, trendyol_basic()) == 200
        assert await send(site, TRENDYOL, created, trendyol_basic()) == 200
        order = await page.received("orderNotification", lambda payload: payload["marketplace"] == "trendyol")
    assert (order["status"], order["total"], order["orderNumber"]) == ("created", 300.1, "70012345678")
    assert await send(site, TRENDYOL, created, trendyol_basic(given="wrong")) == 401
    # An error would have Trendyol switch the webhook off; the message is kept for a person.
    assert await send(site, TRENDYOL, b"{", trendyol_basic()) == 200
    rows = await listed(site, session["accessToken"], 2)
    assert [row["status"] for row in rows] == ["dead", "done"]


async def test_an_order_of_hepsiburadas_reaches_an_open_page_once(site: Site) -> None:
    session = await site.login("admin")
    created = {"items": [new_line(merchantId="m-1")]}
    async with site.connected(session["accessToken"]) as page:
        await page.invoke("JoinAdminGroup", session["userId"], session["role"])
        assert await send(site, f"{HEPSIBURADA}/orders", created, hepsiburada_basic()) == 201
        assert await send(site, f"{HEPSIBURADA}/orders", created, hepsiburada_basic(), "PUT") == 201
        order = await page.received("orderNotification", lambda payload: payload["marketplace"] == "hepsiburada")
    assert (order["status"], order["total"], order["orderNumber"]) == ("created", 300.1, "410000001")
    assert await send(site, f"{HEPSIBURADA}/orders", created, hepsiburada_basic("wrong")) == 401
    assert await send(site, f"{HEPSIBURADA}/picking/started", {}, hepsiburada_basic(), "PUT") == 204
    rows = await listed(site, session["accessToken"], 2)
    assert [(row["kind"], row["status"]) for row in rows] == [("picking/started", "done"), ("orders", "done")]


async def test_one_stores_secret_is_none_of_anothers_address(site: Site) -> None:
    created = {"content": [package("Created")]}
    assert await send(site, "/webhooks/trendyol/other", created, trendyol_basic()) == 404
    for fetched in ("amazon", "n11"):
        assert await send(site, f"/webhooks/{fetched}/main", created, trendyol_basic()) == 404
