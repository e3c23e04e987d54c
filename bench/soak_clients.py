"""Hub clients for the soak, one per transport, on bare sockets: they can vanish at any moment and leave nothing here.

Know HTTP/1.1, RFC 6455 and server-sent events as far as a client needs them against this server, and JSON alone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

RECORD_SEPARATOR = b"\x1e"
_POLL_SECONDS = 0.02
"""How long a poll waits before its client vanishes: about what the server needs to see it."""


class Socket:
    """One TCP connection with HTTP requests on it, one after the other."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, dict[str, str]]:
        """Send a request and return status and headers of the answer; its body is still to be read."""
        await self.begin(method, target, headers, body)
        assert self.reader is not None
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        answered = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        return int(head[0].split(" ")[1]), answered

    async def begin(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Send a request and wait for nothing."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        fields = {"Host": f"127.0.0.1:{self._port}", "Content-Length": str(len(body)), **headers}
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)

    async def body(self, headers: Mapping[str, str]) -> bytes:
        """Read the body of an answer that says its length."""
        assert self.reader is not None
        return await self.reader.readexactly(int(headers.get("content-length", "0")))

    async def until_end(self) -> None:
        """Read what comes until the server closes."""
        if self.reader is not None:
            await self.reader.read()

    def abort(self) -> None:
        """Vanish: the other side sees a reset."""
        if self.writer is not None:
            self.writer.transport.abort()

    async def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            await asyncio.wait((asyncio.ensure_future(self.writer.wait_closed()),))


class Client:
    """One hub connection. Subclasses know their transport."""

    transport = ""

    def __init__(self, port: int, path: str, user: str) -> None:
        self.port = port
        self.path = path
        self._authorization = {"Authorization": f"Bearer {user}"}
        self._main = Socket(port)
        self._target = path
        self._messages: list[bytes] = []
        self._rest = b""

    async def negotiate(self, *, is_stateful: bool = False) -> None:
        query = "?negotiateVersion=1" + ("&useStatefulReconnect=true" if is_stateful else "")
        socket = Socket(self.port)
        status, headers = await socket.request("POST", f"{self.path}/negotiate{query}", self._authorization)
        assert status == 200, status
        answer = json.loads(await socket.body(headers))
        await socket.close()
        assert bool(answer.get("useStatefulReconnect")) is is_stateful
        self._target = f"{self.path}?id={answer['connectionToken']}"

    async def open(self) -> None:
        raise NotImplementedError

    async def reopen(self) -> None:
        """Open the same connection on a new socket."""
        self._main = Socket(self.port)
        self._messages, self._rest = [], b""
        await self.open()

    async def send_bytes(self, data: bytes) -> None:
        raise NotImplementedError

    async def receive_bytes(self) -> bytes:
        """The next piece; empty: the connection has ended."""
        raise NotImplementedError

    async def leave(self) -> None:
        """End properly, and wait for the server to agree."""
        raise NotImplementedError

    async def send_half(self) -> None:
        """Send the beginning of something whose rest will not come."""
        raise NotImplementedError

    async def vanish(self) -> None:
        """Be gone, without a word."""
        self._main.abort()

    async def handshake(self, version: int = 1) -> None:
        await self.send_bytes(json.dumps({"protocol": "json", "version": version}).encode() + RECORD_SEPARATOR)
        assert await self.receive() == {}

    async def send(self, message: object) -> None:
        await self.send_bytes(json.dumps(message).encode() + RECORD_SEPARATOR)

    async def receive(self) -> Any:
        """The next hub message; None: the connection has ended."""
        while not self._messages:
            piece = await self.receive_bytes()
            if not piece:
                return None
            *self._messages, self._rest = (self._rest + piece).split(RECORD_SEPARATOR)
        return json.loads(self._messages.pop(0))

    async def until(self, kind: int) -> Any:
        """The next message of that type, any other skipped."""
        while True:
            message = await self.receive()
            assert message is not None, "the server closed the connection"
            if message.get("type") == kind:
                return message


class WebSocketClient(Client):
    transport = "WebSockets"

    async def open(self) -> None:
        upgrade = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        status, _ = await self._main.request("GET", self._target, self._authorization | upgrade)
        assert status == 101, status

    async def send_bytes(self, data: bytes) -> None:
        self._frame(0x81, data)

    async def receive_bytes(self) -> bytes:
        reader = self._main.reader
        assert reader is not None
        while True:
            head = await reader.readexactly(2)
            size = head[1]
            if size == 126:
                size = int.from_bytes(await reader.readexactly(2), "big")
            payload = await reader.readexactly(size)
            if head[0] & 0x0F == 0x08:
                return b""
            if payload:
                return payload

    async def send_half(self) -> None:
        assert self._main.writer is not None
        self._main.writer.write(b"\x81\xe4" + bytes(4) + b'{"type":1')  # of 100 bytes

    async def leave(self) -> None:
        self._frame(0x88, b"\x03\xe8")
        await self._main.until_end()
        await self._main.close()

    def _frame(self, opcode: int, payload: bytes) -> None:
        assert self._main.writer is not None
        assert len(payload) < 65536
        size = bytes((0x80 | len(payload),)) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
        self._main.writer.write(bytes((opcode,)) + size + bytes(4) + payload)


class _PostingClient(Client):
    """Sends by POST, on a socket of its own."""

    def __init__(self, port: int, path: str, user: str) -> None:
        super().__init__(port, path, user)
        self._posts = Socket(port)

    async def send_bytes(self, data: bytes) -> None:
        status, headers = await self._posts.request("POST", self._target, self._authorization, data)
        await self._posts.body(headers)
        assert status == 200, status

    async def send_half(self) -> None:
        await self._posts.begin("POST", self._target, self._authorization | {"Content-Length": "100"}, b'{"type":1')

    async def vanish(self) -> None:
        await super().vanish()
        self._posts.abort()


class ServerSentEventsClient(_PostingClient):
    transport = "ServerSentEvents"

    async def open(self) -> None:
        headers = {"Accept": "text/event-stream", **self._authorization}
        status, _ = await self._main.request("GET", self._target, headers)
        assert status == 200, status

    async def receive_bytes(self) -> bytes:
        reader = self._main.reader
        assert reader is not None
        while line := await reader.readline():
            if line == b"0\r\n":
                return b""
            if line.startswith(b"data: "):
                return line.removeprefix(b"data: ").rstrip(b"\r\n")
        return b""

    async def leave(self) -> None:
        await self._main.close()  # to leave the answer is how a client says good-bye here
        await self._posts.close()


class LongPollingClient(_PostingClient):
    transport = "LongPolling"

    async def open(self) -> None:
        status, headers = await self._main.request("GET", self._target, self._authorization)
        assert (status, await self._main.body(headers)) == (200, b"")

    async def receive_bytes(self) -> bytes:
        while True:
            status, headers = await self._main.request("GET", self._target, self._authorization)
            data = await self._main.body(headers)
            if status == 204:
                return b""
            assert status == 200, status
            if data:
                return data

    async def vanish(self) -> None:
        await self._main.begin("GET", self._target, self._authorization)
        await asyncio.sleep(_POLL_SECONDS)
        await super().vanish()

    async def leave(self) -> None:
        status, _ = await self._posts.request("DELETE", self._target, self._authorization)
        assert status == 202, status
        await self._posts.close()
        await self._main.close()
