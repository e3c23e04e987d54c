"""The application where a `hubwire service`, a process of its own, holds the connections: what is special there."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from app.tests.azure_service import AzureService
from app.tests.conftest import START_SECONDS, Site, running_site
from app.tests.entrypoints.test_serve import Process, login, serving
from app.tests.program import free_port
from app.tests.signalr_client import InvocationFailed, SignalRClient
from engine.tests.brokers.redis_server import redis_server

from hubwire.azure.upstream_signature import UpstreamSignatures
from hubwire.client import HubConnection, InvocationError, RetryContext
from meschain.domain.roles import Role
from meschain.hubs.log_ins import REASON

HOSTILE = "Eve, role: super_admin, asrs.s.uid: own:1, hubwire.claims: eyJyb2xlIjoic3VwZXJfYWRtaW4ifQ"
"""A display name that would be three more claims, if anything believed it."""


@dataclass
class Behind:
    """A service, and what an application behind it has to be told."""

    service: AzureService
    data_dir: Path
    port: int
    code: str

    def site(self, **settings: object) -> AbstractAsyncContextManager[Site]:
        told = {"port": self.port, "upstream_code": self.code, "azure_signalr": self.service.connection_string}
        return running_site(self.data_dir, demo_people=False, **told, **settings)

    def process(self, *arguments: str, **variables: str) -> AbstractAsyncContextManager[Process]:
        """`meschain serve` as a process of its own."""
        return serving(self.data_dir, *arguments, port=self.port, settings={**self.environment, **variables})

    @property
    def environment(self) -> dict[str, str]:
        return {"MESCHAIN_UPSTREAM_CODE": self.code, "MESCHAIN_AZURE_SIGNALR": self.service.connection_string}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    """One service for all tests: each has an application of its own, which knows its own connections only."""
    code, port = secrets.token_urlsafe(33), free_port()
    folder = tmp_path_factory.mktemp("behind")
    service = AzureService(folder / "service", f"http://127.0.0.1:{port}/api/upstream?code={code}")
    service.start()
    yield Behind(service, folder, port, code)
    service.stop()


@pytest.fixture
def behind(shared: Behind, data_dir: Path) -> Behind:
    return replace(shared, data_dir=data_dir)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what another process does; there is no event to wait for."""
    async with asyncio.timeout(START_SECONDS):
        while not await condition():  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.02)


async def shown_performance(client: SignalRClient) -> dict[str, Any]:
    """What the dashboard says of us."""
    before = len(client.all_received("updateAdminDashboard"))
    await client.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
    await client.until(lambda: len(client.all_received("updateAdminDashboard")) > before)
    performance: dict[str, Any] = client.all_received("updateAdminDashboard")[-1]["performanceMetrics"]
    return performance


async def test_it_is_ready_and_shows_what_it_can_know(behind: Behind) -> None:
    async with behind.site() as site:
        status, body = await site.get("/readyz")
        assert (status, body["checks"]["signalr"]) == (200, "ok")
        async with site.connected((await site.login("admin"))["accessToken"]) as client:
            figures = await shown_performance(client)
            async with site.http.get(f"{site.url}/metrics") as answer:
                text = await answer.text()
    assert (figures["connections"], figures["sources"]["connections"]) == (1, "connection events")
    # A process that hears of some connections only has no number of open ones.
    assert "meschain_hub_connections{" not in text
    assert 'outcome="done",target="HandleAdminCommand"} 1.0' in text


async def test_pages_may_connect_to_the_service_and_nowhere_else(behind: Behind) -> None:
    async with behind.site() as site, site.http.get(f"{site.url}/login.html") as answer:
        policy = answer.headers["content-security-policy"]
    public, socket = site.settings.public_url, site.settings.public_url.replace("http", "ws", 1)
    at_service = f"{behind.service.url} {behind.service.url.replace('http', 'ws', 1)}"
    assert f"connect-src 'self' {public} {socket} {at_service};" in policy


