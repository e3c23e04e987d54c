"""The service as two processes over a real Redis would be: clients at one node, REST calls at the other."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from engine.tests.brokers.redis_server import redis_server

from hubwire import Cluster
from hubwire.azure.jwt import ClientTokens
from hubwire.brokers.redis import RedisBroker
from hubwire.server.service_figures import ServiceFigures
from hubwire.stores.redis import RedisMembershipStore

from .services import KEY, RunningService, application_behind, running_service

SHARED = "http://service.example"
"""The one address of both nodes, that tokens are made for."""


@asynccontextmanager
async def two_nodes() -> AsyncIterator[tuple[RunningService, RunningService]]:
    async with redis_server() as redis, AsyncExitStack() as stack:
        nodes = []
        for node_id in ("first", "second"):
            internal = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            figures = ServiceFigures()
            cluster = Cluster(
                RedisBroker(redis.url),
                node_id=node_id,
                address=f"http://127.0.0.1:{internal.getsockname()[1]}",
                key=bytes(range(32)),
                figures=figures.numbers,
            )
            running = running_service(
                cluster=cluster,
                internal=internal,
                store=RedisMembershipStore(redis.url),
                figures=figures,
                more_urls=[SHARED],
            )
            nodes.append(await stack.enter_async_context(running))
        yield nodes[0], nodes[1]


def token(user_id: str) -> str:
    return ClientTokens([KEY], [SHARED]).sign("chat", user_id=user_id)


async def test_a_call_at_one_node_reaches_clients_at_the_other() -> None:
    async with two_nodes() as (first, second), first.client("alice", token=token("alice")) as client:
        message = {"target": "T", "arguments": [1]}
        for path in ("/api/hubs/chat/:send", "/api/hubs/chat/users/alice/:send"):
            assert (await second.rest("POST", path, body=message)).status == 202
            assert (await client.receive())["arguments"] == [1]
        assert (await second.rest("HEAD", "/api/hubs/chat/users/alice")).status == 200
        assert (await second.rest("HEAD", "/api/hubs/chat/users/nobody")).status == 404


async def test_a_hub_that_a_node_hears_of_for_the_first_time_is_asked_about_at_once() -> None:
    async with two_nodes() as (first, second), first.client("alice", token=token("alice")) as client:
        connection_id = next(iter(first.service.hubs.endpoint.connections.values())).caller.connection_id
        # The very first thing that the second node has to do with this hub is a question with an answer.
        assert (await second.rest("HEAD", f"/api/hubs/chat/connections/{connection_id}")).status == 200
        assert (await second.rest("PUT", f"/api/hubs/chat/groups/g/connections/{connection_id}")).status == 200
        sent = await second.rest("POST", "/api/hubs/chat/groups/g/:send", body={"target": "T", "arguments": []})
        assert (sent.status, (await client.receive())["target"]) == (202, "T")


async def test_users_groups_are_known_at_every_node() -> None:
    async with two_nodes() as (first, second):
        assert (await first.rest("PUT", "/api/hubs/chat/users/alice/groups/shop")).status == 200
        async with second.client("alice", token=token("alice")) as client:
            await client.invoke("Anything")  # behind `connected`
            sent = await first.rest("POST", "/api/hubs/chat/groups/shop/:send", body={"target": "T", "arguments": []})
            assert (sent.status, (await client.receive())["target"]) == (202, "T")
            assert (await first.rest("DELETE", "/api/hubs/chat/users/alice/groups/shop")).status == 204
            assert (await second.rest("HEAD", "/api/hubs/chat/users/alice/groups/shop")).status == 404
            assert (await second.rest("HEAD", "/api/hubs/chat/groups/shop")).status == 404


async def test_a_client_is_asked_through_the_other_node() -> None:
    async with two_nodes() as (first, second), first.client("alice", token=token("alice")) as client:
        connection_id = next(iter(first.service.hubs.endpoint.connections.values())).caller.connection_id
        path = f"/api/hubs/chat/connections/{connection_id}/:invoke"
        asking = asyncio.create_task(second.rest("POST", path, body={"target": "Ask", "arguments": []}))
        question = await client.receive()
        await client.socket.send(f'{{"type":3,"invocationId":"{question["invocationId"]}","result":"here"}}\x1e')
        answer = await asking
        assert (answer.status, (await answer.json())["result"]) == (200, "here")


async def test_a_negotiate_at_one_node_is_good_at_the_other() -> None:
    async with two_nodes() as (first, second):
        alice = token("alice")
        negotiated = await (await first.negotiate(alice)).json()
        address = f"{second.url}/client/?hub=chat&id={negotiated['connectionToken']}"
        async with second.session.ws_connect(address, headers={"Authorization": f"Bearer {alice}"}) as opened:
            await opened.send_str('{"protocol":"json","version":1}\x1e')
            assert (await opened.receive_str()) == "{}\x1e"


async def test_the_application_hears_of_clients_of_both_nodes() -> None:
    async with two_nodes() as (first, second), application_behind(first) as (_, seen):
        second.service.replace_upstream(first.service.upstream)
        async with first.client("alice", token=token("alice")), second.client("bob", token=token("bob")) as bob:
            assert {await seen.next(), await seen.next()} == {("connected", "alice"), ("connected", "bob")}
            assert (await bob.invoke("Echo", 1))["result"] == 1


async def test_figures_of_all_nodes_are_told_by_each() -> None:
    async with two_nodes() as (first, second), first.client("alice", token=token("alice")):
        # Nodes announce themselves every two seconds; the own figures are there at once.
        text = await (await first.get("/metrics")).text()
        assert 'hubwire_connection_count{node="first"} 1' in text
        assert second.service.hubs.nodes[0].figures["connection_count"] == 0


async def test_a_stop_delivers_what_others_have_sent() -> None:
    async with two_nodes() as (first, second), first.client("alice", token=token("alice")) as client:
        for number in range(100):
            sent = await second.rest("POST", "/api/hubs/chat/:send", body={"target": "T", "arguments": [number]})
            assert sent.status == 202
        await first.service.hubs.drain()
        received = [await client.receive() for _ in range(101)]
        assert [each["arguments"] for each in received[:-1]] == [[number] for number in range(100)]
        assert received[-1] == {"type": 7, "allowReconnect": True}
