"""The hubs over real connections of the running application, state kept in a real database."""

from __future__ import annotations

from pathlib import Path

import pytest
from app.tests.conftest import Site
from app.tests.hostings import RunSite
from app.tests.signalr_client import open_connection

from meschain.hubs.log_ins import REASON

DEFAULT_HUBS = {
    "superadmin": "meschainadminhub",
    "admin": "meschainadminhub",
    "manager": "meschainmarketplacehub",
    "dropshipper": "meschaindashboardhub",
    "technical": "meschaindashboardhub",
    "user": "meschaindashboardhub",
    "viewer": "meschaindashboardhub",
}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(name="site")
def one_for_all(shared_site: Site) -> Site:
    """What one of these tests leaves behind is no matter to the others."""
    return shared_site


async def test_each_role_connects_to_its_own_hub(site: Site) -> None:
    for username, hub in DEFAULT_HUBS.items():
        session = await site.login(username)
        answer = await site.negotiate(session["accessToken"])
        assert answer["url"] == f"{site.clients_at}/client/?hub={hub}"
        async with site.connected(session["accessToken"]) as client:
            assert await client.invoke("AcknowledgeNotification", "none") is False


async def test_a_token_of_one_hub_opens_no_other(site: Site) -> None:
    answer = await site.negotiate((await site.login("viewer"))["accessToken"])
    elsewhere = answer["url"].replace("meschaindashboardhub", "meschainadminhub")
    with pytest.raises(Exception, match="401"):
        async with open_connection(elsewhere, answer["accessToken"]):
            pass


async def test_without_a_token_nobody_connects(site: Site) -> None:
    with pytest.raises(Exception, match="401"):
        async with open_connection(f"{site.clients_at}/client/?hub=MesChainDashboardHub"):
            pass


async def test_groups_and_notifications_survive_a_restart_of_the_server(data_dir: Path, run_site: RunSite) -> None:
    async with run_site(data_dir) as site:
        manager = await site.login("manager")
        async with site.connected(manager["accessToken"]) as client:
            await client.invoke("JoinMarketplaceGroup", "n11", manager["userId"])
        admin = await site.login("admin")
        async with site.connected(admin["accessToken"], "MesChainDashboardHub") as client:
            notification_id = await client.invoke("SendNotification", manager["userId"], {"message": "While away"})
    async with run_site(data_dir) as site:
        manager = await site.login("manager")
        async with site.connected(manager["accessToken"]) as client:
            notification = await client.received("receiveNotification")
            assert (notification["id"], notification["message"]) == (notification_id, "While away")
            assert await client.invoke("AcknowledgeNotification", notification_id) is True
            assert site.application.demo_shop is not None
            await site.orders_are_watched()
            shop = site.application.demo_shop.driver()
            await shop.place_order("trendyol")
            placed = await shop.place_order("n11")
            await client.received("orderNotification", lambda order: order["orderId"] == placed)
            assert {order["marketplace"] for order in client.all_received("orderNotification")} == {"n11"}
        async with site.connected(manager["accessToken"]) as client:
            await client.invoke("AcknowledgeNotification", "any")
            assert client.all_received("receiveNotification") == []


async def test_an_alert_reaches_a_second_administrator(site: Site) -> None:
    first, second = await site.login("superadmin"), await site.login("admin")
    async with site.connected(first["accessToken"]) as one, site.connected(second["accessToken"]) as other:
        # A hub answers the first call when it has put the connection into its groups.
        await other.invoke("JoinAdminGroup", second["userId"], "admin")
        await one.invoke("BroadcastSystemAlert", "Warehouse closes at six", "warning")
        alert = await other.received("systemAlert")
        assert (alert["message"], alert["level"], alert["source"]) == (
            "Warehouse closes at six",
            "warning",
            first["name"],
        )
        await other.received("userActivityUpdate", lambda activity: activity["kind"] == "alert")


async def test_the_dashboard_comes_by_itself(data_dir: Path, run_site: RunSite) -> None:
    async with run_site(data_dir, dashboard_interval_seconds=0.2) as site:
        session = await site.login("admin")
        async with site.connected(session["accessToken"]) as client:
            await client.until(lambda: len(client.all_received("updateAdminDashboard")) >= 3)
        async with site.connected(session["accessToken"], "MesChainDashboardHub") as client:
            await client.invoke("SubscribeToDashboard", session["userId"], ["basic", "performance", "business"])
            for target in ("metricsUpdate", "performanceData", "businessMetrics"):
                await client.received(target)


async def test_a_log_in_is_shown_to_administrators(site: Site) -> None:
    session = await site.login("admin")
    async with site.connected(session["accessToken"]) as client:
        viewer = await site.login("viewer")
        # Those who logged in before, this administrator among them, may only now be told of.
        told = ("login", viewer["name"])
        await client.received("userActivityUpdate", lambda activity: (activity["kind"], activity["user"]) == told)


async def test_a_log_out_ends_the_connections_of_that_log_in(site: Site) -> None:
    first, second = await site.login("admin"), await site.login("admin")
    async with (
        site.connected(first["accessToken"]) as leaving,
        site.connected(first["accessToken"], "MesChainDashboardHub") as leaving_too,
        site.connected(second["accessToken"]) as staying,
    ):
        headers = {"Authorization": f"Bearer {first['accessToken']}"}
        async with site.http.post(f"{site.url}/api/logout", headers=headers) as answer:
            assert answer.status == 204
        for client in (leaving, leaving_too):
            await client.closed_by_the_server()
            assert client.close is not None
            assert client.close["error"] == REASON
        await staying.invoke("JoinAdminGroup", second["userId"], "admin")
