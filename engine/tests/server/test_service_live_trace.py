"""The live trace of a whole service by real HTTP: clients, REST calls, diagnostic clients, and a stop that ends it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from engine.tests.server.conftest import TIMEOUT_SECONDS, until

from hubwire import Cluster
from hubwire.azure import hmac_jwt
from hubwire.azure.rest_tokens import RestTokens
from hubwire.brokers.memory import MemoryBroker, MemoryExchange
from hubwire.client import HubConnection
from hubwire.server.live_trace import TraceCategory
from hubwire.server.live_trace_endpoint import EVENTS_PATH
from hubwire.server.run import server_config
from hubwire.server.service import SignalRService
from hubwire.server.uvicorn import Server

KEY = "a key of thirty-two bytes or more"
USER_PATH = "/api/v1/hubs/chat/users/ann"


class Running:
    """A service, an application that sends by REST, and whoever watches."""

    def __init__(self, service: SignalRService, address: str, client: aiohttp.ClientSession, server: Server) -> None:
        self.service = service
        self.address = address
        self.client = client
        self.server = server
        self._tokens = RestTokens([KEY], [address])

    def headers(self, path: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self._tokens.sign(path)[0]}"}

    async def send(self, target: str, tracing_id: str | None = None) -> None:
        """Send to the user ann."""
        headers = self.headers(USER_PATH)
        if tracing_id is not None:
            headers["X-ASRS-Message-Tracing-Id"] = tracing_id
        body = {"target": target, "arguments": ["a secret"]}
        async with self.client.post(USER_PATH, json=body, headers=headers) as answer:
            assert answer.status == 202, await answer.text()

    async def connect(self, user_id: str, **claims: object) -> HubConnection:
        payload = {"asrs.s.uid": user_id, "exp": 4e9, "aud": f"{self.address}/client/?hub=chat", **claims}
        token = hmac_jwt.sign(payload, KEY.encode())
        connection = HubConnection(f"{self.address}/client/?hub=chat", access_token=token)
        await connection.start()
        return connection

    @asynccontextmanager
    async def watching(self, query: str = "") -> AsyncIterator[aiohttp.ClientResponse]:
        """Watch, once the stream has begun."""
        async with self.client.get(EVENTS_PATH + query, headers=self.headers(EVENTS_PATH)) as answer:
            assert answer.status == 200, await answer.text()
            await answer.content.readuntil(b"\n")
            yield answer


@asynccontextmanager
async def serving_service(cluster: Cluster | None = None) -> AsyncIterator[Running]:
    """Run one process of a service; leaving stops it as a signal does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        service = SignalRService([KEY], [address], cluster=cluster)
        server = Server(server_config(service, service.hubs, lifespan="on", log_config=None), service.hubs)
        task = asyncio.create_task(server.serve([listener]))
        await until(lambda: server.started)
        async with aiohttp.ClientSession(address) as client:
            yield Running(service, address, client, server)
            server.should_exit = True
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await task


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serving_service() as running:
        yield running


