"""Stores of vendors that send nothing, through the whole application: fetched, and told to an open page once."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from app.tests.bootstrap.test_vendors import listed
from app.tests.marketplaces.amazon import messages
from app.tests.marketplaces.amazon.queue_server import KEYS, REGION, Queue, queue_at, running_queues
from app.tests.marketplaces.amazon.test_api import ORDER, TOKEN
from app.tests.marketplaces.amazon.test_api import order as order_of_amazon
from app.tests.marketplaces.n11.packages import PACKAGES, package
from app.tests.marketplaces.receiver import RememberingReceiver
from app.tests.marketplaces.vendor_server import VendorServer, running_vendor
from app.tests.services.fakes import FakeClock, MemoryCursors
from app.tests.site import running_site

from meschain.bootstrap.sources import make_sources
from meschain.services.clock import SystemClock
from meschain.settings import Settings, SettingsError


@pytest.fixture(scope="module")
def queues() -> Iterator[str]:
    with running_queues() as address:
        yield address


@pytest.fixture
async def queue(queues: str) -> AsyncIterator[Queue]:
    async with queue_at(queues) as queue:
        yield queue


@pytest.fixture
async def vendor_server() -> AsyncIterator[VendorServer]:
    async with running_vendor() as server:
        yield server


def amazon_store(
    url: str = "https://sqs.eu-west-1.amazonaws.com/1/q", api: str = "https://a.example"
) -> dict[str, object]:
    return {
        "seller_id": "A0EXAMPLE",
        "queue_url": url,
        "queue_region": REGION,
        "access_key_id": KEYS["aws_access_key_id"],
        "secret_access_key": KEYS["aws_secret_access_key"],
        "client_id": "client",
        "client_secret": "secret",
        "refresh_token": "consent",
        "api_url": api,
        "token_url": f"{api}/token",
    }


async def test_an_order_of_amazons_queue_reaches_an_open_page_once(
    data_dir: Path, queue: Queue, vendor_server: VendorServer
) -> None:
    vendor_server.answers[TOKEN] = {"access_token": "token", "expires_in": 3600}
    vendor_server.answers[ORDER] = order_of_amazon()
    store = amazon_store(queue.url, vendor_server.url)
    async with running_site(data_dir, amazon_stores={"main": store}) as site:
        session = await site.login("admin")
        async with site.connected(session["accessToken"]) as page:
            await page.invoke("JoinAdminGroup", session["userId"], session["role"])
            message = messages.text(messages.order_change())
            await queue.put(message, message, "not JSON")
            order = await page.received("orderNotification", lambda payload: payload["marketplace"] == "amazon")
        assert (order["status"], order["total"], order["orderNumber"]) == ("created", 300.1, messages.ORDER_ID)
        rows = await listed(site, session["accessToken"], 2)
        assert sorted(row["status"] for row in rows) == ["dead", "done"]
        # Nobody can put anything in over HTTP.
        async with site.http.post(f"{site.url}/webhooks/amazon/main", data=message) as answer:
            assert answer.status == 403


async def test_an_order_of_n11s_reaches_an_open_page_once(data_dir: Path, vendor_server: VendorServer) -> None:
    changed = int(SystemClock().now().timestamp() * 1000)
    vendor_server.answers[PACKAGES] = {"totalPages": 1, "content": []}
    store = {"app_key": "key", "app_secret": "secret", "api_url": vendor_server.url, "poll_seconds": 5}
    async with running_site(data_dir, n11_stores={"main": store}) as site:
        session = await site.login("admin")
        async with site.connected(session["accessToken"]) as page:
            await page.invoke("JoinAdminGroup", session["userId"], session["role"])
            vendor_server.answers[PACKAGES] = {"totalPages": 1, "content": [package(changed=changed)]}
            order = await page.received("orderNotification", lambda payload: payload["marketplace"] == "n11")
        assert (order["status"], order["total"], order["orderNumber"]) == ("created", 310.0, "20001")
        rows = await listed(site, session["accessToken"], 1)
        assert [row["status"] for row in rows] == ["done"]


async def test_a_store_at_amazon_without_the_extra_says_what_to_install(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "aiobotocore", None)  # as if it were not installed
    receiver, cursors, clock = RememberingReceiver(), MemoryCursors(), FakeClock()
    assert not make_sources(Settings(), receiver, cursors, http, clock)
    settings = Settings.model_validate({"amazon_stores": {"main": amazon_store()}})
    with pytest.raises(SettingsError, match=r"meschain\[amazon\]"):
        make_sources(settings, receiver, cursors, http, clock)
