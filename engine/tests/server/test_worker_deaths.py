"""Three workers over a real Redis, of which one is killed: its clients come back to others, which have lost nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
from engine.tests.brokers.redis_server import redis_server

from hubwire.client import AutomaticReconnect, HubConnection
from hubwire.testing.server import LISTENING

TIMEOUT_SECONDS = 30.0
TRANSPORTS = ("WebSockets", "ServerSentEvents", "LongPolling")


@asynccontextmanager
async def workers() -> AsyncIterator[str]:
    """Three of the conformance server; yields their address."""
    async with redis_server() as redis:
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hubwire.testing.server", "--port", "0", "--log-level", "critical"),
            *("--workers", "3", "--redis-url", redis.url),
            stdout=asyncio.subprocess.PIPE,
        )
        assert server.stdout is not None
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                line = await server.stdout.readline()
            yield line.decode().strip().removeprefix(LISTENING)
        finally:
            server.send_signal(signal.SIGTERM)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                assert await server.wait() == 0


class Client:
    """One that comes back by itself."""

    def __init__(self, address: str, transport: str) -> None:
        self.connection = HubConnection(
            f"{address}/testhub", transports=(transport,), reconnect=AutomaticReconnect((0, 0.1, 0.5, 1, 2, 4))
        )
        self.transport = transport
        self.heard: set[str] = set()
        self._news = asyncio.Event()

        @self.connection.on("Message")
        def message(text: str) -> None:
            self.heard.add(text)
            self._news.set()

    async def until_heard(self, text: str) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while text not in self.heard:
                self._news.clear()
                await self._news.wait()


async def test_clients_of_a_worker_that_is_killed_come_back_and_those_of_others_stay() -> None:
    async with workers() as address, AsyncExitStack() as stack, aiohttp.ClientSession() as session:

        async def process(client: Client) -> int:
            async with session.get(f"{address}/process/{client.connection.connection_id}") as answer:
                return int(await answer.json())

        clients = [Client(address, transport) for transport in TRANSPORTS for _ in range(4)]
        for each in clients:
            await stack.enter_async_context(each.connection)
        await clients[0].connection.invoke("SendToAll", "Message", "to all")
        for each in clients:
            await each.until_heard("to all")

        before = {each: each.connection.connection_id for each in clients}
        held_by = {each: await process(each) for each in clients}
        victim = held_by[clients[0]]
        others = [each for each in clients if held_by[each] != victim and each.transport == "WebSockets"]
        came_back = asyncio.Event()
        clients[0].connection.on_reconnected(lambda connection_id: came_back.set())
        os.kill(victim, signal.SIGKILL)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await came_back.wait()
        assert clients[0].connection.connection_id != before[clients[0]]
        assert all(each.connection.connection_id == before[each] for each in others)

        # Those whose requests the dead one passed on may be on their way back too, so it is said until all have heard.
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not all("again" in each.heard for each in clients):
                try:
                    await clients[0].connection.invoke("SendToAll", "Message", "again")
                except Exception:  # noqa: BLE001 - it is not connected at this moment
                    await asyncio.sleep(0.05)
                await asyncio.sleep(0.05)
        assert victim not in [await process(each) for each in clients]
