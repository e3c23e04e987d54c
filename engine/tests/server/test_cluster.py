"""Servers of one cluster act as one towards clients on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from engine.tests.brokers.redis_server import redis_server
from engine.tests.docs.socket_client import SocketClient, connected

from hubwire import (
    BrokerListener,
    BrokerUnavailable,
    Cluster,
    ClusterOptions,
    Hub,
    HubOptions,
    HubServer,
    NodeInfo,
    NullObserver,
    hub_method,
)
from hubwire.brokers.memory import MemoryBroker, MemoryExchange
from hubwire.brokers.redis import RedisBroker
from hubwire.ports import Broker
from hubwire.testing import DidNotStart, serving

TIMEOUT_SECONDS = 30


class Chat(Hub):
    """Says who comes and goes."""

    async def connected(self) -> None:
        await self.groups.add(self.context.connection_id, "everybody")

    @hub_method("Id")
    async def id(self) -> str:
        return self.context.connection_id

    @hub_method("Say")
    async def say(self, text: str) -> None:
        await self.clients.group("everybody").send("said", text)

    @hub_method("Others")
    async def others(self, text: str) -> None:
        await self.clients.others.send("said", text)

    @hub_method("Invite")
    async def invite(self, connection_id: str, group: str) -> None:
        await self.groups.add(connection_id, group)
        await self.clients.group(group).send("welcome", group)

    @hub_method("Ask", cancellable=True)
    async def ask(self, connection_id: str) -> object:
        return await self.clients.client(connection_id).ask("Answer", 6)


class Outages(NullObserver):
    def __init__(self) -> None:
        self.told: list[object] = []

    def broker_lost(self) -> None:
        self.told.append("lost")

    def broker_restored(self, seconds: float) -> None:
        self.told.append(seconds)


def make_server(broker: Broker, name: str = "n", observer: NullObserver | None = None) -> HubServer:
    cluster = Cluster(broker, node_id=name, address=f"http://{name}", figures=lambda: {"weight": len(name)})
    server = HubServer(cluster=cluster, observer=observer)
    server.add(Chat, path="/chat", options=HubOptions(maximum_parallel_invocations=2))
    return server


@asynccontextmanager
async def two_clients(brokers: Sequence[Broker]) -> AsyncIterator[tuple[list[HubServer], list[SocketClient]]]:
    """A server for each broker, and a client of each."""
    servers = [make_server(broker, f"n{number}") for number, broker in enumerate(brokers)]
    async with AsyncExitStack() as stack:
        addresses = [await stack.enter_async_context(serving(server)) for server in servers]
        yield servers, [await stack.enter_async_context(connected(f"{address}/chat")) for address in addresses]


async def speak(servers: list[HubServer], clients: list[SocketClient]) -> None:
    """Everything that clients of different servers do with each other."""
    first, second = clients
    ids = [await client.call("Id") for client in clients]
    await first.call("Say", "hello")
    assert [await client.called() for client in clients] == [("said", ["hello"])] * 2
    await second.call("Others", "only you")
    assert await first.called() == ("said", ["only you"])
    await first.call("Invite", ids[1], "room: 1")
    assert await second.called() == ("welcome", ["room: 1"])
    await servers[0].context(Chat).clients.client(ids[1]).send("direct", 1)
    assert await second.called() == ("direct", [1])
    asking = asyncio.create_task(first.call("Ask", ids[1]))
    question = await second.receive(1)
    assert (question["target"], question["arguments"]) == ("Answer", [6])
    await second.send({"type": 3, "invocationId": question["invocationId"], "result": {"value": 42}})
    assert await asking == {"value": 42}


async def test_clients_of_two_servers_speak_with_each_other() -> None:
    exchange = MemoryExchange()
    async with two_clients([MemoryBroker(exchange) for _ in range(2)]) as (servers, clients):
        await speak(servers, clients)
    assert exchange.subscribers == {}


async def test_clients_of_two_servers_speak_with_each_other_over_redis() -> None:
    async with redis_server() as server:
        async with two_clients([RedisBroker(server.url) for _ in range(2)]) as (servers, clients):
            await speak(servers, clients)
        assert await server.channels() == []


async def test_each_server_knows_those_that_live_with_their_figures() -> None:
    exchange = MemoryExchange()
    async with two_clients([MemoryBroker(exchange) for _ in range(2)]) as (servers, _):
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while len(servers[0].nodes) < 2:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
        assert servers[0].nodes == [
            NodeInfo("n0", "http://n0", {"weight": 2.0}, is_self=True),
            NodeInfo("n1", "http://n1", {"weight": 2.0}),
        ]
    assert HubServer().nodes == []


def readiness(server: HubServer) -> tuple[bool, str | None]:
    return server.is_ready, server.unready_reason


async def test_readiness_follows_the_life_of_the_server_and_its_broker() -> None:
    exchange, observer = MemoryExchange(), Outages()
    refreshed: asyncio.Queue[float] = asyncio.Queue()
    cluster = Cluster(MemoryBroker(exchange), on_restored=refreshed.put)
    server = HubServer(cluster=cluster, observer=observer)
    assert readiness(server) == (False, "the server does not run")
    async with server.lifespan():
        assert readiness(server) == (True, None)
        exchange.lose()
        assert readiness(server) == (False, "the broker is away: clients of other nodes cannot be reached")
        exchange.restore(3.5)
        assert readiness(server) == (True, None)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await refreshed.get() == 3.5
        assert observer.told == ["lost", 3.5]
        await server.drain()
        assert readiness(server) == (False, "the server is going away")
    assert readiness(server) == (False, "the server does not run")
    async with server.lifespan():
        assert readiness(server) == (True, None)


async def test_a_hook_that_fails_after_an_outage_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    exchange = MemoryExchange()

    async def fail(seconds: float) -> None:
        raise RuntimeError("no database")

    server = HubServer(cluster=Cluster(MemoryBroker(exchange), on_restored=fail))
    async with server.lifespan():
        exchange.lose()
        exchange.restore()
        for _ in range(5):
            await asyncio.sleep(0)
        assert server.is_ready
    assert "on_restored failed" in caplog.text
    assert "no database" in caplog.text


async def test_a_server_without_its_broker_does_not_start() -> None:
    exchange = MemoryExchange()
    exchange.lose()
    with pytest.raises(BrokerUnavailable):
        async with make_server(MemoryBroker(exchange)).lifespan():
            pass
    with pytest.raises(DidNotStart):
        async with serving(make_server(MemoryBroker(exchange))):
            pass


class SlowToSubscribe(MemoryBroker):
    """Its subscriptions stand when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.stands: asyncio.Future[None] | None = None
        self.waits = 0

    async def start(self, listener: BrokerListener) -> None:
        await super().start(listener)
        self.stands = asyncio.get_running_loop().create_future()

    def settled(self) -> Awaitable[None] | None:
        self.waits += 1
        return None if self.stands is None else asyncio.shield(self.stands)


