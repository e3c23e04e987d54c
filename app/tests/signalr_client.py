"""A minimal SignalR client for tests: JSON protocol over a WebSocket, nothing hidden. Waits on conditions."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

RECORD_SEPARATOR = "\x1e"
TIMEOUT_SECONDS = 30.0
"""How long a condition may take before the test fails; generous, as nothing asserts a duration."""


class InvocationFailed(Exception):
    """The completion carried an error."""


@dataclass
class SignalRClient:
    """One hub connection.

    Messages are kept in `events` as `(target, argument)`; `received` waits for one.
    """

    socket: ClientConnection
    events: list[tuple[str, Any]] = field(default_factory=list)
    close: dict[str, Any] | None = None
    """The hub's Close message, once it came."""
    ended: bool = False
    _completions: dict[str, dict[str, Any]] = field(default_factory=dict)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _ids: count[int] = field(default_factory=lambda: count(1))

    async def invoke(self, method: str, *arguments: object) -> Any:
        """Call a hub method and return its result. Raises: InvocationFailed with the server's text."""
        invocation_id = str(next(self._ids))
        await self._send({"type": 1, "invocationId": invocation_id, "target": method, "arguments": list(arguments)})
        await self.until(lambda: invocation_id in self._completions or self.ended)
        if invocation_id not in self._completions:
            raise ConnectionError(f"the connection ended before {method} was answered")
        completion = self._completions.pop(invocation_id)
        if "error" in completion:
            raise InvocationFailed(completion["error"])
        return completion.get("result")

    async def received(self, target: str, matching: Callable[[Any], bool] = lambda _: True) -> Any:
        """Wait for an event of this target and return its argument."""

        def found() -> list[Any]:
            return [argument for name, argument in self.events if name == target and matching(argument)]

        await self.until(lambda: bool(found()))
        return found()[0]

    def all_received(self, target: str) -> list[Any]:
        """The arguments of every such event so far."""
        return [argument for name, argument in self.events if name == target]

    async def closed_by_the_server(self) -> None:
        """Wait until the connection has ended."""
        await self.until(lambda: self.ended)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds, looking again at each message."""
        async with asyncio.timeout(TIMEOUT_SECONDS), self._changed:
            await self._changed.wait_for(condition)

    async def _send(self, message: dict[str, Any]) -> None:
        await self.socket.send(json.dumps(message) + RECORD_SEPARATOR)

    async def read(self) -> None:
        """Take messages in until the socket ends."""
        try:
            async for frame in self.socket:
                text = frame if isinstance(frame, str) else frame.decode()
                for record in text.split(RECORD_SEPARATOR):
                    if record:
                        await self._take(json.loads(record))
        except ConnectionClosed:
            pass
        finally:
            async with self._changed:
                self.ended = True
                self._changed.notify_all()

    async def _take(self, message: dict[str, Any]) -> None:
        async with self._changed:
            if message["type"] == 1:
                self.events.append((message["target"], (message["arguments"] or [None])[0]))
            elif message["type"] == 3:
                self._completions[message["invocationId"]] = message
            elif message["type"] == 7:
                self.close = message
            self._changed.notify_all()


@asynccontextmanager
async def open_connection(url: str, access_token: str | None = None, **options: Any) -> AsyncIterator[SignalRClient]:
    """Dial a hub endpoint (`http(s)://…`) without negotiation and shake hands."""
    parts = urlsplit(url)
    address = urlunsplit(parts._replace(scheme={"http": "ws", "https": "wss"}[parts.scheme]))
    headers = {"Authorization": f"Bearer {access_token}"} if access_token else {}
    options = {"open_timeout": TIMEOUT_SECONDS, **options}
    async with connect(address, additional_headers=headers, compression=None, **options) as socket:
        await socket.send(json.dumps({"protocol": "json", "version": 1}) + RECORD_SEPARATOR)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            first = await socket.recv()
        text = first if isinstance(first, str) else first.decode()
        handshake, _, rest = text.partition(RECORD_SEPARATOR)
        if "error" in json.loads(handshake):
            raise ConnectionError(json.loads(handshake)["error"])
        client = SignalRClient(socket)
        for record in rest.split(RECORD_SEPARATOR):
            if record:
                await client._take(json.loads(record))
        reader = asyncio.create_task(client.read())
        try:
            yield client
        finally:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader
