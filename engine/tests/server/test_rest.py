"""The REST data plane on a real socket: limits of what is read, and answers as they are written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from hubwire import HubServer
from hubwire.azure.jwt import ClientTokens
from hubwire.azure.memberships import Memberships
from hubwire.azure.rest_server import RestServer
from hubwire.azure.rest_tokens import RestTokens
from hubwire.options import RestOptions
from hubwire.plane.local import LocalDataPlane
from hubwire.server.rest import RestApplication
from hubwire.stores.sqlite import SqliteMembershipStore
from hubwire.testing import FakeClock, MemoryLine, make_caller, serving

from .conftest import TIMEOUT_SECONDS, Reply, read_reply

KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
BASE_URL = "http://127.0.0.1"
PATH = "/api/hubs/chat/users/ada/:send"


class Served:
    """A listening server, and one socket to it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.plane = LocalDataPlane()
        self.line = MemoryLine(make_caller("ada", connection_id="c1"))
        self.plane.registry.attach(self.line)
        self.tokens = RestTokens([KEY], [BASE_URL])
        rest = RestServer(
            lambda hub: self.plane,
            Memberships(SqliteMembershipStore(), lambda hub: self.plane),
            self.tokens,
            ClientTokens([KEY], [BASE_URL]),
            options=RestOptions(maximum_body_bytes=1000, maximum_head_bytes=2000, body_timeout_seconds=5.0),
        )
        self.application = RestApplication(rest, clock=self.clock)
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    def head(self, method: str, target: str, *fields: str) -> bytes:
        token, _ = self.tokens.sign(target.partition("?")[0])
        lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}", *fields]
        return "\r\n".join([*lines, "", ""]).encode()

    async def request(self, data: bytes) -> Reply:
        self.writer.write(data)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await read_reply(self.reader)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with _serve(Served()) as served:
        yield served


@asynccontextmanager
async def _serve(served: Served) -> AsyncIterator[Served]:
    hubs = HubServer()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await (hubs if scope["type"] == "lifespan" else served.application)(scope, receive, send)

    async with serving(hubs, application) as address:
        served.reader, served.writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        try:
            yield served
        finally:
            served.writer.close()
            with suppress(ConnectionError):
                await served.writer.wait_closed()


BODY = b'{"target":"t","arguments":[1]}'
VERSION = "?api-version=2022-06-01"


async def test_a_message_is_sent_and_the_socket_stays(served: Served) -> None:
    for _ in range(2):
        head = served.head("POST", PATH + VERSION, f"Content-Length: {len(BODY)}", "Content-Type: application/json")
        reply = await served.request(head + BODY)
        assert reply.status == 202
        assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert len(served.line.received) == 2


async def test_a_body_in_pieces_is_one(served: Served) -> None:
    head = served.head("POST", PATH + VERSION, "Transfer-Encoding: chunked")
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY)
    served.writer.write(head)
    reply = await served.request(pieces + b"0\r\n\r\n")
    assert reply.status == 202


async def test_the_body_of_a_stranger_is_not_read(served: Served) -> None:
    fields = "Host: 127.0.0.1\r\nAuthorization: Bearer forged\r\nContent-Length: 1000"
    reply = await served.request(f"POST {PATH}{VERSION} HTTP/1.1\r\n{fields}\r\n\r\n{{".encode())
    assert (reply.status, reply.headers["connection"]) == (401, "close")
    served.writer.write(b" " * 999)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        assert await served.reader.read() == b""


async def test_answers_without_body(served: Served) -> None:
    reply = await served.request(served.head("POST", "/api/hubs/chat/:closeConnections" + VERSION))
    assert (reply.status, reply.body) == (204, b"")
    reply = await served.request(served.head("HEAD", "/api/hubs/chat/users/x" + VERSION))
    assert (reply.status, reply.headers["x-ms-error-code"]) == (404, "warning.user.notexisted")
    reply = await served.request(served.head("HEAD", "/api/health"))
    assert reply.status == 200


async def test_names_are_escaped_utf8(served: Served) -> None:
    line = MemoryLine(make_caller("Äda/1", connection_id="c2"))
    served.plane.registry.attach(line)
    head = served.head("POST", f"/api/hubs/chat/users/%C3%84da%2F1/:send{VERSION}", f"Content-Length: {len(BODY)}")
    assert (await served.request(head + BODY)).status == 202
    assert len(line.received) == 1


