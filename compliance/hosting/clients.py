"""A hub client for each transport over aiohttp, as small as the protocol allows. Knows JSON alone and no hosting."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp

TIMEOUT_SECONDS = 30.0
_HANDSHAKE = '{"protocol":"json","version":1}\x1e'
_LAST_BYTE = "\x1e"


class Client(ABC):
    """What all transports share: negotiate, and messages as they come."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.connection_id = ""
        self._session = session
        self._url = url
        self._id_url = url
        self._messages: asyncio.Queue[Any] = asyncio.Queue()

    async def negotiate(self, transport: str) -> None:
        async with self._session.post(f"{self._url}/negotiate?negotiateVersion=1") as answer:
            assert answer.status == 200, await answer.text()
            negotiated = await answer.json()
        assert transport in [offer["transport"] for offer in negotiated["availableTransports"]]
        self.connection_id = negotiated["connectionId"]
        self._id_url = f"{self._url}?id={negotiated['connectionToken']}"

    @abstractmethod
    def connected(self) -> AbstractAsyncContextManager[Client]:
        """Be connected, behind the handshake, while inside."""

    async def send(self, *messages: object) -> None:
        await self.post("".join(json.dumps(message) + _LAST_BYTE for message in messages))

    async def post(self, text: str) -> None:
        async with self._session.post(self._id_url, data=text.encode()) as answer:
            assert (answer.status, await answer.read()) == (200, b"")

    async def receive(self) -> Any:
        """The next hub message that is no ping; None: the connection has ended."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (message := await self._messages.get()) == {"type": 6}:
                pass
        return message

    async def invoke(self, target: str, *arguments: object) -> Any:
        await self.send({"type": 1, "invocationId": "1", "target": target, "arguments": arguments})
        completion = await self.receive()
        assert completion["type"] == 3, completion
        return completion.get("result")

    def _arrived(self, text: str) -> None:
        assert text == "" or text.endswith(_LAST_BYTE)
        for part in text.split(_LAST_BYTE)[:-1]:
            self._messages.put_nowait(json.loads(part))

    @asynccontextmanager
    async def _reading(self, work: Any) -> AsyncIterator[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._messages.put_nowait(None))
        try:
            await self.post(_HANDSHAKE)
            assert await self.receive() == {}
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class _WebSocketClient(Client):
    _socket: aiohttp.ClientWebSocketResponse

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Client]:
        await self.negotiate("WebSockets")
        async with self._session.ws_connect(self._id_url) as self._socket, self._reading(self._read()):
            yield self

    async def post(self, text: str) -> None:
        await self._socket.send_str(text)

    async def _read(self) -> None:
        async for message in self._socket:
            self._arrived(message.data)


class _ServerSentEventsClient(Client):
    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Client]:
        await self.negotiate("ServerSentEvents")
        async with self._session.get(self._id_url, headers={"Accept": "text/event-stream"}) as answer:
            assert (answer.status, answer.content_type) == (200, "text/event-stream")
            async with self._reading(self._read(answer.content)):
                yield self

    async def _read(self, body: aiohttp.StreamReader) -> None:
        while not body.at_eof():
            line = (await body.readline()).decode()
            if line.startswith("data: "):
                self._arrived(line.removeprefix("data: ").rstrip("\r\n"))


class _LongPollingClient(Client):
    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Client]:
        await self.negotiate("LongPolling")
        async with self._session.get(self._id_url) as first:
            assert (first.status, await first.read()) == (200, b"")
        async with self._reading(self._poll()):
            yield self
            async with self._session.delete(self._id_url) as answer:
                assert answer.status in (202, 404)  # 404: the server has ended it

    async def _poll(self) -> None:
        while True:
            async with self._session.get(self._id_url) as answer:
                if answer.status == 204:
                    return
                assert answer.status == 200
                self._arrived((await answer.read()).decode())


CLIENTS: dict[str, type[Client]] = {
    "WebSockets": _WebSocketClient,
    "ServerSentEvents": _ServerSentEventsClient,
    "LongPolling": _LongPollingClient,
}


@asynccontextmanager
async def connected(transport: str, url: str) -> AsyncIterator[Client]:
    """A client behind its handshake."""
    async with aiohttp.ClientSession() as session, CLIENTS[transport](session, url).connected() as client:
        yield client
