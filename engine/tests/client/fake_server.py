"""A server that does whatever a test scripts: odd negotiations, lost sockets, anything at all in any message.

It has one path, `/hub`. Requests are answered from lists of scripted answers, then as a friendly server does; sockets
and event streams are handed to the test, which plays the server on them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aiohttp import WSMsgType, web

TIMEOUT_SECONDS = 30.0
ALL_TRANSPORTS = ("WebSockets", "ServerSentEvents", "LongPolling")

Scripted = web.StreamResponse | Callable[[web.Request], web.StreamResponse]


class FakeSocket:
    """The server's end of one WebSocket. It is read all the time, so that a good-bye is answered at once."""

    def __init__(self, request: web.Request) -> None:
        self.request = request
        self._socket = web.WebSocketResponse(timeout=0.1)
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._is_over = asyncio.Event()

    async def run(self) -> web.WebSocketResponse:
        """Read until the end."""
        await self._socket.prepare(self.request)
        try:
            async for frame in self._socket:
                if frame.type is WSMsgType.TEXT:
                    for part in frame.data.split("\x1e")[:-1]:
                        self._messages.put_nowait(json.loads(part))
        finally:
            self._is_over.set()
        return self._socket

    async def receive(self) -> dict[str, Any]:
        """The client's next hub message."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await self._messages.get()

    async def receive_call(self) -> dict[str, Any]:
        """The next one that is neither a ping nor an ack."""
        while (message := await self.receive()).get("type") in (6, 8):
            pass
        return message

    async def closed(self) -> int | None:
        """Wait for the end of the socket; returns the code of the client's close frame, 1006 without one."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self._is_over.wait()
        return self._socket.close_code

    async def send(self, *messages: object) -> None:
        """Send hub messages in one frame."""
        await self.send_text("".join(json.dumps(message) + "\x1e" for message in messages))

    async def send_many(self, messages: Iterable[object]) -> None:
        """Send each in a frame of its own, as fast as the client takes them."""
        for message in messages:
            await self.send(message)

    async def send_text(self, text: str) -> None:
        await self._socket.send_str(text)

    async def send_bytes(self, data: bytes) -> None:
        await self._socket.send_bytes(data)

    def stop_reading(self) -> None:
        """Hear nothing any more, not even a good-bye."""
        transport: Any = self.request.transport  # uvloop's are no asyncio.ReadTransport by name
        transport.pause_reading()

    async def shake_hands(self, *glued: object) -> dict[str, Any]:
        """Accept the handshake, which is returned; `glued` follows in the same frame."""
        request = await self.receive()
        await self.send({}, *glued)
        return request

    async def close(self, code: int = 1000) -> None:
        """End it properly."""
        await self._socket.close(code=code)

    def drop(self) -> None:
        """End it as a lost network does."""
        transport = self.request.transport
        assert transport is not None
        transport.abort()


class FakeServer:
    """An HTTP server on a free port."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        """Everything that was asked."""
        self.negotiations: list[Scripted] = []
        """Answers to negotiate, used up one by one."""
        self.upgrades: list[Scripted] = []
        """Answers to WebSocket upgrades, instead of a socket."""
        self.gets: list[Scripted] = []
        """Answers to other GETs."""
        self.posts: list[Scripted] = []
        """Answers to POSTs of data; without one, 200."""
        self.posted: asyncio.Queue[bytes] = asyncio.Queue()
        """Data that was POSTed."""
        self.deleted = asyncio.Event()
        self.offer: dict[str, Sequence[str]] = {name: ("Text", "Binary") for name in ALL_TRANSPORTS}
        self.offers_stateful_reconnect = False
        self.answers_deletes = True
        self.url = ""
        self._ids = 0
        self._sockets: asyncio.Queue[FakeSocket] = asyncio.Queue()
        self._releases = asyncio.Event()

    async def __aenter__(self) -> FakeServer:
        app = web.Application()
        app.router.add_post("/hub/negotiate", self._negotiate)
        app.router.add_post("/hub", self._post)
        app.router.add_get("/hub", self._get)
        app.router.add_delete("/hub", self._delete)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/hub"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._releases.set()
        await self._runner.cleanup()

    async def socket(self) -> FakeSocket:
        """The next WebSocket that a client opens."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await self._sockets.get()

    async def connected(self, *glued: object) -> FakeSocket:
        """The next WebSocket, behind its handshake and the client's first ping."""
        socket = await self.socket()
        await socket.shake_hands(*glued)
        assert await socket.receive() == {"type": 6}
        return socket

    def asked(self, method: str, path: str = "/hub") -> list[web.Request]:
        """The requests of one kind."""
        return [each for each in self.requests if (each.method, each.path) == (method, path)]

    async def _negotiate(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.negotiations:
            return await _scripted(self.negotiations.pop(0), request)
        self._ids += 1
        answer: dict[str, Any] = {
            "negotiateVersion": 1,
            "connectionId": f"id-{self._ids}",
            "connectionToken": f"token-{self._ids}",
            "availableTransports": [
                {"transport": name, "transferFormats": list(formats)} for name, formats in self.offer.items()
            ],
        }
        if self.offers_stateful_reconnect:
            answer["useStatefulReconnect"] = True
        return web.json_response(answer)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            if self.gets:
                return await _scripted(self.gets.pop(0), request)
            await self._releases.wait()
            return web.Response(status=204)
        if self.upgrades:
            return await _scripted(self.upgrades.pop(0), request)
        socket = FakeSocket(request)
        self._sockets.put_nowait(socket)
        return await socket.run()

    async def _post(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        body = await request.read()
        if self.posts:
            return await _scripted(self.posts.pop(0), request)
        self.posted.put_nowait(body)
        return web.Response()

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.deleted.set()
        if not self.answers_deletes:
            await self._releases.wait()
        return web.Response(status=202)


class EventStream(web.StreamResponse):
    """An answer that the test writes piece by piece."""

    def __init__(self) -> None:
        super().__init__(headers={"Content-Type": "text/event-stream"})
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()

    def send(self, piece: bytes) -> None:
        self._pieces.put_nowait(piece)

    def end(self) -> None:
        self._pieces.put_nowait(None)

    async def run(self, request: web.Request) -> None:
        await self.prepare(request)
        while (piece := await self._pieces.get()) is not None:
            await self.write(piece)


def redirect(url: str, token: str | None = None) -> Scripted:
    """A negotiate answer that leads elsewhere."""
    answer = {"url": url} if token is None else {"url": url, "accessToken": token}
    return lambda _: web.json_response(answer)


def silence(request: web.Request) -> web.StreamResponse:
    """No answer at all."""
    return _Silence()


class _Silence(web.StreamResponse):
    async def run(self, request: web.Request) -> None:
        await asyncio.Event().wait()


async def _scripted(scripted: Scripted, request: web.Request) -> web.StreamResponse:
    response = scripted(request) if callable(scripted) else scripted
    if isinstance(response, EventStream | _Silence):
        await response.run(request)
    return response
