"""A client that speaks the JSON protocol over a WebSocket, to see what a documented server says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

TIMEOUT_SECONDS = 30.0
"""Also for servers in processes of their own that have only just begun."""
RECORD_END = "\x1e"


class SocketClient:
    """One connection; what the server calls is kept until asked for."""

    def __init__(self, web_socket: ClientConnection) -> None:
        self._socket = web_socket
        self._waiting: list[dict[str, Any]] = []

    async def call(self, target: str, *arguments: object) -> Any:
        """Invoke a method and return its result. Raises: RuntimeError with the text of the Completion."""
        await self.send({"type": 1, "invocationId": "1", "target": target, "arguments": arguments})
        answer = await self.receive(3)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer.get("result")

    async def called(self) -> tuple[str, list[Any]]:
        """The next call of this client: target and arguments."""
        call = await self.receive(1)
        return call["target"], call["arguments"]

    async def send(self, *messages: object) -> None:
        await self._socket.send("".join(json.dumps(message) + RECORD_END for message in messages))

    async def receive(self, kind: int) -> dict[str, Any]:
        """The next message of that type; others wait."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                for position, message in enumerate(self._waiting):
                    if message.get("type", 0) == kind:
                        return self._waiting.pop(position)
                text = await self._socket.recv()
                assert isinstance(text, str)
                self._waiting += [json.loads(part) for part in text.split(RECORD_END) if part]

    async def closed(self) -> None:
        """Wait for the end of the WebSocket."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self._socket.wait_closed()


@asynccontextmanager
async def connected(address: str, token: str | None = None) -> AsyncIterator[SocketClient]:
    """A client of the hub at that address, behind its handshake."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with connect(
        address.replace("http", "ws", 1), proxy=None, additional_headers=headers, open_timeout=TIMEOUT_SECONDS
    ) as web_socket:
        await web_socket.send(json.dumps({"protocol": "json", "version": 1}) + RECORD_END)
        client = SocketClient(web_socket)
        await client.receive(0)
        yield client
