"""A client that handles each event once, in order, over any number of connections: what pages do, in Python.

It asks for what it missed, holds back what comes live meanwhile, and drops what it knows. Follows a server that is
killed and comes back on the same port.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

import aiohttp

RECORD_SEPARATOR = "\x1e"
_PAUSE_SECONDS = 0.2
"""Before it dials again."""
_SILENCE_SECONDS = 40.0
"""Without a word for so long a connection counts as lost; the server pings every 15 s."""


@dataclass
class Handler:
    """Who it is, and what it has handled.

    Args:
        address: gives the way to the hub; asked at each connect, since tokens run out.
        join: method and arguments by which it comes to hear of events.
    """

    name: str
    address: Callable[[], Awaitable[str]]
    join: Sequence[Any]
    handled: list[str] = field(default_factory=list)
    """Event ids in the order in which they were handled."""
    position: int | None = None
    first: int = 0
    """The position at which it began."""
    is_live: asyncio.Event = field(default_factory=asyncio.Event)
    connects: int = 0
    _known: set[str] = field(default_factory=set)
    _replayed_to: int = 0
    _held: list[tuple[int, str]] = field(default_factory=list)
    _is_holding: bool = True

    async def run(self) -> None:
        """Connect, again and again, for ever."""
        async with aiohttp.ClientSession() as http:
            while True:
                try:
                    async with http.ws_connect(await self._way(), max_msg_size=0) as socket:
                        await self._live(socket)
                except (aiohttp.ClientError, OSError):
                    pass
                self.is_live.clear()
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _way(self) -> str:
        """Raises: OSError for an answer of which a killed server wrote a part, too."""
        try:
            return await self.address()
        except (HTTPException, ValueError) as error:
            raise ConnectionError(str(error)) from error

    async def _live(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._held, self._is_holding = [], True
        await socket.send_str(json.dumps({"protocol": "json", "version": 1}) + RECORD_SEPARATOR)
        messages = self._messages(socket)
        async with asyncio.timeout(_SILENCE_SECONDS):
            await self._call(socket, messages, self.join[0], *self.join[1:])
            while True:
                answer = await self._call(socket, messages, "ResumeEvents", self.position)
                if self.position is None:
                    self.first = answer["position"]
                elif not answer["complete"]:
                    raise RuntimeError(f"{self.name} is not told what it missed behind {self.position}")
                self.position = answer["position"]
                if not answer["more"]:
                    break
        self._replayed_to, self._is_holding = answer["position"], False
        for position, event_id in sorted(self._held):
            self._take(position, event_id, is_replayed=False)
        self.connects += 1
        self.is_live.set()
        async for _ in messages:
            pass

    async def _messages(self, socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[dict[str, Any]]:
        """Completions and the like; events are handled here."""
        while True:
            frame = await socket.receive(timeout=_SILENCE_SECONDS)
            if frame.type is not aiohttp.WSMsgType.TEXT:
                return
            for record in frame.data.split(RECORD_SEPARATOR)[:-1]:
                message = json.loads(record)
                stamp = (message.get("arguments") or [None])[0]
                if message.get("type") == 1 and isinstance(stamp, dict) and "position" in stamp:
                    self._event(stamp)
                else:
                    yield message

    async def _call(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        messages: AsyncIterator[dict[str, Any]],
        method: str,
        *arguments: object,
    ) -> Any:
        call = {"type": 1, "invocationId": method, "target": method, "arguments": arguments}
        await socket.send_str(json.dumps(call) + RECORD_SEPARATOR)
        async for message in messages:
            if message.get("type") == 3 and message["invocationId"] == method:
                if "error" in message:
                    raise ConnectionError(message["error"])
                return message.get("result")
        raise ConnectionError("the connection ended before the answer")

    def _event(self, stamp: dict[str, Any]) -> None:
        position, event_id, is_replayed = stamp["position"], stamp["eventId"], bool(stamp.get("replayed"))
        if self._is_holding and not is_replayed:
            self._held.append((position, event_id))
        else:
            self._take(position, event_id, is_replayed=is_replayed)

    def _take(self, position: int, event_id: str, *, is_replayed: bool) -> None:
        if event_id in self._known or (not is_replayed and position <= self._replayed_to):
            return
        self._known.add(event_id)
        self.handled.append(event_id)
        self.position = max(self.position or 0, position)


@asynccontextmanager
async def handling(handlers: Sequence[Handler]) -> AsyncIterator[None]:
    """Let them run."""
    running = [asyncio.create_task(handler.run()) for handler in handlers]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)
