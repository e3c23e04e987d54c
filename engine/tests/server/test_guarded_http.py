"""Peers that never finish a request, read no answer, or send more behind one that has no end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from hubwire import HubServer, RawConnection, ServerOptions
from hubwire.server.guarded_http import MAXIMUM_HEAD_BYTES, GuardedHttp

from .conftest import TIMEOUT_SECONDS, Running, Serve, read_reply, until
from .http_clients import listening

pytestmark = pytest.mark.parametrize("lane", ["fast"], indirect=True)

SECONDS = ServerOptions().request_timeout_seconds
LARGE = 8 * 1024 * 1024
"""More than the kernel takes."""


async def has_ended(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


async def forgotten(running: Running) -> bool:
    """Whether the server has forgotten everybody."""
    await until(lambda: not running.server.server_state.connections)
    await until(lambda: not running.server.server_state.tasks)
    await until(lambda: not running.hubs.connection_count)
    used = running.hubs.endpoint.table.used  # which remembers tokens, not who used them
    await until(lambda: not any(member is not used for slot in running.hubs.wheel._slots.values() for member in slot))
    return True


async def found(running: Running, condition: Callable[[GuardedHttp], object]) -> GuardedHttp:
    """The server's side of a TCP connection that this holds for."""

    def matching() -> list[GuardedHttp]:
        connections = cast("set[object]", running.server.server_state.connections)
        return [each for each in connections if isinstance(each, GuardedHttp) and condition(each)]

    await until(matching)
    return matching()[0]


def with_pages(hubs: HubServer) -> Starlette:
    async def large(request: Request) -> Response:
        return Response(b"x" * LARGE)

    async def small(request: Request) -> Response:
        return PlainTextResponse(f"page {request.url.path}")

    routes = [Route("/large", large), Route("/small/{name}", small, methods=["GET", "POST"]), Mount("/", hubs)]
    return Starlette(routes=routes, lifespan=lambda _: hubs.lifespan())


def with_raw(hubs: HubServer) -> HubServer:
    async def listen(connection: RawConnection) -> None:
        await connection.wait_closed()

    hubs.add_raw(listen, path="/raw")
    return hubs


# Heads


@pytest.mark.parametrize("early", [b"P", b"POST /sample/negotiate HTTP/1.1\r\nHost: x\r\n", b"GET /else HTTP/1.1\r\n"])
async def test_any_first_request_has_to_be_complete_in_time(serve: Serve, early: bytes) -> None:
    async with serve() as running:
        reader, writer = await running.open()
        writer.write(early)
        connections = cast("set[object]", running.server.server_state.connections)
        await until(lambda: any(isinstance(each, GuardedHttp) or getattr(each, "_head", b"") for each in connections))
        running.clock.advance(SECONDS + 0.5)
        assert await has_ended(reader)
        assert await forgotten(running)
        writer.close()


@pytest.mark.parametrize("trickle", [b"GET", b"\r\n"])
async def test_so_has_each_later_one(serve: Serve, trickle: bytes) -> None:
    async with serve() as running:
        reader, writer = await running.open()
        writer.write(running.head("POST", "/nowhere", Content_Length="0"))
        assert (await read_reply(reader)).status == 404
        writer.write(trickle)
        await found(running, lambda protocol: protocol.timeout_keep_alive_task is None)
        running.clock.advance(SECONDS + 0.5)
        assert await has_ended(reader)
        writer.close()


async def test_what_still_comes_of_a_request_that_was_answered_has_an_end(serve: Serve) -> None:
    async with serve() as running:
        reader, writer = await running.open()
        writer.write(running.head("POST", "/sample?id=x", Content_Length="1000000"))
        assert (await read_reply(reader)).status == 404
        writer.write(b"x")
        await found(running, lambda protocol: protocol.timeout_keep_alive_task is None)
        running.clock.advance(SECONDS + 0.5)
        assert await has_ended(reader)
        writer.close()


@pytest.mark.parametrize("target", ["/sample?id=x", "/else"])
@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
async def test_a_head_that_is_too_long_is_refused_with_or_without_an_end(serve: Serve, target: str, end: bytes) -> None:
    async with serve() as running:
        reader, writer = await running.open()
        writer.write(f"GET {target} HTTP/1.1\r\nX: ".encode() + b"x" * MAXIMUM_HEAD_BYTES + end)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert (await reader.readline()) == b"HTTP/1.1 400 Bad Request\r\n"
        writer.close()


