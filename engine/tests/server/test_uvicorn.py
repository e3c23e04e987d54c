"""The hand-over inside uvicorn: which connection goes where, TLS, time-outs, the version this was written for."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn
from engine.tests.client.certificate import write_certificate
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from websockets.asyncio.client import connect

from hubwire import Hub, HubServer, Principal, ServerOptions
from hubwire.server.app import LIFESPAN_STATE
from hubwire.server.uvicorn import UVICORN_VERSION, Http
from hubwire.testing import FakeClock
from hubwire.transports.websocket import WebSocketTransport

from .conftest import HANDSHAKE, TIMEOUT_SECONDS, Journal, Running, Serve, fast_lane_only, read_reply, until
from .http_clients import listening, polling


def test_this_is_the_uvicorn_that_the_hand_over_was_written_for() -> None:
    assert uvicorn.__version__.startswith(UVICORN_VERSION), "re-read uvicorn's protocols and Server.shutdown, then pin"


def starlette(hubs: HubServer) -> Starlette:
    """An application around the hubs, as users have one."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with hubs.lifespan():
            yield {LIFESPAN_STATE: hubs}

    async def page(request: Any) -> PlainTextResponse:
        return PlainTextResponse(f"page {request.url.path}")

    return Starlette(routes=[Route("/page", page), Mount("/", hubs)], lifespan=lifespan)


async def is_on_fast_lane(running: Running) -> bool:
    """Of the one connection that stays; those of requests before it may not have ended yet."""
    await until(lambda: len(running.server.server_state.connections) == 1)
    (member,) = running.server.server_state.connections
    return isinstance(member, WebSocketTransport)


async def test_hubs_and_pages_share_a_port(serve: Serve, lane: str) -> None:
    async with serve(app=starlette) as running:
        reply = await running.request("GET", "/page")
        assert (reply.status, reply.body) == (200, b"page /page")
        ids = await running.negotiate()
        async with running.connected(f"/sample?id={ids['connectionToken']}") as client:
            assert (await client.invoke("Who"))["result"]["connection"] == ids["connectionId"]
            assert await is_on_fast_lane(running) is (lane == "fast")


async def test_an_upgrade_of_the_connection_that_negotiated_has_the_same_lane(serve: Serve, lane: str) -> None:
    async with serve(app=starlette) as running:
        reader, writer = await running.open()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            writer.write(running.head("POST", "/sample/negotiate?negotiateVersion=1", Content_Length="0"))
            ids = (await read_reply(reader)).json()
            writer.write(running.upgrade_head(f"/Sample?id={ids['connectionToken']}"))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 ")
            mask = bytes(4)
            writer.write(bytes((0x81, 0x80 | len(HANDSHAKE))) + mask + HANDSHAKE.encode())
            assert await reader.readexactly(5) == b"\x81\x03{}\x1e"
            assert await is_on_fast_lane(running) is (lane == "fast")
        writer.close()


async def test_hubs_may_be_mounted_below_a_prefix(serve: Serve) -> None:
    def below(hubs: HubServer) -> Starlette:
        return Starlette(routes=[Mount("/live", hubs)], lifespan=lambda app: hubs.lifespan())

    async with serve(app=below) as running:
        assert (await running.negotiate("/live/sample/negotiate"))["negotiateVersion"] == 0
        async with running.connected("/live/sample") as client:
            assert (await client.invoke("Echo", 1))["result"] == 1


@fast_lane_only
async def test_the_class_named_on_the_command_line_finds_the_server_in_the_lifespan(serve: Serve) -> None:
    async with serve(http=Http) as running, running.connected() as client:
        assert (await client.invoke("Echo", 1))["result"] == 1
        assert await is_on_fast_lane(running)


@fast_lane_only
@pytest.mark.parametrize("early", [b"", b"G", b"GET /sam", b"GET /sample HTTP/1.1\r\nHost: x\r\n"])
async def test_a_peer_without_a_complete_first_request_is_cut_off(serve: Serve, early: bytes) -> None:
    async with serve(ServerOptions(request_timeout_seconds=15.0)) as running:
        reader, writer = await running.open()
        writer.write(early)
        await until(lambda: running.server.server_state.connections)
        running.clock.advance(15.5)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await reader.readexactly(1)
        assert not running.server.server_state.connections
        writer.close()


