"""The whole application in one process, from log-in to live events, over real sockets and databases."""

from __future__ import annotations

import pytest
from app.tests.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(name="site")
def one_for_all(shared_site: Site) -> Site:
    """One orders and the other syncs: neither looks at what the other does."""
    return shared_site


async def test_an_administrator_gets_the_dashboard_and_an_order_as_it_happens(site: Site) -> None:
    session = await site.login("admin")
    async with site.connected(session["accessToken"]) as client:
        await client.invoke("JoinAdminGroup", session["userId"], session["role"])
        dashboard = await client.received("updateAdminDashboard")
        assert dashboard["demo"] is True
        # Slow, as a busy machine's may be, is a warning.
        assert dashboard["systemStatus"]["databaseStatus"] in {"healthy", "warning"}
        assert site.application.demo_shop is not None
        await site.orders_are_watched()
        order_id = await site.application.demo_shop.driver().place_order("trendyol")
        order = await client.received("orderNotification", lambda order: order["orderId"] == order_id)
        assert order["marketplace"] == "trendyol"


async def test_a_sync_shows_its_progress_to_the_end(site: Site) -> None:
    session = await site.login("manager")
    async with site.connected(session["accessToken"]) as client:
        await client.invoke("JoinMarketplaceGroup", "all", session["userId"])
        await client.invoke("SyncMarketplaceData", "n11", {"action": "sync"})
        done = await client.received(
            "marketplaceSyncUpdate", lambda update: update["marketplace"] == "n11" and update["completed"]
        )
        assert (done["progress"], done["status"]) == (100, "success")