async def test_a_long_head_that_comes_in_pieces_behind_another_request_is_refused_too(serve: Serve) -> None:
    async with serve() as running:
        reader, writer = await running.open()
        writer.write(running.head("POST", "/nowhere", Content_Length="0"))
        assert (await read_reply(reader)).status == 404
        writer.write(b"GET /else HTTP/1.1\r\nX: ")
        for _ in range(10):
            writer.write(b"x" * (MAXIMUM_HEAD_BYTES // 8))
            await asyncio.sleep(0)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert (await reader.readline()) == b"HTTP/1.1 400 Bad Request\r\n"
        writer.close()


# Requests behind others


async def test_requests_that_are_sent_together_are_answered_one_after_the_other(serve: Serve) -> None:
    async with serve(app=with_pages) as running:
        reader, writer = await running.open()
        bodies = [b"x" * 100_000, b"", b"x" * 10]
        for number, body in enumerate(bodies):
            writer.write(running.head("POST", f"/small/{number}", Content_Length=str(len(body))) + body)
        for number in range(len(bodies)):
            assert (await read_reply(reader)).body == f"page /small/{number}".encode()
        running.clock.advance(SECONDS + 0.5)  # which nothing was waiting for
        writer.write(running.head("GET", "/small/last"))
        assert (await read_reply(reader)).status == 200
        writer.close()


@pytest.mark.parametrize("path", ["/sample", "/raw"])
async def test_a_client_of_events_that_leaves_behind_another_request_is_noticed(serve: Serve, path: str) -> None:
    async with serve(app=with_raw) as running:
        async with listening(running, path, handshake=None) as events:
            events.writer.write(running.head("GET", "/else"))
            await found(running, lambda protocol: protocol.pipeline)
        running.clock.advance(SECONDS + 0.5)
        assert await forgotten(running)


async def test_a_socket_that_is_lost_ends_the_answer_though_another_request_waits(serve: Serve) -> None:
    async with serve() as running, listening(running) as events:
        events.writer.write(running.head("GET", "/else"))
        protocol = await found(running, lambda protocol: protocol.pipeline)
        protocol.transport.abort()  # as the kernel does when a ping cannot be delivered
        await running.journal.until("disconnected")
        assert await forgotten(running)


async def test_a_flood_of_requests_behind_one_that_is_not_answered_is_cut_off(serve: Serve) -> None:
    async with serve(app=with_raw) as running, listening(running, "/raw", handshake=None) as events:
        events.writer.write(running.head("GET", "/else") * 1_000)
        assert await has_ended(events.reader)
        assert await forgotten(running)


async def test_an_upgrade_behind_events_does_not_get_between_them(serve: Serve) -> None:
    async with serve(app=with_raw) as running, listening(running, "/raw", handshake=None) as events:
        events.writer.write(running.upgrade_head("/raw"))
        assert await has_ended(events.reader)
        assert await forgotten(running)


# Answers


async def open_deaf(running: Running, request: bytes) -> socket.socket:
    """Send a request from a socket that takes in next to nothing by itself."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(deaf, ("127.0.0.1", running.port))
    await loop.sock_sendall(deaf, request)
    return deaf


async def test_a_client_that_reads_no_answer_is_cut_off(serve: Serve) -> None:
    async with serve(app=with_pages) as running:
        deaf = await open_deaf(running, running.head("GET", "/large"))
        await found(running, lambda protocol: protocol.transport.get_write_buffer_size())
        await until(lambda: not running.server.server_state.tasks)
        for _ in range(40):
            running.clock.advance(1.0)
            await asyncio.sleep(0)
        assert await forgotten(running)
        deaf.close()


async def test_a_client_that_reads_slowly_is_served(serve: Serve) -> None:
    async with serve(app=with_pages) as running:
        deaf = await open_deaf(running, running.head("GET", "/large", Connection="close"))
        loop = asyncio.get_running_loop()
        protocol = await found(running, lambda protocol: protocol.transport.get_write_buffer_size())
        received, unsent = 0, LARGE
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while data := await loop.sock_recv(deaf, 1024 * 1024):
                received += len(data)
                if (left := protocol.transport.get_write_buffer_size()) < unsent:
                    unsent = left
                    running.clock.advance(SECONDS - 1.0)
        assert received > LARGE
        deaf.close()
