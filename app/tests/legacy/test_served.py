"""The listeners of the running application: who is let in, what a link is worth, and what a stop looks like."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from app.tests.conftest import with_demo_shop
from app.tests.legacy.conftest import LISTENERS, TRUSTED_PROXY, dialled
from app.tests.site import START_SECONDS, Site, running_site
from typer.testing import CliRunner

from meschain.entrypoints.cli.app import app
from meschain.services.clock import SystemClock
from meschain.state.audit import SqlAuditStore
from meschain.state.database import Database

pytestmark = pytest.mark.asyncio(loop_scope="module")

OLD_PAGE = "https://old.example.com"
AUTH = {"type": "auth", "data": {"userId": "u", "userRole": "super_admin", "version": "3.0"}}


async def dial(site: Site, listener: str, path: str = "/", **headers: str) -> aiohttp.ClientWebSocketResponse:
    return await site.http.ws_connect(dialled(site, listener, path), headers=headers)


async def refused(site: Site, listener: str, path: str = "/", **headers: str) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as answer:
        await dial(site, listener, path, **headers)
    return answer.value.status


async def heard(socket: aiohttp.ClientWebSocketResponse, kind: str) -> Mapping[str, Any]:
    """The next message of that type; others are passed over."""
    while True:
        message = await socket.receive(timeout=START_SECONDS)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        found: Mapping[str, Any] = json.loads(message.data)
        if found["type"] == kind:
            return found


def link(site: Site, role: str, *more: str) -> str:
    arguments = ["legacy", "link", "board", "--role", role, "--data-dir", str(site.settings.data_dir), *more]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.output.strip()


async def test_pages_of_other_origins_and_other_networks_stay_outside(old_site: Site) -> None:
    assert await refused(old_site, "guarded", Origin="https://evil.example.com") == 403
    assert await refused(old_site, "guarded", Origin="null") == 403
    assert await refused(old_site, "elsewhere", Origin=OLD_PAGE) == 403
    async with await dial(old_site, "guarded", Origin=OLD_PAGE) as page:
        assert (await heard(page, "welcome"))["data"]["available_channels"][-1] == "all"
    async with await dial(old_site, "guarded", Origin=old_site.settings.public_url) as page:
        await heard(page, "welcome")
    async with await dial(old_site, "guarded") as program:
        await heard(program, "welcome")


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
async def test_nobody_is_let_in_by_the_address_of_a_proxy_that_is_not_trusted(
    old_site: Site, caplog: pytest.LogCaptureFixture, header: str
) -> None:
    assert await refused(old_site, "guarded", **{header: "192.0.2.7"}) == 403
    assert await refused(old_site, "elsewhere", **{header: "192.0.2.7"}) == 403
    assert "name it in trusted_proxies" in caplog.text


async def test_behind_a_trusted_proxy_a_client_counts_by_its_own_address(
    old_site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    connector = aiohttp.TCPConnector(local_addr=(TRUSTED_PROXY, 0))
    async with aiohttp.ClientSession(connector=connector) as http:
        proxied = replace(old_site, http=http)
        assert await refused(proxied, "guarded", **{"X-Forwarded-For": "192.0.2.7"}) == 403
        async with await dial(proxied, "elsewhere", **{"X-Forwarded-For": "127.0.0.1, 192.0.2.7"}) as page:
            await heard(page, "welcome")
        assert caplog.text.count("was refused by legacy_listeners") == 0
        assert await refused(proxied, "guarded", Forwarded="for=192.0.2.7") == 403
        assert "let it send X-Forwarded-For" in caplog.text


async def test_without_a_link_next_to_nothing_is_shown(old_site: Site) -> None:
    async with await dial(old_site, "guarded", "/legacy/panel", Origin=OLD_PAGE) as page:
        data = (await heard(page, "dashboard_update"))["data"]
        assert (data["overview"]["total_revenue"], data["recent_orders"], data["sync_activity"]) == (0, [], [])
        await page.send_json({"action": "manual_sync", "marketplace": "n11"})
        assert (await heard(page, "error"))["message"] == "You may not start this sync."


async def test_a_link_opens_what_its_role_may_up_to_the_ceiling(old_site: Site) -> None:
    path = f"/legacy/panel{link(old_site, 'super_admin', '--marketplace', 'trendyol')}"
    async with await dial(old_site, "guarded", path, Origin=OLD_PAGE) as page:  # its ceiling: a manager
        data = (await heard(page, "dashboard_update"))["data"]
        assert data["overview"]["total_revenue"] == 0
        assert {order["marketplace"] for order in data["recent_orders"]} <= {"Trendyol"}
        await page.send_json({"action": "manual_sync", "marketplace": "n11"})
        await heard(page, "error")
        await page.send_json({"action": "manual_sync", "marketplace": "trendyol"})
        await heard(page, "sync_started")
    assert await refused(old_site, "guarded", "/?token=made-up", Origin=OLD_PAGE) == 401


async def test_somebody_who_is_logged_in_gets_what_was_never_sent(old_site: Site) -> None:
    manager, admin = await old_site.login("manager"), await old_site.login("admin")
    async with old_site.connected(admin["accessToken"]) as sender, await dial(old_site, "shared", "/ws") as page:
        await page.send_json({"type": "auth", "token": manager["accessToken"], "role": "marketplace_manager"})
        assert (await heard(page, "auth_ok"))["data"]["role"] == "marketplace_manager"
        await sender.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
        notification = {"message": "Depo <b>sayımı</b>", "type": "warning"}
        async with old_site.connected(admin["accessToken"], "MesChainDashboardHub") as dashboard:
            await dashboard.invoke("SendNotification", manager["userId"], notification)
        told = await heard(page, "system_alert")
        assert told["data"] == {"message": "Depo bsayımı/b", "level": "warning"}
        # It ends with the log-in, and for good.
        headers = {"Authorization": f"Bearer {manager['accessToken']}"}
        async with old_site.http.post(f"{old_site.url}/api/logout", headers=headers) as answer:
            assert answer.status == 204
        assert await close_code(page) == 1008
    manager = await old_site.login("manager")
    # It stays pending for a page that can acknowledge it.
    async with old_site.connected(manager["accessToken"]) as panel:
        assert (await panel.received("receiveNotification"))["message"] == notification["message"]


async def test_several_sockets_of_one_user_live_beside_each_other(old_site: Site) -> None:
    async with await dial(old_site, "shared", "/ws") as first, await dial(old_site, "shared", "/ws") as second:
        for page in (first, second):
            await page.send_json(AUTH)
            await heard(page, "auth_ok")
        assert old_site.application.demo_shop is not None
        await old_site.application.demo_shop.driver().place_order("ozon")
        for page in (first, second):
            assert (await heard(page, "ozon_order"))["data"]["marketplace"] == "Ozon"


async def test_administrators_are_told_who_still_uses_which(old_site: Site) -> None:
    async with await dial(old_site, "native", "/", **{"User-Agent": "Pano/1.0"}) as page:
        await heard(page, "connection_established")
        status, report = await old_site.get("/api/legacy", (await old_site.login("admin"))["accessToken"])
    assert status == 200
    assert {each["name"]: each["port"] for each in report["listeners"]} == old_site.application.legacy.ports
    (pano,) = [each for each in report["pages"] if each["userAgent"] == "Pano/1.0"]
    assert (pano["dialect"], pano["listener"], pano["address"]) == ("native", "native", "127.0.0.1")
    assert pano["open"] is True
    assert (await old_site.get("/api/legacy", (await old_site.login("manager"))["accessToken"]))[0] == 403
    assert (await old_site.get("/api/legacy"))[0] == 401


async def test_a_plain_request_or_garbage_harms_nothing(old_site: Site) -> None:
    port = old_site.application.legacy.ports["shared"]
    async with old_site.http.get(f"http://127.0.0.1:{port}/") as answer:
        assert answer.status == 426
    async with await dial(old_site, "shared") as page:
        await heard(page, "welcome")
        await page.send_bytes(b"\xff\xfe")
        assert (await heard(page, "error"))["data"]["message"] == "Invalid message format"


@asynccontextmanager
async def one_of_each(site: Site) -> AsyncIterator[tuple[aiohttp.ClientWebSocketResponse, ...]]:
    """A role client and a panel on the shared listener, a native client on its own; each has been greeted."""
    async with (
        await dial(site, "shared", "/ws") as role,
        await dial(site, "shared", "/legacy/panel") as panel,
        await dial(site, "native") as native,
    ):
        await role.send_json(AUTH)
        await heard(role, "auth_ok")
        await heard(panel, "dashboard_update")
        await heard(native, "connection_established")
        yield role, panel, native


async def test_a_stop_sends_each_client_away_so_that_it_comes_again(tmp_path: Path, demo_shop_file: Path) -> None:
    folder = with_demo_shop(tmp_path / "data", demo_shop_file)
    async with (
        running_site(folder, legacy_listeners=LISTENERS) as site,
        one_of_each(site) as (role, panel, native),
    ):
        stop = asyncio.create_task(site.application.legacy.drain())
        codes = await asyncio.gather(*(close_code(page) for page in (role, panel, native)))
        assert codes == [1006, 1012, 1012]
        await stop
        for listener in ("shared", "native"):
            with pytest.raises(aiohttp.ClientError):
                await dial(site, listener)


async def test_pages_that_are_recalled_leave_so_that_they_come_again_and_others_stay(old_site: Site) -> None:
    config = old_site.settings.data_dir / "listeners.toml"
    config.write_text("[legacy_listeners.shared]\nport = 8080\n")

    def recall(network: str) -> str:
        arguments = ["legacy", "recall", "shared", "--network", network, "--config", str(config)]
        return CliRunner().invoke(app, [*arguments, "--data-dir", str(old_site.settings.data_dir)]).output

    async with one_of_each(old_site) as (role, panel, native):
        assert "is a network as" in await asyncio.to_thread(recall, "198.51.100.1/24")
        for network in ("198.51.100.0/24", "127.0.0.0/8"):
            assert "Open pages of shared are told" in await asyncio.to_thread(recall, network)
        assert list(await asyncio.gather(close_code(role), close_code(panel))) == [1006, 1012]
        async with await dial(old_site, "shared", "/legacy/panel") as again:
            await heard(again, "dashboard_update")
        await native.send_json({"type": "dashboard_request"})
        await heard(native, "dashboard_update")
    database = await Database.open(old_site.settings.state_url, migrate=False)
    try:
        entries = await SqlAuditStore(database, SystemClock()).entries(action="recallOldPages", limit=9)
    finally:
        await database.close()
    assert [entry.details["network"] for entry in entries] == ["127.0.0.0/8", "198.51.100.0/24"]


async def test_what_happened_while_the_server_was_away_is_in_the_next_update_of_each(
    tmp_path: Path, demo_shop_file: Path
) -> None:
    folder = with_demo_shop(tmp_path / "data", demo_shop_file)

    async def place(site: Site) -> None:
        assert site.application.demo_shop is not None
        await site.application.demo_shop.driver().place_order("trendyol")

    for is_back in (False, True):
        async with (
            running_site(folder, legacy_listeners=LISTENERS) as site,
            watched(site),
            await dial(site, "shared", "/ws") as role,
            await dial(site, "shared", "/legacy/ratchet") as stream,
            await dial(site, "shared", "/legacy/panel") as panel,
        ):
            await role.send_json(AUTH)
            await heard(role, "auth_ok")
            if not is_back:
                await heard(panel, "dashboard_update")
                await place(site)
                told = (await heard(role, "new_order"))["data"]["orderId"]
                assert await orders_told(stream) == [told]
                await site.application.legacy.drain()
                await place(site)
                continue
            missed = (await heard(role, "new_order"))["data"]
            assert missed["amount"] > 0
            assert await orders_told(stream) == [missed["orderId"]]
            rows = (await heard(panel, "dashboard_update"))["data"]["recent_orders"]
            assert [row["id"] for row in rows][-1] == missed["orderId"]
            await place(site)  # it is told no more
            assert (await heard(role, "new_order"))["data"]["orderId"] != missed["orderId"]


async def test_old_pages_of_two_processes_hear_the_same_without_a_broker(tmp_path: Path, demo_shop_file: Path) -> None:
    folder = with_demo_shop(tmp_path / "data", demo_shop_file)
    async with (
        running_site(folder, legacy_listeners=LISTENERS) as first,
        running_site(folder, legacy_listeners=LISTENERS) as second,
        watched(first),  # before anybody dials: a page that reads nothing for long is cut off
        await dial(first, "shared", "/ws") as here,
        await dial(second, "shared", "/ws") as there,
    ):
        for page in (here, there):
            await page.send_json(AUTH)
            await heard(page, "auth_ok")
        assert first.application.demo_shop is not None
        await first.application.demo_shop.driver().place_order("amazon")
        orders = [await heard(page, "amazon_order") for page in (here, there)]
        assert orders[0]["data"] == orders[1]["data"]
        # Who was seen is one list, whichever process is asked.
        await here.close()
        await first.get("/api/legacy", (await first.login("admin"))["accessToken"])
        _, report = await second.get("/api/legacy", (await second.login("admin"))["accessToken"])
        (page_row,) = [row for row in report["pages"] if row["dialect"] == "role"]
        assert page_row["connections"] == 2


async def orders_told(stream: aiohttp.ClientWebSocketResponse) -> list[str]:
    """Numbers in its next update that tells of orders; whether what they took is short of stock now is up to chance."""
    while True:
        updates = (await heard(stream, "realtime_update"))["data"]["updates"]
        events = [event for of_one in updates.values() for event in of_one]
        if orders := [event["data"]["order_id"] for event in events if event["type"] == "new_order"]:
            return orders


@asynccontextmanager
async def watched(site: Site) -> AsyncIterator[None]:
    """Begins when the site hears of orders."""
    await site.orders_are_watched()
    yield


async def close_code(page: aiohttp.ClientWebSocketResponse) -> int | None:
    while (await page.receive(timeout=START_SECONDS)).type is aiohttp.WSMsgType.TEXT:
        pass
    return page.close_code