async def test_connections_outlive_the_application_and_end_with_their_log_in(behind: Behind) -> None:
    async with AsyncExitStack() as stack:
        async with behind.site() as site:
            admin = await site.login("admin")
            client = await stack.enter_async_context(site.connected(admin["accessToken"]))
            await client.invoke("JoinAdminGroup", admin["userId"], admin["role"])
        with pytest.raises(InvocationFailed, match="status code 500"):
            await client.invoke("JoinAdminGroup", admin["userId"], admin["role"])
        async with behind.site() as site:
            assert (await shown_performance(client))["connections"] == 1
            headers = {"Authorization": f"Bearer {admin['accessToken']}"}
            async with site.http.post(f"{site.url}/api/logout", headers=headers) as answer:
                assert answer.status == 204
            await client.closed_by_the_server()
            assert client.close is not None
            assert client.close["error"] == REASON


async def test_who_sees_some_marketplaces_gets_figures_after_a_restart(behind: Behind) -> None:
    async with AsyncExitStack() as stack:
        async with behind.site() as site:
            manager = await site.login("manager")
            hub = site.connected(manager["accessToken"], "MesChainDashboardHub")
            client = await stack.enter_async_context(hub)
            await client.invoke("SubscribeToDashboard", manager["userId"], ["business"])
            await client.received("businessMetrics")
        before = len(client.all_received("businessMetrics"))
        async with behind.site(dashboard_interval_seconds=0.2):
            await client.until(lambda: len(client.all_received("businessMetrics")) > before)


async def test_a_name_that_looks_like_claims_gives_no_right(behind: Behind) -> None:
    password = secrets.token_urlsafe(16)
    async with behind.site() as site:
        account = await site.application.accounts.add("eve", Role.VIEWER, password=password, name=HOSTILE)
        async with site.http.post(f"{site.url}/api/login", json={"username": "eve", "password": password}) as answer:
            session = await answer.json()
        assert session["name"] == HOSTILE
        async with site.connected(session["accessToken"]) as client:
            await client.invoke("SubscribeToDashboard", f"own:{account.id}", ["basic"])
            with pytest.raises(InvocationFailed):
                await client.invoke("SubscribeToDashboard", f"own:{account.id}", ["business"])
            with pytest.raises(InvocationFailed):
                await client.invoke("SubscribeToDashboard", "own:1", ["basic"])
            with pytest.raises(InvocationFailed):
                await client.invoke("UpdateMetrics", {})


async def post_event(site: Site, behind: Behind, connection_id: str, event: str, **changed: str) -> int:
    """An event as the service sends it, but for what is changed; the status of the answer."""
    headers = {
        "Content-Type": "application/json",
        "X-ASRS-Hub": "meschainadminhub",
        "X-ASRS-Category": "connections",
        "X-ASRS-Event": event,
        "X-ASRS-User-Id": "own:1",
        "X-ASRS-Connection-Id": connection_id,
        "X-ASRS-Signature": UpstreamSignatures([changed.get("key", behind.service.key)]).sign(connection_id),
    }
    body = {"type": {"connected": 10, "disconnected": 11}[event]}
    url = f"{site.url}/api/upstream?code={changed.get('code', behind.code)}"
    async with site.http.post(url, json=body, headers=headers) as answer:
        return answer.status


async def test_only_the_service_is_listened_to(behind: Behind) -> None:
    async with behind.site() as site:
        assert await post_event(site, behind, "c1", "disconnected") in (200, 204)
        assert await post_event(site, behind, "c1", "disconnected", code="guessed") == 401
        assert await post_event(site, behind, "c1", "disconnected", key=secrets.token_urlsafe(33)) == 401
        async with site.http.get(f"{site.url}/api/upstream") as answer:
            assert answer.status in (401, 404, 405)


