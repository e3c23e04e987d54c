"""A real shop's database behind the running application: log-in, an order as it happens, a sync by the shop itself."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from app.tests.conftest import START_SECONDS, Serve, Site
from app.tests.hostings import RunSite
from app.tests.opencart.conftest import MakeWorld
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from meschain.domain.roles import Role
from meschain.opencart.schema import Version
from meschain.services.signed_requests import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from meschain.settings import SyncEndpoint

PASSWORD = secrets.token_urlsafe(16)
SYNC_SECRET = secrets.token_urlsafe(32)


async def token_of_an_administrator(site: Site) -> str:
    await site.application.accounts.add("boss", Role.ADMIN, password=PASSWORD)
    body = {"username": "boss", "password": PASSWORD}
    async with site.http.post(f"{site.url}/api/login", json=body) as answer:
        token: str = (await answer.json())["accessToken"]
        return token


@pytest.mark.parametrize("version", list(Version), ids=str)
async def test_an_order_of_a_real_shop_appears(
    make_world: MakeWorld, tmp_path: Path, run_site: RunSite, version: Version
) -> None:
    world = await make_world("mariadb", version)
    old = await world.order(0, "10.00")
    await world.history(old, 1)
    secret = SecretStr(secrets.token_urlsafe(40))
    async with run_site(tmp_path / "data", opencart_url=SecretStr(world.url), secret=secret) as site:
        assert site.application.demo_shop is None
        assert (await site.get("/api/info"))[1]["shopName"] == "Deneme"
        token = await token_of_an_administrator(site)
        async with site.connected(token) as client:
            await client.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
            data = await client.received("updateAdminDashboard")
            assert not data["demo"]
            assert data["systemStatus"]["databaseStatus"] in {"healthy", "warning"}  # slow, as a busy machine's may be
            await site.orders_are_watched()
            order = await world.order(0, "149.90")
            await world.history(order, 1)
            await client.received("orderNotification", lambda received: received["orderId"] == order)
            # At least once: the same event may come again, another order's may not.
            told = {(each["orderId"], each["eventId"]) for each in client.all_received("orderNotification")}
            assert [order_id for order_id, _ in told] == [order]


async def test_a_sync_is_done_by_the_shop_and_reported_to_the_end_and_another_is_cancelled(
    make_world: MakeWorld, tmp_path: Path, run_site: RunSite, serve: Serve, http: aiohttp.ClientSession
) -> None:
    world = await make_world("mariadb", Version.V4_0)
    asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def sync(request: Request) -> Response:
        body = await request.body()
        expected = signature(SYNC_SECRET.encode(), request.headers[TIMESTAMP_HEADER], body)
        assert request.headers[SIGNATURE_HEADER] == expected
        await asked.put(await request.json())
        return Response(status_code=202)

    endpoint = await serve(Starlette(routes=[Route("/sync", sync, methods=["POST"])]))
    async with run_site(
        tmp_path / "data",
        opencart_url=SecretStr(world.url),
        secret=SecretStr(secrets.token_urlsafe(40)),
        sync_endpoints={"n11": SyncEndpoint(url=f"{endpoint}/sync", secret=SecretStr(SYNC_SECRET))},
    ) as site:
        token = await token_of_an_administrator(site)
        bearer = {"Authorization": f"Bearer {token}"}

        async def begun() -> dict[str, Any]:
            await client.invoke("HandleAdminCommand", "triggerSync", {"marketplace": "n11"})
            async with asyncio.timeout(START_SECONDS):
                return await asked.get()

        async def report(job: dict[str, Any], **fields: object) -> int:
            headers = {"Authorization": f"Bearer {job['reportToken']}"}
            async with http.post(job["reportUrl"], json=fields, headers=headers) as answer:
                return answer.status

        async with site.connected(token) as client:
            first = await begun()
            assert await report(first, processed=3, failed=4, total=9) == 400
            assert await report(first, processed=3, failed=0, total=9) == 204
            assert await report(first, processed=9, failed=1, total=9, status="success", message="done") == 204
            done = await client.received("marketplaceSyncUpdate", lambda update: update["completed"])
            assert (done["marketplace"], done["progress"], done["processed"], done["failed"]) == ("n11", 100, 9, 1)
            assert await report(first, processed=9, failed=1, total=9) in {401, 409}

            second = await begun()
            assert await report(second, processed=3, failed=0, total=9) == 204
            async with site.http.post(f"{site.url}/api/jobs/{second['jobId']}/cancel", headers=bearer) as answer:
                assert answer.status == 202
            assert await report(second, processed=6, failed=0, total=9) == 409
            ended = await client.received(
                "marketplaceSyncUpdate", lambda update: update["completed"] and update["jobId"] == second["jobId"]
            )
            assert (ended["status"], ended["message"]) == ("cancelled", "Cancelled by boss.")
            assert await report(second, processed=9, failed=0, total=9, status="success") == 409
