"""Webhooks through the whole application: taken in, worked on, told to open pages, seen and replayed."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from app.tests.marketplaces.etsy.test_notifications import message, signed
from app.tests.marketplaces.vector_files import vector
from app.tests.marketplaces.vendor_server import VendorServer, running_vendor
from app.tests.site import Site, running_site

from meschain.http.webhooks import MAXIMUM_BODY_BYTES

RECEIPT_PATH = ("GET", "/v3/application/shops/42000001/receipts/3900000001")
ADMIN, MANAGER = "admin", "manager"


@pytest.fixture
async def etsy() -> AsyncIterator[VendorServer]:
    async with running_vendor() as server:
        server.answers["POST", "/token"] = {"access_token": "token", "expires_in": 3600}
        server.answers[RECEIPT_PATH] = {
            "receipt_id": 3900000001,
            "status": "Paid",
            "grandtotal": {"amount": 30010, "divisor": 100, "currency_code": "EUR"},
            "transactions": [{"sku": "NONE", "quantity": 2}],
        }
        yield server


def store(etsy: VendorServer) -> dict[str, Any]:
    return {
        "shop_id": 42000001,
        "signing_secret": vector("etsy_secret.txt"),
        "api_key": "key",
        "refresh_token": "refresh",
        "api_url": etsy.url,
        "token_url": f"{etsy.url}/token",
    }


@pytest.fixture
async def site(data_dir: Path, etsy: VendorServer) -> AsyncIterator[Site]:
    async with running_site(data_dir, etsy_stores={"main": store(etsy)}, webhooks_per_address=50) as site:
        yield site


async def send(
    site: Site, webhook_id: str = "msg_1", content: object | None = None, *, path: str = "/webhooks/etsy/main"
) -> tuple[int, bytes]:
    request = signed(message() if content is None else content, webhook_id, str(int(time.time())))
    async with site.http.post(
        f"{site.url}{path}", data=io.BytesIO(request.body), headers=dict(request.headers)
    ) as answer:
        return answer.status, await answer.read()


async def finished(site: Site, token: str, count: int = 1) -> list[dict[str, Any]]:
    """The list, once that many are not waiting any more."""
    async with asyncio.timeout(30):
        while True:
            status, listed = await site.get("/api/inbox", token)
            assert status == 200
            rows: list[dict[str, Any]] = listed["deliveries"]
            if len(rows) >= count and all(row["status"] != "waiting" for row in rows):
                return rows
            await asyncio.sleep(0.02)


async def test_an_order_reaches_an_open_page_once(site: Site) -> None:
    session = await site.login(ADMIN)
    async with site.connected(session["accessToken"]) as page:
        await page.invoke("JoinAdminGroup", session["userId"], session["role"])
        assert await send(site) == (200, b"")
        assert await send(site) == (200, b"")
        assert await send(site, "msg_2") == (200, b"")
        order = await page.received("orderNotification", lambda payload: payload["marketplaceOrderId"] == "3900000001")
    assert (order["status"], order["total"], order["currency"], order["marketplace"]) == (
        "created",
        300.1,
        "EUR",
        "etsy",
    )
    rows = await finished(site, session["accessToken"], 2)
    assert [row["note"] for row in rows] == ["1 known", "1 told"]


async def test_what_is_forged_or_for_nobody_leaves_nothing(site: Site) -> None:
    token = (await site.login(ADMIN))["accessToken"]
    async with site.http.post(f"{site.url}/webhooks/etsy/main", data=b"{}") as answer:
        assert answer.status == 401
    for path in ("/webhooks/etsy/other", "/webhooks/nobody/main"):
        assert (await send(site, path=path))[0] == 404
    assert (await site.get("/api/inbox", token))[1]["deliveries"] == []


async def test_a_body_may_have_a_megabyte_and_no_more(site: Site) -> None:
    padded = {**message(), "padding": "x" * (MAXIMUM_BODY_BYTES - 400)}
    assert (await send(site, content=padded))[0] == 200
    assert (await send(site, "msg_2", b"x" * (MAXIMUM_BODY_BYTES + 1)))[0] == 413
    # The limit of all other routes stays what it was.
    async with site.http.post(f"{site.url}/api/login", data=b"x" * 100_000) as answer:
        assert answer.status == 413


async def test_one_address_may_not_flood(site: Site) -> None:
    statuses = []
    for _ in range(60):
        async with site.http.post(f"{site.url}/webhooks/etsy/main", data=b"{}") as answer:
            statuses.append(answer.status)
    assert statuses[:50] == [401] * 50
    assert 429 in statuses[50:]


async def test_a_dead_letter_is_seen_and_replayed_by_an_administrator(site: Site, etsy: VendorServer) -> None:
    token = (await site.login(ADMIN))["accessToken"]
    odd = message(url="https://api.etsy.com/v3/application/shops/42000001/listings/1")
    assert (await send(site, content=odd))[0] == 200
    [row] = await finished(site, token)
    assert (row["status"], row["kind"], row["vendor"], row["store"]) == ("dead", "order.paid", "etsy", "main")
    assert "resource_url" in row["note"]
    status, shown = await site.get(f"/api/inbox/{row['number']}", token)
    assert (status, json.loads(shown["body"])) == (200, odd)
    assert set(shown["headers"]) == {"webhook-id", "webhook-timestamp", "webhook-signature", "content-type"}
    assert await post(site, token, f"/api/inbox/{row['number']}/replay") == 204
    [again] = await finished(site, token)
    assert again["status"] == "dead"
    assert await replay_dead(site, token) == {"replayed": 1, "before": None}
    await finished(site, token)
    tries = (await site.get(f"/api/inbox/{row['number']}", token))[1]["tries"]
    assert [(each["status"], each["note"]) for each in tries] == [("dead", row["note"])] * 3
    assert await post(site, token, f"/api/inbox/{row['number']}/drop") == 204
    assert (await site.get(f"/api/inbox/{row['number']}", token))[1]["body"] == ""
    assert await post(site, token, f"/api/inbox/{row['number']}/replay") == 404
    listed = (await site.get("/api/inbox?status=dropped&vendor=etsy&limit=5", token))[1]
    assert [each["number"] for each in listed["deliveries"]] == [row["number"]]


async def post(site: Site, token: str, path: str) -> int:
    async with site.http.post(f"{site.url}{path}", headers={"authorization": f"Bearer {token}"}) as answer:
        return answer.status


async def replay_dead(site: Site, token: str) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {token}"}
    async with site.http.post(f"{site.url}/api/inbox/replay-dead", headers=headers) as answer:
        replayed: dict[str, Any] = await answer.json()
        return replayed


async def test_the_inbox_is_for_administrators(site: Site) -> None:
    manager = (await site.login(MANAGER))["accessToken"]
    for path in ("/api/inbox", "/api/inbox/1"):
        assert (await site.get(path))[0] == 401
        assert (await site.get(path, manager))[0] == 403
    for path in ("/api/inbox/1/replay", "/api/inbox/1/drop", "/api/inbox/replay-dead"):
        assert await post(site, "", path) == 401
        assert await post(site, manager, path) == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/inbox?before=x", 400),
        ("/api/inbox?limit=-1", 400),
        ("/api/inbox?status=odd", 400),
        ("/api/inbox/0", 404),
        ("/api/inbox/x", 404),
        ("/api/inbox/" + "9" * 40, 404),
    ],
)
async def test_odd_questions_are_answered(site: Site, path: str, status: int) -> None:
    token = (await site.login(ADMIN))["accessToken"]
    assert (await site.get(path, token))[0] == status


async def test_requests_are_counted_by_vendor(site: Site) -> None:
    await send(site)
    async with site.http.get(f"{site.url}/metrics") as answer:
        assert 'meschain_webhook_requests_total{outcome="stored",vendor="etsy"} 1.0' in await answer.text()
