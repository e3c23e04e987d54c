"""The same hubs in every framework and ASGI server, over each transport; a clear word where the lifespan is missing."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

import aiohttp
import pytest
from compliance.hosting.clients import TIMEOUT_SECONDS, connected
from compliance.hosting.hosts import (
    AsgiApplication,
    Host,
    bare,
    fastapi,
    hypercorn,
    starlette,
    starlette_nested,
    starlette_without_lifespan,
    uvicorn_with,
)

from hubwire import ConnectRequest, Hub, HubServer, Principal, RawConnection, Unauthorized, hub_method
from hubwire.server.raw_pump import RawPump
from hubwire.transports.websocket import WebSocketTransport

TRANSPORTS = ("WebSockets", "ServerSentEvents", "LongPolling")

HOSTS = {
    "uvicorn": uvicorn_with(),
    "uvicorn-h11": uvicorn_with(http="h11", ws="wsproto"),
    "uvicorn-fast-lane": uvicorn_with(http="hubwire.server.uvicorn:Http"),
    "hypercorn": hypercorn(),
}
MOUNTS = {
    "bare": (bare, ""),
    "starlette at the root": (starlette, ""),
    "starlette below a prefix": (starlette, "/live"),
    "starlette in starlette": (starlette_nested, "/outer/inner"),
    "fastapi at the root": (fastapi, ""),
    "fastapi below a prefix": (fastapi, "/live"),
}


class Room(Hub):
    """Enough to see calls, broadcasts, groups and events."""

    def __init__(self, left: asyncio.Queue[str]) -> None:
        self._left = left

    async def connected(self) -> None:
        await self.groups.add(self.context.connection_id, "room")

    async def disconnected(self, error: BaseException | None) -> None:
        self._left.put_nowait(self.context.connection_id)

    @hub_method("Who")
    async def who(self) -> list[str]:
        return [self.context.connection_id, self.context.request.path]

    @hub_method("Say")
    async def say(self, text: str) -> None:
        await self.clients.group("room").send("said", text)


async def echo(connection: RawConnection) -> None:
    async for data in connection:
        await connection.write(data)


@pytest.fixture
def left() -> asyncio.Queue[str]:
    """Ids of connections that have left."""
    return asyncio.Queue()


@pytest.fixture
def server(left: asyncio.Queue[str]) -> HubServer:
    server = HubServer()
    server.add(lambda: Room(left), path="/room", name="Room")
    server.add_raw(echo, path="/echo")
    return server


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest) -> Host:
    return HOSTS[request.param]


@pytest.fixture(params=MOUNTS)
def mounted(request: pytest.FixtureRequest, server: HubServer) -> tuple[AsgiApplication, str]:
    """An application that mounts the server, and where."""
    mount, prefix = MOUNTS[request.param]
    return mount(server, prefix), prefix


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_hub_works_over_each_transport(
    host: Host, mounted: tuple[AsgiApplication, str], server: HubServer, left: asyncio.Queue[str], transport: str
) -> None:
    app, prefix = mounted
    async with host(app) as port:
        url = f"http://127.0.0.1:{port}{prefix}"  # frameworks look at the case of a prefix, we do not at ours
        async with connected(transport, f"{url}/room") as ann, connected(transport, f"{url}/ROOM") as bob:
            assert await ann.invoke("Who") == [ann.connection_id, f"{prefix}/room"]
            assert await bob.invoke("Who") == [bob.connection_id, f"{prefix}/ROOM"]
            await ann.send({"type": 1, "target": "Say", "arguments": ["hello"]})
            hello = {"type": 1, "target": "said", "arguments": ["hello"]}
            assert [await ann.receive(), await bob.receive()] == [hello, hello]
            await server.context("Room").clients.all.send("from outside", 1)
            assert (await bob.receive())["target"] == "from outside"
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert {await left.get(), await left.get()} == {ann.connection_id, bob.connection_id}
            await server.endpoint.until_empty()


@pytest.mark.parametrize("frame", [starlette, fastapi])
async def test_a_path_may_be_given_whole_and_then_has_the_fast_lane(
    host: Host, server: HubServer, frame: Callable[[HubServer, str], AsgiApplication]
) -> None:
    server.add_raw(echo, path="/live/whole", name="Whole")
    async with host(frame(server, "/live")) as port, aiohttp.ClientSession() as session:
        for path, is_whole in (("/live/whole", True), ("/live/echo", False)):
            async with session.ws_connect(f"http://127.0.0.1:{port}{path}") as client:
                await client.send_str("x")
                assert await client.receive_str(timeout=TIMEOUT_SECONDS) == "x"
                (pump,) = server.endpoint.connections.values()
                assert isinstance(pump, RawPump)
                is_fast = isinstance(pump._transport, WebSocketTransport)
                assert is_fast is (is_whole and host is HOSTS["uvicorn-fast-lane"])
            await server.endpoint.until_empty()


async def test_other_pages_stay_the_application_s(host: Host, mounted: tuple[AsgiApplication, str]) -> None:
    app, prefix = mounted
    async with host(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        if app.__class__ is not HubServer:
            async with session.get("/page") as answer:
                assert (answer.status, await answer.text()) == (200, "page /page")
        async with session.get(f"{prefix}/nothing") as answer:
            assert answer.status == 404


async def test_a_raw_websocket_is_closed_properly(host: Host, mounted: tuple[AsgiApplication, str]) -> None:
    app, prefix = mounted
    async with (
        host(app) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
        session.ws_connect(f"{prefix}/echo") as client,
    ):
        await client.send_str("grüße")
        assert await client.receive_str(timeout=TIMEOUT_SECONDS) == "grüße"
        assert await client.close()
        assert client.close_code == 1000


@pytest.mark.parametrize("is_closed", [True, False])
async def test_a_closed_websocket_is_told_from_a_lost_one_where_the_server_can(
    host: Host, server: HubServer, is_closed: bool
) -> None:
    ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    async def listen(connection: RawConnection) -> None:
        async for data in connection:
            await connection.write(data)
        ended.set_result(connection.error)

    server.add_raw(listen, path="/listen")
    async with (
        host(starlette(server, "/live")) as port,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{port}/live/listen") as client,
    ):
        await client.send_str("x")
        assert await client.receive_str(timeout=TIMEOUT_SECONDS) == "x"
        if is_closed:
            await client.close()
        else:
            client.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            error = await ended
        # Hypercorn says of both that there was no close frame.
        assert isinstance(error, ConnectionResetError) is (not is_closed or host is HOSTS["hypercorn"])


async def test_who_is_refused_gets_an_empty_401(
    host: Host, mounted: tuple[AsgiApplication, str], server: HubServer
) -> None:
    class Nobody:
        async def verify(self, token: str | None, hub: str, request: ConnectRequest) -> Principal:
            raise Unauthorized("not you")

    server.add(lambda: Room(asyncio.Queue()), path="/private", name="Private", verifier=Nobody())
    app, prefix = mounted
    async with host(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.post(f"{prefix}/private/negotiate?negotiateVersion=1") as answer:
            assert (answer.status, await answer.read()) == (401, b"")
            assert answer.reason == ("" if host is HOSTS["hypercorn"] else "Unauthorized")  # it writes no phrases
        async with session.get(f"{prefix}/private?id=x", headers={"Accept": "text/event-stream"}) as answer:
            assert (answer.status, await answer.read()) == (401, b"")
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await session.ws_connect(f"{prefix}/private")


async def test_a_stop_of_the_asgi_server_ends_what_is_open(host: Host, server: HubServer) -> None:
    async with aiohttp.ClientSession() as session:
        async with host(starlette(server, "/live")) as port:
            client = await session.ws_connect(f"http://127.0.0.1:{port}/live/room")
            await client.send_str('{"protocol":"json","version":1}\x1e')
            assert await client.receive_str(timeout=TIMEOUT_SECONDS) == "{}\x1e"
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not (await client.receive()).type.name.startswith("CLOS"):
                pass
        assert not server.is_running
        assert server.connection_count == 0


async def test_a_server_whose_lifespan_is_not_entered_says_what_to_do(
    host: Host, server: HubServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        host(starlette_without_lifespan(server, "/live")) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        with caplog.at_level(logging.ERROR):
            async with session.post("/live/room/negotiate?negotiateVersion=1") as answer:
                assert answer.status == 500
            with pytest.raises(aiohttp.WSServerHandshakeError, match="500"):
                await session.ws_connect("/live/room")
        texts = [str(record.exc_info[1]) for record in caplog.records if record.exc_info]
        assert len(texts) == 2
        assert all("must enter `async with server.lifespan()`" in text for text in texts)
