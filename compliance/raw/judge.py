"""The server under judgement as suites on bare sockets see it: requests, tokens, what its hubs noted, its process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from compliance.raw.http11 import Reply, Streams, head_of, within
from compliance.raw.notation import NOTATIONS, Message
from compliance.raw.peers import PEERS, Peer
from compliance.raw.websocket import WebSocket, check_upgraded, upgrade_headers
from compliance.server import ConformanceServer

SMALL_BUFFER_BYTES = 4096
"""What the kernel may keep for a client that does not read; its least."""


@dataclass(frozen=True)
class Judge:
    """One server process, on one lane."""

    server: ConformanceServer
    lane: str
    """`fast` or `asgi`: who carries its WebSockets."""
    _dialled: list[Streams] = field(default_factory=list)

    async def leave(self) -> None:
        """Cut off what is still open, and whatever a test that has failed has left running."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for streams in self._dialled:
            streams.abort()
        self._dialled.clear()
        await asyncio.sleep(0)  # each is told in the next turn of the loop

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.server.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    # Requests

    async def dial(self, *, receive_buffer_bytes: int | None = None) -> Streams:
        """A TCP connection."""
        dialled = socket.socket()
        if receive_buffer_bytes is not None:  # before it connects, or the window has been told
            dialled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        dialled.setblocking(False)
        async with within():
            await asyncio.get_running_loop().sock_connect(dialled, self.address)
        streams = Streams(*await asyncio.open_connection(sock=dialled))
        self._dialled.append(streams)
        return streams

    def head(self, method: str, target: str, headers: Mapping[str, str] | None = None) -> bytes:
        host, port = self.address
        return head_of(method, target, {"Host": f"{host}:{port}", **(headers or {})})

    @contextlib.asynccontextmanager
    async def requesting(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> AsyncIterator[Streams]:
        """A request whose answer is still to be read."""
        streams = await self.dial()
        try:
            fields = dict(headers or {})
            if method != "GET":
                fields.setdefault("Content-Length", str(len(body)))
            streams.writer.write(self.head(method, target, fields) + body)
            yield streams
        finally:
            streams.close()

    async def request(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Reply:
        async with self.requesting(method, target, headers, body) as streams:
            return await streams.reply()

    async def upgrade(self, target: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Ask for a WebSocket and return the answer, which may be a refusal; the connection is dropped."""
        async with self.requesting("GET", target, {**(headers or {}), **upgrade_headers()}) as streams:
            return await streams.reply()

    async def open_websocket(
        self, target: str, headers: Mapping[str, str] | None = None, *, receive_buffer_bytes: int | None = None
    ) -> WebSocket:
        streams = await self.dial(receive_buffer_bytes=receive_buffer_bytes)
        fields = {**(headers or {}), **upgrade_headers()}
        streams.writer.write(self.head("GET", target, fields))
        check_upgraded(await streams.reply(), fields)
        return WebSocket(streams)

    async def negotiate(
        self, path: str, query: str = "negotiateVersion=1", headers: Mapping[str, str] | None = None
    ) -> Any:
        reply = await self.request("POST", f"{path}/negotiate?{query}", headers)
        assert (reply.status, reply.headers["content-type"]) == (200, "application/json"), reply
        return reply.json()

    # Pages of the conformance server

    async def events(self, connection_id: str, until: str | None = None) -> list[str]:
        """What the hub noted of a connection, once it has noted something that begins like this."""
        query = "" if until is None else "?until=" + until.replace(" ", "%20")
        noted: list[str] = (await self.request("GET", f"/events/{connection_id}{query}")).json()
        assert until is None or any(each.startswith(until) for each in noted), noted
        return noted

    async def release(self, gate: str) -> None:
        """Let the hub methods go on that wait at a gate; some have to."""
        assert (await self.request("GET", f"/release/{gate}")).json() is True

    async def fence(self) -> None:
        """Return when whatever the server could do by now has been done: it has answered several requests since."""
        for _ in range(3):
            assert (await self.request("GET", "/")).status == 200

    async def token(self, user: str, seconds: float = 60) -> str:
        return (await self.request("GET", f"/token?user={user}&seconds={seconds}")).text

    async def ask(self, connection_id: str, target: str) -> Any:
        """Let the server ask a client of `/testhub` from outside of any hub method."""
        return (await self.request("GET", f"/clientresult/{connection_id}?target={target}")).json()

    # Hub clients

    def peer(
        self, over: str, path: str = "/testhub", *, query: str = "", headers: Mapping[str, str] | None = None
    ) -> Peer:
        """A client over a combination such as `WebSockets-json`, which has not begun to connect."""
        transport, _, protocol = over.partition("-")
        return PEERS[transport](self, path, NOTATIONS[protocol], query, dict(headers or {}))

    @contextlib.asynccontextmanager
    async def opened(
        self, over: str, path: str = "/testhub", *, query: str = "", headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Peer]:
        """A client that has its transport, and has not said a word."""
        peer = self.peer(over, path, query=query, headers=headers)
        try:
            await peer.negotiate()
            await peer.open()
            yield peer
        finally:
            await peer.drop()

    @contextlib.asynccontextmanager
    async def connected(
        self, over: str, path: str = "/testhub", *, query: str = "", headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Peer]:
        """A client behind its handshake."""
        async with self.opened(over, path, query=query, headers=headers) as peer:
            await peer.shake()
            yield peer

    # The process

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self.server.process is not None
        return self.server.process

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let the process stand still, so that it finds everything sent meanwhile at once."""
        os.kill(self.process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)  # a busy machine stops it some time later
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    @property
    def resident_bytes(self) -> int:
        """The memory that the process occupies."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def call(target: str, *arguments: object, invocation_id: str | None = None, **more: Any) -> Message:
    """An invocation; without id nobody waits for its end."""
    message = {"type": 1, "target": target, "arguments": list(arguments), **more}
    return message if invocation_id is None else {"invocationId": invocation_id, **message}


def completion(invocation_id: str, **outcome: Any) -> Message:
    """How a call or a stream ended: with a `result`, an `error`, or neither."""
    return {"type": 3, "invocationId": invocation_id, **outcome}
