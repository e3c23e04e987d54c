"""A hub server on a real socket, on either lane, and a client that shows every byte."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
import uvloop
from websockets.asyncio.client import ClientConnection, connect

from hubwire import Cluster, Hub, HubError, HubOptions, HubServer, ServerOptions, hub_method, server_config
from hubwire.observe import NullObserver
from hubwire.server.uvicorn import Server
from hubwire.testing import FakeClock

HANDSHAKE = '{"protocol":"json","version":1}\x1e'
TIMEOUT_SECONDS = 30.0
"""Of one wait. Much longer than anything takes, so that a machine that stands still for a while fails no test."""


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Callable[[], Any]]:
    """Sockets are tested on the loop that serves them in production."""
    return {"uvloop": uvloop.new_event_loop}


fast_lane_only = pytest.mark.parametrize("lane", ["fast"], indirect=True)
"""For what the ASGI server decides by itself on the other lane."""


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until the condition holds; for states of uvicorn that nobody announces."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not condition():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0)


async def until_cut_off(
    clock: FakeClock,
    seconds: float,
    *,
    is_over: Callable[[], bool],
    is_paused: Callable[[], bool],
    feed: Callable[[], Awaitable[object]] | None = None,
) -> None:
    """Let a client that reads nothing be cut off, so many seconds after the kernel took the last for it.

    Args:
        feed: gives it more, while it is not paused.
    """
    pauses = 0
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not is_over():
            if is_paused():
                clock.advance(seconds)
                pauses += 1
                for _ in range(200):
                    if is_over() or not is_paused():
                        break
                    await asyncio.sleep(0)
            elif feed is not None:
                await feed()
            await asyncio.sleep(0)
    # Behind a pause the kernel may still take something, and the time begins anew: a few times at most.
    assert 0 < pauses < 5


class Journal:
    """What happened in the hub; a test waits for it."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, object]] = []
        self._changed = asyncio.Event()

    def add(self, event: str, value: object = None) -> None:
        self.entries.append((event, value))
        self._changed.set()

    async def until(self, event: str) -> object:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                for name, value in self.entries:
                    if name == event:
                        return value
                self._changed.clear()
                await self._changed.wait()


class SampleHub(Hub):
    """One method for each thing that can happen."""

    def __init__(self, journal: Journal, release: asyncio.Event) -> None:
        self.journal = journal
        self.release = release

    async def connected(self) -> None:
        if "refuse" in self.context.request.query:
            raise HubError("not you")
        self.journal.add("connected", self.context.connection_id)

    async def disconnected(self, error: BaseException | None) -> None:
        self.journal.add("disconnected", error)

    @hub_method("Echo")
    async def echo(self, value: object) -> object:
        return value

    @hub_method("Who")
    async def who(self) -> dict[str, object]:
        request = self.context.request
        return {
            "connection": self.context.connection_id,
            "user": self.context.user_id,
            "address": request.remote_address,
            "scheme": request.scheme,
            "agent": request.headers.get("user-agent"),
            "color": request.query_value("Color"),
            "path": request.path,
        }

    @hub_method("Fail")
    async def fail(self) -> None:
        raise HubError("on purpose")

    @hub_method("Crash")
    async def crash(self) -> float:
        return 1 / 0

    @hub_method("Block")
    async def block(self) -> str:
        self.journal.add("blocked")
        await self.release.wait()
        return "released"

    @hub_method("Abort")
    async def abort(self) -> None:
        await self.context.abort()

    @hub_method("Unwritable")
    async def unwritable(self) -> object:
        return object()


class RecordingObserver(NullObserver):
    """Keeps the words that measurements are counted by."""

    def __init__(self) -> None:
        self.closed: list[str] = []
        self.refused: list[int] = []
        self.invoked: list[tuple[str, bool]] = []

    def connection_closed(self, hub: str, transport: str, reason: str) -> None:
        self.closed.append(reason)

    def invocation_finished(self, hub: str, target: str, seconds: float, failed: bool) -> None:
        self.invoked.append((target, failed))

    def connect_refused(self, status: int) -> None:
        self.refused.append(status)


class ReadyServer(Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, hubs: HubServer, internal: socket.socket | None = None) -> None:
        super().__init__(config, hubs, internal)
        self.is_ready = asyncio.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.is_ready.set()


@dataclass
class Reply:
    """An HTTP answer."""

    status: int
    phrase: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


async def read_reply(reader: asyncio.StreamReader) -> Reply:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    _, status, phrase = head[0].split(" ", 2)
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Reply(int(status), phrase, headers, body)