async def test_a_head_without_end_is_left_to_uvicorn_and_refused(serve: Serve) -> None:
    async with serve() as running:
        reader, writer = await running.open()
        writer.write(b"GET /sample HTTP/1.1\r\n" + b"X: " + b"x" * 70_000 + b"\r\n\r\n")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert (await reader.readline()).startswith(b"HTTP/1.1 4")
        writer.close()


async def test_what_is_no_http_is_refused(serve: Serve) -> None:
    async with serve() as running:
        reader, writer = await running.open()
        writer.write(b"\x16\x03\x01 hello\r\n\r\n")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert (await reader.readline()).startswith(b"HTTP/1.1 400")
        writer.close()


async def test_a_client_that_leaves_before_it_is_admitted_is_forgotten(serve: Serve) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    class SlowTokens:
        async def verify(self, token: str | None, hub: str, request: object) -> Any:
            entered.set()
            await leave.wait()
            return Principal()

    async with serve(verifier=SlowTokens()) as running:
        _, writer = await running.open()
        writer.write(running.upgrade_head("/sample"))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await entered.wait()
            writer.transport.abort()
            await until(lambda: not running.server.server_state.connections)
            leave.set()
            await running.hubs.tasks.wait()
            await running.hubs.endpoint.until_empty()
        assert running.journal.entries == []


async def test_a_bare_uvicorn_with_our_protocol_tells_every_transport_to_end() -> None:
    hubs = HubServer(clock=FakeClock())
    hubs.add(QuietHub, path="/sample")
    config = uvicorn.Config(hubs, http=Http, ws="websockets-sansio", log_config=None)
    server = BareServer(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        serving = asyncio.create_task(server.serve([listener]))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await server.is_ready.wait()
            running = Running(hubs, cast("Any", server), listener.getsockname()[1], Journal())
            async with (
                running.connected() as client,
                listening(running) as events,
                polling(running) as polled,
                polled.waiting() as poll,
            ):
                server.should_exit = True
                closed = {"type": 7, "allowReconnect": True}
                assert [await client.receive(), await events.receive()] == [closed, closed]
                await events.ended()
                assert (await poll.answer()).body == b'{"type":7,"allowReconnect":true}\x1e'
            while not serving.done():
                await asyncio.wait((serving,), timeout=0.05)
                running.clock.advance(1.0)
            await serving


class QuietHub(Hub):
    pass


class BareServer(uvicorn.Server):
    """uvicorn's own server; says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_ready = asyncio.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.is_ready.set()


async def test_a_refused_upgrade_is_no_error_of_the_server(
    serve: Serve, lane: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with serve() as running:
        assert (await running.upgrade("/sample?id=x")).status == 404
    complaints = [each.getMessage() for each in caplog.records if each.name.startswith("uvicorn")]
    if lane == "fast":
        assert complaints == []
    else:  # uvicorn's own, which takes any refusal with a status for one; the how-to of deploying says so
        assert complaints == ["ASGI callable returned without completing handshake."]


@pytest.mark.parametrize("target", ["/sample", "/page"])
async def test_the_kernel_is_told_to_look_after_silent_peers(serve: Serve, target: str) -> None:
    async with serve(app=starlette) as running:
        _, writer = await running.open()
        writer.write(running.head("GET", target)[:-2])
        await until(lambda: running.server.server_state.connections)
        (protocol,) = cast("set[Any]", running.server.server_state.connections)
        transport = getattr(protocol, "transport", None) or protocol._transport
        accepted = transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
        writer.close()


async def test_hubs_and_pages_share_a_port_with_tls(serve: Serve, tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path / "certificate.pem")
    context = ssl.create_default_context(cafile=str(certificate))
    async with serve(app=starlette, ssl_certfile=str(certificate), ssl_keyfile=str(certificate)) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, ssl=context)
        writer.write(running.head("GET", "/page"))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()
        address = f"wss://127.0.0.1:{running.port}/sample"
        async with connect(address, ssl=context, compression=None, proxy=None) as socket:
            await socket.send(HANDSHAKE + '{"type":1,"invocationId":"1","target":"Who","arguments":[]}\x1e')
            assert await socket.recv() == "{}\x1e"
            assert '"scheme":"https"' in str(await socket.recv())
            text = "x" * 10_000
            await socket.send(f'{{"type":1,"invocationId":"2","target":"Echo","arguments":["{text}"]}}\x1e' * 100)
            for _ in range(100):
                assert text in str(await socket.recv())
