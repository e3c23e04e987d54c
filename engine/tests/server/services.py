"""A `SignalRService` on a real socket, an application behind it on another one, and what speaks to them."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import jwt
import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from hubwire import AzureHubs, Cluster, Hub, HubOptions, hub_method, make_server, server_config
from hubwire.azure.jwt import ClientTokens
from hubwire.azure.rest_tokens import RestTokens
from hubwire.azure.upstream_templates import UpstreamTemplate, UpstreamTemplates
from hubwire.server.azure_signalr import AzureSignalR
from hubwire.server.service import SignalRService

KEY = "primary-" + "p" * 36
SECONDARY_KEY = "secondary-" + "s" * 36
TIMEOUT_SECONDS = 30.0
HANDSHAKE = '{"protocol":"json","version":1}\x1e'


@dataclass
class RunningService:
    """A service that listens."""

    service: SignalRService
    port: int
    session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self, hub: str = "chat", key: str = KEY, **claims: Any) -> str:
        """A client token with further claims, or others than it would have."""
        audience = f"{self.url}/client/?hub={hub}"
        return jwt.encode({"aud": audience, "exp": 4_000_000_000, **claims}, key, algorithm="HS256")

    def signed(self, hub: str = "chat", user_id: str | None = None) -> str:
        return ClientTokens([KEY], [self.url]).sign(hub, user_id=user_id)

    async def rest(
        self, method: str, path: str, query: str = "", body: object = None, key: str = KEY
    ) -> aiohttp.ClientResponse:
        token, _ = RestTokens([key], [self.url]).sign(path)
        address = f"{self.url}{path}?api-version=2024-12-01{query}"
        headers = {"Authorization": f"Bearer {token}"}
        async with self.session.request(method, address, json=body, headers=headers) as answer:
            await answer.read()
            return answer

    async def negotiate(self, token: str | None, query: str = "hub=chat", **headers: str) -> aiohttp.ClientResponse:
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        address = f"{self.url}/client/negotiate?{query}&negotiateVersion=1"
        async with self.session.post(address, headers=headers) as answer:
            await answer.read()
            return answer

    async def get(self, path: str, **headers: str) -> aiohttp.ClientResponse:
        async with self.session.get(self.url + path, headers=headers) as answer:
            await answer.read()
            return answer

    @asynccontextmanager
    async def client(self, user_id: str | None = None, hub: str = "chat", token: str = "") -> AsyncIterator[Client]:
        """A client behind its handshake."""
        token = token or self.signed(hub, user_id)
        address = f"ws://127.0.0.1:{self.port}/client/?hub={hub}&access_token={token}"
        async with connect(address, compression=None, ping_interval=None, proxy=None) as socket_:
            client = Client(socket_, [])
            await socket_.send(HANDSHAKE)
            assert await client.receive() == {}
            yield client


@dataclass
class Client:
    """One over a WebSocket that shows every hub message but pings."""

    socket: ClientConnection
    messages: list[Any]

    async def receive(self) -> Any:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                while self.messages:
                    message = self.messages.pop(0)
                    if message != {"type": 6}:
                        return message
                text = await self.socket.recv()
                assert isinstance(text, str)
                self.messages += [json.loads(part) for part in text.split("\x1e")[:-1]]

    async def invoke(self, target: str, *arguments: object) -> Any:
        await self.socket.send(
            json.dumps({"type": 1, "invocationId": "1", "target": target, "arguments": arguments}) + "\x1e"
        )
        others = []
        while (message := await self.receive())["type"] != 3:
            others.append(message)
        self.messages[:0] = others
        return message


@asynccontextmanager
async def running_service(
    *,
    upstream: UpstreamTemplates | None = None,
    cluster: Cluster | None = None,
    internal: Any = None,
    more_urls: Sequence[str] = (),
    **arguments: Any,
) -> AsyncIterator[RunningService]:
    """Serve on a free port; the arguments are those of `SignalRService`."""
    arguments.setdefault("keys", [KEY, SECONDARY_KEY])
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = listener.getsockname()[1]
        keys = arguments.pop("keys")
        service = SignalRService(
            keys, [f"http://127.0.0.1:{port}", *more_urls], upstream=upstream, cluster=cluster, **arguments
        )
        ready = asyncio.Event()
        config = server_config(service, service.hubs, log_config=None)
        server = make_server(config, service.hubs, internal=internal, on_listening=ready.set)
        task = asyncio.create_task(server.serve([listener]))
        session = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await asyncio.wait((task, asyncio.ensure_future(ready.wait())), return_when=asyncio.FIRST_COMPLETED)
        try:
            yield RunningService(service, port, session)
        finally:
            server.should_exit = True
            await task


class Seen:
    """What an application saw."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[tuple[str, str | None]] = asyncio.Queue()
        self.refuses = False

    async def next(self) -> tuple[str, str | None]:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await self.events.get()


class ChatHub(Hub):
    """The application's."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    async def connected(self) -> None:
        self.seen.events.put_nowait(("connected", self.context.user_id))
        if self.seen.refuses:
            raise ValueError("not you")

    async def disconnected(self, error: BaseException | None) -> None:
        self.seen.events.put_nowait(("disconnected", self.context.user_id))

    @hub_method("Echo")
    async def echo(self, value: object) -> object:
        return value

    @hub_method("Tell")
    async def tell(self, user: str, value: object) -> None:
        await self.clients.user(user).send("Told", value)


@asynccontextmanager
async def application_behind(running: RunningService, key: str = KEY) -> AsyncIterator[tuple[AzureHubs, Seen]]:
    """Serve the hub `chat`, and let the service send its events there."""
    seen = Seen()
    hubs = AzureHubs(AzureSignalR(f"Endpoint={running.url};AccessKey={key};Version=1.0;"))
    hubs.add(lambda: ChatHub(seen), name="chat", options=HubOptions())
    server = uvicorn.Server(uvicorn.Config(hubs, log_config=None))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve([listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn announces it nowhere
            await asyncio.sleep(0.01)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/api/upstream"
        running.service.replace_upstream(UpstreamTemplates([UpstreamTemplate(address)]))
        try:
            yield hubs, seen
        finally:
            server.should_exit = True
            await task