async def events(answer: aiohttp.ClientResponse, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while len(found) < count:
            line = (await answer.content.readuntil(b"\n")).strip()
            if line:
                found.append(json.loads(line))
    return found


def names(found: list[dict[str, Any]]) -> list[str]:
    return [each["event"] for each in found]


async def test_the_life_of_a_client_and_what_is_sent_to_it_are_seen(running: Running) -> None:
    async with running.watching() as answer:
        connection = await running.connect("ann")
        found = await events(answer, 1)  # the client may know that it is connected before the service's word of it
        await running.send("said", tracing_id="4711")
        await connection.stop()
        found += await events(answer, 3)
    assert names(found) == ["ConnectionStarted", "MessageSent", "RequestAnswered", "ConnectionEnded"]
    started, sent, answered, ended = found
    assert started["userId"] == ended["userId"] == "ann"
    assert started["connectionId"] == ended["connectionId"]
    assert (started["transport"], started["hub"], started["address"]) == ("WebSockets", "chat", "127.0.0.1")
    assert sent["message"] == "'said' goes to user 'ann'."
    assert sent["tracingId"] == answered["tracingId"] == "4711"
    assert "a secret" not in json.dumps(found)


async def test_a_call_that_no_application_takes_is_seen_to_fail(running: Running) -> None:
    connection = await running.connect("ann")
    async with running.watching("?category=messaging") as answer:
        with contextlib.suppress(Exception):
            await connection.invoke("Say", "a secret")
        found = await events(answer, 2)
    assert names(found) == ["MessageReceived", "MessageFailed"]
    assert found[1]["exception"] == "UpstreamFailed"
    await connection.stop()


async def test_diagnostic_clients_are_those_whose_token_says_so(running: Running) -> None:
    async with running.watching("?diagnostic=true&category=connectivity") as answer:
        for user_id, claims in (("bob", {}), ("ann", {"asrs.s.dc": "true"})):
            connection = await running.connect(user_id, **claims)
            await connection.stop()
        found = await events(answer, 2)
    assert [(each["event"], each["userId"]) for each in found] == [
        ("ConnectionStarted", "ann"),
        ("ConnectionEnded", "ann"),
    ]


async def test_who_is_refused_is_seen(running: Running) -> None:
    async with running.watching("?category=connectivity") as answer:
        async with running.client.post("/client/negotiate?hub=chat&negotiateVersion=1") as refused:
            assert refused.status == 401
        (event,) = await events(answer, 1)
    assert (event["event"], event["level"]) == ("ConnectRefused", "warning")


async def test_a_users_memberships_are_seen_as_they_take_effect(running: Running) -> None:
    path = "/api/v1/hubs/chat/groups/g/users/ann"
    async with running.watching("?user=ann&category=messaging") as answer:
        async with running.client.put(path, headers=running.headers(path)) as added:
            assert added.status == 202
        (event,) = await events(answer, 1)
    assert event["message"] == "user 'ann' joins group 'g'."


async def test_a_stop_does_not_wait_for_watchers(running: Running) -> None:
    async with running.watching() as answer:
        running.server.should_exit = True
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await answer.content.read()


async def test_a_stop_that_waits_for_a_client_in_vain_lets_watchers_go(running: Running) -> None:
    asked = asyncio.Event()

    async def answer_never() -> None:
        asked.set()
        await asyncio.Event().wait()

    connection = await running.connect("ann")
    connection.on("Ask", answer_never)
    (served,) = running.service.hubs.endpoint.connections.values()
    path = f"/api/hubs/chat/connections/{served.caller.connection_id}/:invoke"
    headers = running.headers(path)
    address = f"{path}?api-version=2024-12-01"
    async with asyncio.timeout(2 * TIMEOUT_SECONDS), running.watching() as answer:
        asking = asyncio.ensure_future(running.client.post(address, json={"target": "Ask"}, headers=headers))
        await asked.wait()
        running.service.hubs.begin_drain()
        await answer.content.read()
        (await asking).close()
    await connection.stop()


async def test_nobody_watches_on_with_a_key_that_counts_no_longer(running: Running) -> None:
    async with running.watching() as answer:
        running.service.replace_keys(["another key of thirty-two bytes or more"])
        running.service.live_trace.tell_of_service(TraceCategory.HTTP, "Happened", "This is not for you.")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert b"Happened" not in await answer.content.read()


async def test_nobody_watches_with_the_token_of_another_address(running: Running) -> None:
    async with running.client.get(EVENTS_PATH, headers=running.headers(USER_PATH)) as answer:
        assert answer.status == 401
    async with running.client.get("/livetrace") as page:
        assert (page.status, page.content_type) == (200, "text/html")


async def test_who_watches_at_one_process_sees_clients_of_another() -> None:
    exchange = MemoryExchange()
    async with (
        serving_service(Cluster(MemoryBroker(exchange), node_id="one")) as one,
        serving_service(Cluster(MemoryBroker(exchange), node_id="two")) as two,
        one.watching("?category=connectivity") as answer,
    ):
        await until(lambda: two.service.live_trace.is_watched)
        connection = await two.connect("ann")
        await connection.stop()
        found = await events(answer, 2)
    assert names(found) == ["ConnectionStarted", "ConnectionEnded"]
    assert {each["node"] for each in found} == {"two"}
