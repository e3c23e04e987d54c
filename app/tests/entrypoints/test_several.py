"""Two applications as one service: one data folder, one Redis, a port each. `test_workers` has real processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from app.tests.conftest import START_SECONDS, Site, running_site
from engine.tests.brokers.redis_server import RedisServer, redis_server


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with redis_server() as server:
        yield server


@pytest.fixture
async def sites(data_dir: Path, redis: RedisServer) -> AsyncIterator[tuple[Site, Site]]:
    async with (
        running_site(data_dir, redis_url=redis.url) as first,
        running_site(data_dir, redis_url=redis.url) as second,
    ):
        await until(lambda: is_known(first, 2))
        await until(lambda: is_known(second, 2))
        yield first, second


async def is_known(site: Site, nodes: int) -> bool:
    return len(site.application.hubs.nodes) == nodes


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what another process tells; there is no event to wait for."""
    async with asyncio.timeout(START_SECONDS):
        while not await condition():  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.02)


async def checks(site: Site) -> dict[str, str]:
    found: dict[str, str] = (await site.get("/readyz"))[1]["checks"]
    return found


async def test_an_alert_and_a_notification_reach_pages_of_the_other_process(sites: tuple[Site, Site]) -> None:
    first, second = sites
    admin, manager = await first.login("admin"), await second.login("manager")
    async with (
        first.connected(admin["accessToken"]) as here,
        second.connected(admin["accessToken"]) as there,
        first.connected(admin["accessToken"], "MesChainDashboardHub") as sender,
        second.connected(manager["accessToken"]) as panel,
    ):
        await here.invoke("BroadcastSystemAlert", "Stok azaldı", "warning")
        assert (await there.received("systemAlert"))["message"] == "Stok azaldı"
        await sender.invoke("SendNotification", manager["userId"], {"message": "Depo sayımı"})
        assert (await panel.received("receiveNotification"))["message"] == "Depo sayımı"
        await there.invoke("HandleAdminCommand", "triggerSync", {"marketplace": "n11"})
        done = await here.received("marketplaceSyncUpdate", lambda update: update["completed"] is True)
        assert (done["marketplace"], done["status"]) == ("n11", "success")


async def test_one_does_the_background_work_and_the_other_takes_over(data_dir: Path, redis: RedisServer) -> None:
    async with AsyncExitStack() as stack:
        second_stack = await stack.enter_async_context(AsyncExitStack())
        first = await second_stack.enter_async_context(running_site(data_dir, redis_url=redis.url))
        second = await stack.enter_async_context(running_site(data_dir, redis_url=redis.url))

        async def both_name_the_first() -> bool:
            answers = [(await site.get("/readyz"))[1] for site in (first, second)]
            return all(answer["backgroundWorkAt"] == answers[0]["node"] for answer in answers)

        await until(both_name_the_first)
        assert not second.application.lease.is_held
        # An order is told once, by the one that watches, to pages of both.
        admin = await second.login("admin")
        await first.orders_are_watched()
        async with second.connected(admin["accessToken"]) as page:
            assert second.application.demo_shop is not None
            await second.application.demo_shop.driver().place_order("trendyol")
            await page.received("orderNotification")
            await page.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
            assert len(page.all_received("orderNotification")) == 1
            await second_stack.aclose()

            async def has_taken_over() -> bool:
                return second.application.lease.is_held

            await until(has_taken_over)
            order_id = await second.application.demo_shop.driver().place_order("n11")
            await page.received("orderNotification", lambda order: order["orderId"] == order_id)


async def test_figures_are_those_of_both(sites: tuple[Site, Site]) -> None:
    first, second = sites
    admin = await first.login("admin")
    async with first.connected(admin["accessToken"]), second.connected(admin["accessToken"]) as page:

        async def counts_both() -> bool:
            await page.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
            shown = page.all_received("updateAdminDashboard")[-1]["performanceMetrics"]["connections"]
            return bool(shown == 2)

        await until(counts_both)


async def test_a_log_out_at_one_closes_pages_of_the_other(sites: tuple[Site, Site]) -> None:
    first, second = sites
    admin = await first.login("admin")
    async with second.connected(admin["accessToken"]) as page:
        headers = {"Authorization": f"Bearer {admin['accessToken']}"}
        async with first.http.post(f"{first.url}/api/logout", headers=headers) as answer:
            assert answer.status == 204
        await page.closed_by_the_server()
        assert page.close is not None
        assert page.close["error"] == "The log-in has ended."
    assert (await second.get("/api/session", admin["accessToken"]))[0] == 401


async def test_failed_log_ins_count_together(data_dir: Path, redis: RedisServer) -> None:
    async with (
        running_site(data_dir, redis_url=redis.url, login_failures_per_user=3) as first,
        running_site(data_dir, redis_url=redis.url, login_failures_per_user=3) as second,
    ):
        wrong = {"username": "admin", "password": "wrong"}

        async def attempt(site: Site) -> int:
            async with site.http.post(f"{site.url}/api/login", json=wrong) as answer:
                return answer.status

        for site in (first, second, first):
            assert await attempt(site) == 401
        assert await attempt(second) == 429


async def test_an_outage_of_redis_shows_and_ends_with_present_figures(
    sites: tuple[Site, Site], redis: RedisServer
) -> None:
    first, second = sites
    admin = await second.login("admin")
    async with second.connected(admin["accessToken"]) as page:
        await page.invoke("JoinAdminGroup", admin["userId"], admin["role"])
        await redis.kill()

        async def is_lost() -> bool:
            return (await checks(first))["redis"] == "failed" == (await checks(second))["redis"]

        async def is_back() -> bool:
            return (await checks(first))["redis"] == "ok" == (await checks(second))["redis"]

        await until(is_lost)
        before = len(page.all_received("updateAdminDashboard"))
        # What is asked of this process goes on.
        await page.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
        assert len(page.all_received("updateAdminDashboard")) == before + 1
        await redis.start()
        await until(is_back)
        await page.until(lambda: len(page.all_received("updateAdminDashboard")) > before + 1)
