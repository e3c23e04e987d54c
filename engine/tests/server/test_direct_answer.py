"""Negotiates that are answered without ASGI: what their sockets may be used for, and who is asked where it matters."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from hubwire import Hub, HubServer, ServerOptions, make_server, server_config
from hubwire.server.direct_answer import read_plain_post
from hubwire.transports.asgi import AsgiMessage, AsgiReceive, AsgiSend

from .conftest import TIMEOUT_SECONDS, Serve, fast_lane_only, until, until_cut_off

NEGOTIATE = b"POST /sample/negotiate?negotiateVersion=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        start, *lines = head.strip().split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return int(start.split()[1]), fields, await reader.readexactly(int(fields["content-length"]))


@fast_lane_only
async def test_a_socket_carries_one_negotiate_after_the_other_also_ahead_of_their_answers(serve: Serve) -> None:
    async with serve() as running:
        reader, writer = await running.open()
        writer.write(NEGOTIATE)
        first = await answer(reader)
        writer.write(NEGOTIATE * 3)
        answers = [first, *[await answer(reader) for _ in range(3)]]
        assert [status for status, _, _ in answers] == [200] * 4
        assert len({json.loads(body)["connectionToken"] for _, _, body in answers}) == 4
        assert all({"date", "server", "content-type"} <= fields.keys() for _, fields, _ in answers)
        writer.close()


@fast_lane_only
async def test_what_follows_on_its_socket_finds_who_answers_it(serve: Serve) -> None:
    async with serve() as running:
        reader, writer = await running.open()
        writer.write(NEGOTIATE + b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n" + NEGOTIATE)
        assert [(await answer(reader))[0] for _ in range(3)] == [200, 404, 200]
        writer.close()
        reader, writer = await running.open()
        writer.write(NEGOTIATE)
        token = json.loads((await answer(reader))[2])["connectionToken"]
        writer.write(running.upgrade_head(f"/sample?id={token}"))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        writer.close()


@fast_lane_only
@pytest.mark.parametrize(
    "request_bytes",
    [
        NEGOTIATE.replace(b"Content-Length: 0", b"Content-Length: 2") + b"{}",
        NEGOTIATE.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        NEGOTIATE.replace(b"Content-Length: 0\r\n", b""),
        NEGOTIATE.replace(b"Content-Length: 0", b"Connection: close\r\nContent-Length: 0"),
        NEGOTIATE.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
async def test_other_ways_to_ask_get_the_same_answer(serve: Serve, request_bytes: bytes) -> None:
    async with serve() as running:
        reader, writer = await running.open()
        writer.write(request_bytes)
        status, _, body = await answer(reader)
        assert status == 200
        assert "connectionToken" in json.loads(body)
        writer.close()


@fast_lane_only
async def test_the_head_may_come_in_pieces(serve: Serve) -> None:
    async with serve() as running:
        reader, writer = await running.open()
        for at in range(len(NEGOTIATE)):
            writer.write(NEGOTIATE[at : at + 1])
            await asyncio.sleep(0)
        assert (await answer(reader))[0] == 200
        writer.close()


@fast_lane_only
async def test_a_socket_that_is_used_no_more_is_closed(serve: Serve) -> None:
    async with serve() as running:
        reader, writer = await running.open()
        writer.write(NEGOTIATE)
        await answer(reader)
        running.clock.advance(131)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await reader.read() == b""
        writer.close()


async def test_a_host_sees_negotiates_before_the_server() -> None:
    class SampleHub(Hub):
        pass

    hubs = HubServer()
    hubs.add(SampleHub, path="/sample")
    seen: list[str] = []

    async def host(scope: AsgiMessage, receive: AsgiReceive, send: AsgiSend) -> None:
        if scope["type"] == "http":
            seen.append(scope["path"])
        await hubs(scope, receive, send)

    settings: dict[str, Any] = {"port": 0, "log_level": "error"}
    server = make_server(server_config(host, hubs, **settings), hubs)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await until(lambda: server.started)
        reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname())
        writer.write(NEGOTIATE)
        assert (await answer(reader))[0] == 200
        writer.close()
        server.should_exit = True
        await serving
    assert seen == ["/sample/negotiate"]


@pytest.mark.parametrize(
    ("change", "is_plain"),
    [
        ((b"", b""), True),
        ((b"POST", b"GET"), False),
        ((b"Content-Length: 0", b"Content-Length: 00"), False),
        ((b"Content-Length: 0", b"Expect: 100-continue"), False),
        ((b"Content-Length: 0", b"Connection: Upgrade\r\nUpgrade: h2c"), False),
        ((b"Content-Length: 0", b"Content-Length: 0\r\ncontent-length: 0"), False),
        ((b"Content-Length: 0", b"Content-Length : 0"), False),
        ((b"Host: localhost", b"no colon"), False),
    ],
)
def test_what_is_plain(change: tuple[bytes, bytes], is_plain: bool) -> None:
    assert (read_plain_post(NEGOTIATE.replace(*change, 1)) is not None) == is_plain


@fast_lane_only
async def test_a_client_that_asks_and_does_not_read_is_not_answered_into_memory_and_cut_off(serve: Serve) -> None:
    async with serve() as running:
        _, writer = await running.open()
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport can read

        def is_paused() -> bool:
            return any(getattr(each, "_is_paused", False) for each in running.server.server_state.connections)

        def is_cut_off() -> bool:
            return not running.server.server_state.connections

        await until(lambda: not is_cut_off())

        async def ask() -> None:
            writer.write(NEGOTIATE * 100)

        await until_cut_off(
            running.clock,
            20,
            is_over=is_cut_off,
            is_paused=is_paused,
            feed=ask,
        )
        writer.transport.abort()


@fast_lane_only
async def test_what_fails_is_answered_with_500_and_the_socket_closed(serve: Serve) -> None:
    async def choose(request: object, principal: object) -> Any:
        return "no redirect at all"

    async with serve() as running:
        running.hubs.add_redirect("/elsewhere", choose)
        reader, writer = await running.open()
        writer.write(NEGOTIATE.replace(b"/sample/", b"/elsewhere/"))
        assert (await answer(reader))[0] == 500
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await reader.read() == b""
        writer.close()


@fast_lane_only
@pytest.mark.parametrize("trickle", [b"P", b"POST /sample/nego", NEGOTIATE[:-4]])
async def test_a_further_request_has_to_be_whole_in_its_head_in_time(serve: Serve, trickle: bytes) -> None:
    async with serve(ServerOptions(request_timeout_seconds=9)) as running:
        reader, writer = await running.open()
        writer.write(NEGOTIATE)
        await answer(reader)
        writer.write(trickle)
        (lane,) = running.server.server_state.connections
        await until(lambda: getattr(lane, "_head", b"") == trickle)
        running.clock.advance(7)  # longer than a socket is kept that says nothing
        writer.write(b"")
        await asyncio.sleep(0)
        assert not reader.at_eof()
        running.clock.advance(3)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await reader.read() == b""
        writer.close()
