"""Clients of the two transports that consist of HTTP requests, over bare sockets: every byte can be seen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hubwire.transports.long_polling import LongPollingTransport

from .conftest import HANDSHAKE, TIMEOUT_SECONDS, Reply, Running, read_reply, until


class Posting:
    """The way to the server, the same for both."""

    def __init__(self, running: Running, target: str, headers: dict[str, str]) -> None:
        self.running = running
        self.target = target
        """With the connection token."""
        self.headers = headers

    async def post(self, body: bytes | str, **headers: str) -> Reply:
        data = body.encode() if isinstance(body, str) else body
        return await self.running.request("POST", self.target, data, **{**self.headers, **headers})

    async def send(self, *messages: object) -> None:
        reply = await self.post("".join(json.dumps(message) + "\x1e" for message in messages))
        assert (reply.status, reply.body, reply.headers["content-type"]) == (200, b"", "text/plain")


class Events(Posting):
    """The open answer of Server-Sent Events."""

    def __init__(
        self,
        running: Running,
        target: str,
        headers: dict[str, str],
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        head: list[str],
    ) -> None:
        super().__init__(running, target, headers)
        self.reader, self.writer = streams
        self.status = head[0]
        self.head = [line.split(": ", 1) for line in head[1:] if line]
        self._body = b""

    async def more(self) -> bool:
        """Read another chunk of the answer; False: that was its proper end."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            size = int(await self.reader.readline(), 16)
            self._body += await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
        return size > 0

    async def line(self) -> bytes:
        """The next line, with its end."""
        while b"\r\n" not in self._body:
            assert await self.more()
        line, end, self._body = self._body.partition(b"\r\n")
        return line + end

    async def event(self) -> bytes:
        """The next event, all its lines."""
        lines = [await self.line()]
        while lines[-1] != b"\r\n":
            lines.append(await self.line())
        return b"".join(lines)

    async def receive(self) -> dict[str, Any]:
        """The next hub message, alone in its event."""
        event = await self.event()
        assert event.startswith(b"data: ")
        assert event.endswith(b"\x1e\r\n\r\n")
        message: dict[str, Any] = json.loads(event.removeprefix(b"data: ").removesuffix(b"\x1e\r\n\r\n"))
        return message

    async def invoke(self, target: str, *arguments: object) -> dict[str, Any]:
        """Call and return the completion, which must be the next message."""
        await self.send({"type": 1, "invocationId": "i", "target": target, "arguments": arguments})
        return await self.receive()

    async def ended(self) -> None:
        """Wait for the proper end of the answer, with nothing before it."""
        assert self._body == b""
        assert not await self.more()


async def open_events(running: Running, target: str, **headers: str) -> Events:
    """Ask for events; the answer may be a refusal."""
    reader, writer = await running.open()
    writer.write(running.head("GET", target, Accept="text/event-stream", **headers))
    async with asyncio.timeout(TIMEOUT_SECONDS):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    return Events(running, target, headers, (reader, writer), head)


@asynccontextmanager
async def listening(
    running: Running, path: str = "/sample", *, query: str = "", handshake: str | None = HANDSHAKE, **headers: str
) -> AsyncIterator[Events]:
    """A client of Server-Sent Events behind its handshake, or before it."""
    ids = await running.negotiate(f"{path}/negotiate?negotiateVersion=1", **headers)
    events = await open_events(running, f"{path}?id={ids['connectionToken']}{query}", **headers)
    try:
        assert events.status == "HTTP/1.1 200 OK"
        assert await events.line() == b":\r\n"
        if handshake is not None:
            assert (await events.post(handshake)).status == 200
            assert await events.receive() == {}
        yield events
    finally:
        events.writer.close()


class Polling(Posting):
    """A long-polling client."""

    def __init__(self, running: Running, target: str, headers: dict[str, str]) -> None:
        super().__init__(running, target, headers)
        self._messages: list[dict[str, Any]] = []

    async def poll(self, **headers: str) -> Reply:
        return await self.running.request("GET", self.target, **{**self.headers, **headers})

    async def delete(self, **headers: str) -> Reply:
        return await self.running.request("DELETE", self.target, **{**self.headers, **headers})

    @property
    def transport(self) -> LongPollingTransport:
        """The server's side of it."""
        token = self.target.partition("?id=")[2].partition("&")[0]
        transport = self.running.hubs.endpoint.table.requested[token]
        assert isinstance(transport, LongPollingTransport)
        return transport

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[OpenPoll]:
        """A poll that the server has begun to hold."""
        poll = OpenPoll(*await self.running.open())
        poll.writer.write(self.running.head("GET", self.target, **self.headers))
        try:
            await until(lambda: self.transport.is_polled)
            yield poll
        finally:
            poll.writer.close()

    async def receive(self) -> dict[str, Any]:
        """The next hub message, polled for as often as that takes."""
        while not self._messages:
            reply = await self.poll()
            assert (reply.status, reply.headers["content-type"]) == (200, "application/octet-stream")
            assert reply.body.endswith(b"\x1e")
            self._messages += [json.loads(part) for part in reply.body.split(b"\x1e")[:-1]]
        return self._messages.pop(0)

    async def invoke(self, target: str, *arguments: object) -> dict[str, Any]:
        """Call and return the completion, which must be the next message."""
        await self.send({"type": 1, "invocationId": "i", "target": target, "arguments": arguments})
        return await self.receive()


class OpenPoll:
    """A poll that is not answered yet."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> Reply:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await read_reply(self.reader)


@asynccontextmanager
async def polling(
    running: Running, path: str = "/sample", *, query: str = "", handshake: str | None = HANDSHAKE, **headers: str
) -> AsyncIterator[Polling]:
    """A long-polling client behind its first poll and its handshake, or before the latter."""
    ids = await running.negotiate(f"{path}/negotiate?negotiateVersion=1", **headers)
    client = Polling(running, f"{path}?id={ids['connectionToken']}{query}", headers)
    first = await client.poll()
    assert (first.status, first.body, first.headers["content-type"]) == (200, b"", "application/octet-stream")
    if handshake is not None:
        assert (await client.post(handshake)).status == 200
        assert await client.receive() == {}
    yield client
