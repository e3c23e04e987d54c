"""Clients behind a front, new and old, that lose their connections and come back by themselves."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from app.tests.docs.pages import REPOSITORY

RETRY_SECONDS = 0.3
"""Old clients wait 5 s; a test has no time for it."""


@dataclass(frozen=True)
class NewClients:
    """`MesChainSignalRClient`s as the server hands them out, in a process of their own."""

    process: asyncio.subprocess.Process

    async def ask(self, command: str = "") -> dict[str, Any]:
        """Its answer. Not to be given up: the next one would get it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if command:
            self.process.stdin.write(f"{command}\n".encode())
        answer: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return answer


@asynccontextmanager
async def new_clients(
    address: str, green: str, people: Mapping[str, str], folder: Path, trusted: Path
) -> AsyncIterator[NewClients]:
    """One for each person, by user id and token, connected. `green`: the address of that side."""
    file = folder / "people"
    file.write_text("".join(f"{user_id} {token}\n" for user_id, token in people.items()))
    process = await asyncio.create_subprocess_exec(
        "node", str(REPOSITORY / "bench" / "rollout_clients.mjs"), address, str(file), green,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=REPOSITORY / "web",
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(trusted)},
    )  # fmt: skip
    try:
        clients = NewClients(process)
        assert (await clients.ask())["connected"] == len(people)
        yield clients
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@dataclass
class OldClient:
    """One of an old dialect.

    Args:
        hello: what it says at each connect.
        orders_of: the orders of a message.
    """

    url: str
    hello: Sequence[object]
    orders_of: Callable[[dict[str, Any]], Sequence[str]]
    orders: list[str] = field(default_factory=list)
    """As it showed them."""
    connects: int = 0
    """How often it was greeted, or told something."""

    async def run(self, trusted: ssl.SSLContext) -> None:
        """Connect, again and again, for ever."""
        # A browser of its own: a panel that is slow to say what it is counts as a stream until then, and would be told
        # what another stream of the same browser has missed.
        async with aiohttp.ClientSession(headers={"User-Agent": self.orders_of.__name__}) as http:
            while True:
                with suppress(aiohttp.ClientError, ConnectionError):
                    async with http.ws_connect(self.url, ssl=trusted) as socket:
                        for message in self.hello:
                            await socket.send_json(message)
                        await self._listen(socket)
                await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        is_greeted = False
        async for message in socket:
            self.connects += not is_greeted
            is_greeted = True
            self.orders += self.orders_of(json.loads(message.data))


def of_the_stream(message: dict[str, Any]) -> list[str]:
    if message["type"] != "realtime_update":
        return []
    events = [event for some in message["data"]["updates"].values() for event in some]
    return [event["data"]["order_id"] for event in events if event["type"] == "new_order"]


def of_the_panel(message: dict[str, Any]) -> list[str]:
    return [row["id"] for row in message["data"]["recent_orders"]] if message["type"] == "dashboard_update" else []


def of_the_role_client(message: dict[str, Any]) -> list[str]:
    return [message["data"]["orderId"]] if message["type"] == "new_order" else []


def of_the_dashboard(message: dict[str, Any]) -> list[str]:
    """It is told of no single order."""
    return []