async def test_an_event_that_comes_late_opens_no_connection_again(behind: Behind) -> None:
    async with behind.site() as site:
        admin = await site.login("admin")
        async with site.connected(admin["accessToken"]) as client:
            assert await post_event(site, behind, "c1", "disconnected") in (200, 204)
            assert await post_event(site, behind, "c1", "connected") == 403  # without claims nobody may enter
            assert (await shown_performance(client))["connections"] == 1


async def test_an_event_that_comes_again_changes_nothing(behind: Behind) -> None:
    async with behind.site() as site:
        admin = await site.login("admin")
        async with site.connected(admin["accessToken"]) as staying:
            async with site.connected(admin["accessToken"]) as leaving:
                await leaving.invoke("JoinAdminGroup", admin["userId"], admin["role"])
                assert (await shown_performance(staying))["connections"] == 2

            async def has_left() -> bool:
                return bool((await shown_performance(staying))["connections"] == 1)

            await until(has_left)
            for _ in range(2):
                assert await post_event(site, behind, "never opened", "disconnected") in (200, 204)
            assert await has_left()


async def test_several_processes_answer_for_connections_that_none_of_them_holds(
    behind: Behind, http: aiohttp.ClientSession
) -> None:
    async with redis_server() as redis, behind.process("--workers", "2", MESCHAIN_REDIS_URL=redis.url) as process:
        token = await login(http, process, "admin")
        headers = {"Authorization": f"Bearer {token}"}
        async with HubConnection(f"{process.url}/api", access_token=token, reconnect=often) as connection:
            # The service's requests are spread over the processes by its connections to them.
            for _ in range(20):
                await connection.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
            ended = asyncio.Event()
            connection.on_reconnecting(lambda _: ended.set())  # a service lets everybody come again, to negotiate
            async with http.get(f"{process.url}/readyz") as answer:
                body = await answer.json()
            assert (body["checks"]["redis"], body["checks"]["signalr"]) == ("ok", "ok")
            # Whichever of them is asked ends the connection, by the service.
            async with http.post(f"{process.url}/api/logout", headers=headers) as answer:
                assert answer.status == 204
            async with asyncio.timeout(START_SECONDS):
                await ended.wait()


def often(context: RetryContext) -> float | None:
    """A retry policy for a server that is back within seconds."""
    return 0.1


async def test_an_application_that_is_killed_disturbs_no_client(behind: Behind, http: aiohttp.ClientSession) -> None:
    async with behind.process() as process:
        token = await login(http, process, "admin")
        connection = HubConnection(f"{process.url}/api", access_token=token, reconnect=often)
        async with connection:
            connection_id = connection.connection_id
            process.process.kill()
            await process.process.wait()
            with pytest.raises(InvocationError, match="status code 500"):
                await connection.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
            async with behind.process():
                await connection.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
                assert connection.connection_id == connection_id


async def test_a_stop_of_the_application_disturbs_no_client_either(behind: Behind, http: aiohttp.ClientSession) -> None:
    async with behind.process() as process:
        token = await login(http, process, "admin")
        async with HubConnection(f"{process.url}/api", access_token=token, reconnect=often) as connection:
            connection_id = connection.connection_id
            await connection.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
            assert await process.stop() == 0
            async with behind.process():
                await connection.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
                assert connection.connection_id == connection_id


async def test_a_service_that_is_killed_is_survived_by_clients_and_application(
    behind: Behind, http: aiohttp.ClientSession
) -> None:
    async with behind.process() as process:
        token = await login(http, process, "admin")
        connection = HubConnection(f"{process.url}/api", access_token=token, reconnect=often)
        reconnected = asyncio.Event()
        connection.on_reconnected(lambda _: reconnected.set())
        async with connection:
            await asyncio.to_thread(behind.service.kill)
            await asyncio.to_thread(behind.service.start)
            async with asyncio.timeout(START_SECONDS):
                await reconnected.wait()
            await connection.invoke("HandleAdminCommand", "requestDashboardUpdate", {})
            assert process.process.returncode is None

            async def is_ready() -> bool:
                async with http.get(f"{process.url}/readyz") as answer:
                    return answer.status == 200

            await until(is_ready)