@pytest.mark.parametrize("length", [1001, 10**12])
async def test_a_body_that_says_that_it_is_too_large_is_413_at_once(served: Served, length: int) -> None:
    reply = await served.request(served.head("POST", PATH + VERSION, f"Content-Length: {length}"))
    assert reply.status == 413
    assert reply.headers["x-ms-error-code"] == "error.request.toolarge"
    assert reply.headers["connection"] == "close"


async def test_a_body_that_grows_too_large_is_413(served: Served) -> None:
    served.writer.write(served.head("POST", PATH + VERSION, "Transfer-Encoding: chunked"))
    reply = await served.request(b"1f4\r\n" + b" " * 500 + b"\r\n1f5\r\n" + b" " * 501 + b"\r\n")
    assert reply.status == 413


async def test_whoever_sends_a_body_that_is_too_large_to_its_end_reads_the_answer(served: Served) -> None:
    length = 8 * 1024 * 1024  # more than sockets hold: sending it ends only when it is taken in
    served.writer.write(served.head("POST", PATH + VERSION, f"Content-Length: {length}"))
    async with asyncio.timeout(TIMEOUT_SECONDS):
        served.writer.write(b" " * length)
        await served.writer.drain()
        assert (await read_reply(served.reader)).status == 413
        assert await served.reader.read() == b""


async def test_a_body_without_end_is_given_up(served: Served) -> None:
    served.writer.write(served.head("POST", PATH + VERSION, "Transfer-Encoding: chunked"))

    async def write_on() -> None:
        while True:
            served.writer.write(b"100000\r\n" + b" " * 0x100000 + b"\r\n")
            await served.writer.drain()

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(write_on(), TIMEOUT_SECONDS)


async def test_the_rest_of_a_body_that_is_too_large_is_waited_for_a_while(served: Served) -> None:
    reply = await served.request(served.head("POST", PATH + VERSION, "Content-Length: 1001"))
    assert reply.status == 413
    await served.clock.until_sleeping()
    served.clock.advance(5.0)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        assert await served.reader.read() == b""


async def test_an_error_of_v1_is_a_text(served: Served) -> None:
    reply = await served.request(served.head("POST", "/api/v1/hubs/chat", "Content-Length: 1001"))
    assert reply.status == 413
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"


async def test_servers_that_tell_no_raw_path_are_served(served: Served) -> None:
    other = MemoryLine(make_caller("Äda", connection_id="c2"))
    served.plane.registry.attach(other)
    answers: list[Any] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": BODY}

    async def send(message: Any) -> None:
        answers.append(message)

    token, _ = served.tokens.sign("/api/hubs/chat/users/%C3%84da/:send")
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/hubs/chat/users/Äda/:send",
        "query_string": VERSION[1:].encode(),
        "headers": [(b"authorization", f"Bearer {token}".encode())],
    }
    await served.application(scope, receive, send)
    assert answers[0]["status"] == 202
    assert len(other.received) == 1


async def test_a_body_of_the_limit_is_taken(served: Served) -> None:
    body = BODY + b" " * (1000 - len(BODY))
    reply = await served.request(served.head("POST", PATH + VERSION, "Content-Length: 1000") + body)
    assert reply.status == 202


async def test_a_head_that_is_too_large_is_413(served: Served) -> None:
    reply = await served.request(served.head("POST", PATH + VERSION, "X-Long: " + "x" * 2000, "Content-Length: 0"))
    assert reply.status == 413


async def test_a_head_request_that_is_too_large_is_413_without_body(served: Served) -> None:
    reply = await served.request(served.head("HEAD", "/api/health?" + "x" * 2000))
    assert (reply.status, reply.body) == (413, b"")


async def test_a_body_that_does_not_come_is_given_up(served: Served) -> None:
    served.writer.write(served.head("POST", PATH + VERSION, "Content-Length: 10") + b"{")
    await served.clock.until_sleeping()
    served.clock.advance(5.0)
    reply = await served.request(b"")
    assert reply.status == 400
    assert reply.headers["connection"] == "close"


async def test_a_client_that_leaves_within_its_body_is_forgotten(served: Served) -> None:
    served.writer.write(served.head("POST", PATH + VERSION, "Content-Length: 10") + b"{")
    await served.clock.until_sleeping()
    served.writer.close()
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while served.clock.sleeping:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0)
    assert not served.line.received


async def test_other_protocols_are_told_that_they_are_wrong_here(served: Served) -> None:
    async def receive() -> dict[str, object]:
        return {}

    async def send(message: object) -> None:
        raise AssertionError(message)

    with pytest.raises(RuntimeError, match="HTTP only"):
        await served.application({"type": "websocket"}, receive, send)