async def test_the_hub_hears_of_a_connection_when_every_server_can_reach_it() -> None:
    broker = SlowToSubscribe()
    heard: list[str] = []

    class Watching(Hub):
        async def connected(self) -> None:
            heard.append(self.context.connection_id)

        @hub_method("Ping")
        async def ping(self) -> int:
            return len(heard)

    server = HubServer(cluster=Cluster(broker))
    server.add(Watching, path="/chat")

    async def let_go_late() -> None:
        while broker.waits < 2:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        assert heard == []
        assert broker.stands is not None
        broker.stands.set_result(None)

    async with AsyncExitStack() as stack:
        starting = asyncio.create_task(stack.enter_async_context(serving(server)))
        while broker.stands is None:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        broker.stands.set_result(None)
        address = await starting
        broker.stands = asyncio.get_running_loop().create_future()
        letting = asyncio.create_task(let_go_late())
        client = await stack.enter_async_context(connected(f"{address}/chat"))
        assert await client.call("Ping") == 1
        await letting


def test_a_hub_that_is_refused_leaves_the_one_of_its_name_alone() -> None:
    server = make_server(MemoryBroker())
    plane = server.plane("Chat")
    with pytest.raises(ValueError, match=r"taken|already"):
        server.add(Chat, path="/other")
    with pytest.raises(ValueError, match="path"):
        server.add(Chat, name="Other", path="no slash")
    server.add(Chat, name="Other", path="/other")
    assert server.plane("Chat") is plane


def test_nodes_have_names_of_their_own() -> None:
    broker = MemoryBroker()
    assert Cluster(broker).node_id != Cluster(broker).node_id
    assert Cluster(broker, ClusterOptions(namespace="shop")).options.namespace == "shop"
