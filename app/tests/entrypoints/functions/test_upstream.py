"""Clients of a `hubwire service` reach the hubs through functions: by our own upstream function, and by triggers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from app.tests.conftest import with_demo_shop
from app.tests.functions_host.site import FunctionsSite, functions_on_a_service
from app.tests.signalr_client import InvocationFailed

from hubwire.client import HubConnection, InvocationError

UPSTREAM, TRIGGERS = "upstream function", "triggers"
MARKETPLACES = ["amazon", "ebay", "etsy", "hepsiburada", "n11", "ozon", "trendyol"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[UPSTREAM, TRIGGERS])
async def functions(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, demo_shop_file: Path
) -> AsyncIterator[FunctionsSite]:
    """One service and one Functions app for all tests of a way."""
    data_dir = with_demo_shop(tmp_path_factory.mktemp("site") / "data", demo_shop_file)
    async with functions_on_a_service(data_dir, by_triggers=request.param == TRIGGERS) as functions:
        yield functions


async def test_a_call_returns_its_result_and_an_event_comes_back(functions: FunctionsSite) -> None:
    site = functions.site
    session = await site.login("manager")
    async with site.connected(session["accessToken"]) as client:
        joined = await client.invoke("JoinMarketplaceGroup", "all", session["userId"])
        assert "n11" in joined
        await client.invoke("SyncMarketplaceData", "n11", {"action": "sync"})
        done = await client.received(
            "marketplaceSyncUpdate", lambda update: update["marketplace"] == "n11" and update["completed"]
        )
        assert done["status"] == "success"


@pytest.mark.parametrize("protocol", ["json", "messagepack"])
@pytest.mark.parametrize("transport", ["WebSockets", "LongPolling"])
async def test_a_client_negotiates_with_a_function_and_is_sent_to_the_service(
    functions: FunctionsSite, transport: str, protocol: str
) -> None:
    session = await functions.site.login("manager")
    connection = HubConnection(
        f"{functions.site.url}/api",
        access_token=session["accessToken"],
        transports=[transport],
        protocol=protocol,
    )
    async with connection:
        joined = await connection.invoke("JoinMarketplaceGroup", "all", session["userId"], result_type=list[str])
        assert set(joined) <= set(MARKETPLACES)
        assert "n11" in joined
        with pytest.raises(InvocationError, match="JoinMarketplaceGroup"):
            await connection.invoke("JoinMarketplaceGroup", "no such marketplace", session["userId"])


async def test_a_refused_call_is_told_why(functions: FunctionsSite) -> None:
    session = await functions.site.login("manager")
    async with functions.site.connected(session["accessToken"]) as client:
        with pytest.raises(InvocationFailed, match="'JoinMarketplaceGroup'"):
            await client.invoke("JoinMarketplaceGroup", "no such marketplace", session["userId"])


async def test_each_way_has_its_own_functions(functions: FunctionsSite) -> None:
    session = await functions.site.login("admin")
    async with functions.site.connected(session["accessToken"]) as client:
        await client.invoke("JoinAdminGroup", session["userId"], session["role"])
    called = set(functions.host.invocations)
    by_triggers = {"MesChainAdminHub_connected", "MesChainAdminHub_JoinAdminGroup"}
    assert ("upstream" in called) != (by_triggers <= called)