@dataclass
class Client:
    """A hub client over a real WebSocket."""

    socket: ClientConnection
    _messages: list[dict[str, Any]] = field(default_factory=list)

    async def send(self, *messages: object) -> None:
        await self.socket.send("".join(json.dumps(message) + "\x1e" for message in messages))

    async def receive(self) -> dict[str, Any]:
        """The next hub message."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not self._messages:
                text = await self.socket.recv()
                assert isinstance(text, str)
                assert text.endswith("\x1e")  # never a partial message in a frame
                self._messages += [json.loads(part) for part in text.split("\x1e")[:-1]]
        return self._messages.pop(0)

    async def invoke(self, target: str, *arguments: object) -> dict[str, Any]:
        """Call and return the completion, which must be the next message."""
        await self.send({"type": 1, "invocationId": "i", "target": target, "arguments": arguments})
        return await self.receive()

    async def closed(self) -> int | None:
        """Wait for the WebSocket's end; returns its code."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self.socket.wait_closed()
        return self.socket.close_code


class Running:
    """A server that listens."""

    def __init__(self, hubs: HubServer, server: ReadyServer, port: int, journal: Journal) -> None:
        self.hubs = hubs
        self.server = server
        self.port = port
        self.journal = journal

    @property
    def clock(self) -> FakeClock:
        assert isinstance(self.hubs.clock, FakeClock)
        return self.hubs.clock

    @property
    def observer(self) -> RecordingObserver:
        assert isinstance(self.hubs.observer, RecordingObserver)
        return self.hubs.observer

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def request(self, method: str, target: str, body: bytes = b"", /, **headers: str) -> Reply:
        reader, writer = await self.open()
        try:
            writer.write(self.head(method, target, **{"Content-Length": str(len(body)), **headers}) + body)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await read_reply(reader)
        finally:
            writer.close()

    def head(self, method: str, target: str, **headers: str) -> bytes:
        fields = {"Host": f"127.0.0.1:{self.port}", **headers}
        lines = [
            f"{method} {target} HTTP/1.1",
            *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items()),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def upgrade_head(self, target: str, **headers: str) -> bytes:
        return self.head(
            "GET",
            target,
            Connection="Upgrade",
            Upgrade="websocket",
            Sec_WebSocket_Version="13",
            Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
            **headers,
        )

    async def upgrade(self, target: str, **headers: str) -> Reply:
        """Ask for an upgrade and return the answer, whatever it is."""
        reader, writer = await self.open()
        try:
            writer.write(self.upgrade_head(target, **headers))
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await read_reply(reader)
        finally:
            writer.close()

    @asynccontextmanager
    async def connected(
        self, target: str = "/sample", *, handshake: str | None = HANDSHAKE, **headers: str
    ) -> AsyncIterator[Client]:
        """A client behind its handshake, or before it."""
        async with connect(
            f"ws://127.0.0.1:{self.port}{target}",
            additional_headers={name.replace("_", "-"): value for name, value in headers.items()},
            compression=None,
            ping_interval=None,
            proxy=None,
        ) as socket_:
            client = Client(socket_)
            if handshake is not None:
                await socket_.send(handshake)
                assert await client.receive() == {}
            yield client

    async def negotiate(self, target: str = "/sample/negotiate?negotiateVersion=1", **headers: str) -> Any:
        reply = await self.request("POST", target, **headers)
        assert reply.status == 200
        return reply.json()


Serve = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture(params=["fast", "asgi"])
def lane(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def release() -> asyncio.Event:
    """Lets `Block` return."""
    return asyncio.Event()


@pytest.fixture
def serve(lane: str, release: asyncio.Event) -> Serve:
    """Start a server with one `SampleHub` at /sample on the lane of this test."""

    @asynccontextmanager
    async def start(
        options: ServerOptions | None = None,
        hub_options: HubOptions | None = None,
        verifier: Any = None,
        path: str | None = "/sample",
        app: Callable[[HubServer], Any] | None = None,
        cluster: Cluster | None = None,
        internal: socket.socket | None = None,
        **settings: Any,
    ) -> AsyncIterator[Running]:
        journal = Journal()
        hubs = HubServer(options, verifier=verifier, observer=RecordingObserver(), clock=FakeClock(), cluster=cluster)
        hubs.add(lambda: SampleHub(journal, release), path=path, name="Sample", options=hub_options)
        if lane == "asgi":
            settings["http"] = "httptools"
        config = server_config(app(hubs) if app else hubs, hubs, log_config=None, **settings)
        server = ReadyServer(config, hubs, internal)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            task = asyncio.create_task(server.serve([listener]))
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await server.is_ready.wait()
            try:
                yield Running(hubs, server, listener.getsockname()[1], journal)
            finally:
                release.set()
                server.should_exit = True
                await _with_time(task, hubs)

    return start


async def _with_time(task: Awaitable[None], hubs: HubServer) -> None:
    """Let fake time pass until the server has stopped: whoever does not answer is cut off by its clock."""
    assert isinstance(hubs.clock, FakeClock)
    stopping = asyncio.ensure_future(task)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not stopping.done():
            await asyncio.wait((stopping,), timeout=0.05)
            hubs.clock.advance(1.0)
    await stopping
