"""A lean WebSocket load client: one asyncio protocol per connection, so that the generator does not hide the server.

Knows RFC 6455 as far as a client needs it against a well-behaved server: whole unfragmented frames. Knows nothing of
the application; hub messages are bytes ended by 0x1E.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

RECORD_SEPARATOR = b"\x1e"
JSON_HANDSHAKE = b'{"protocol":"json","version":1}\x1e'


def client_frame(payload: bytes) -> bytes:
    """A text frame, masked by zeros: valid for a server, free to make."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, 0x80 | size)) + bytes(4) + payload
    return bytes((0x81, 0x80 | 126)) + size.to_bytes(2, "big") + bytes(4) + payload


class LoadConnection(asyncio.Protocol):
    """One WebSocket; every frame's payload goes to `on_frame` with its arrival (perf_counter seconds)."""

    __slots__ = ("_buffer", "_first_frame", "_upgraded", "on_frame", "transport")

    def __init__(self, on_frame: Callable[[bytes, float], None]) -> None:
        self.on_frame = on_frame
        loop = asyncio.get_running_loop()
        self._upgraded: asyncio.Future[None] = loop.create_future()
        self._first_frame: asyncio.Future[bytes] = loop.create_future()
        self._buffer = b""
        self.transport: asyncio.Transport | None = None

    @classmethod
    async def open(
        cls,
        url: str,
        on_frame: Callable[[bytes, float], None],
        *,
        token: str | None = None,
        source: str | None = None,
        first_message: bytes | None = None,
    ) -> LoadConnection:
        """Dial, upgrade, and when there is a first message, send it and wait for the first frame that comes back."""
        parts = urlsplit(url)
        host, port = parts.hostname or "127.0.0.1", parts.port or 80
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: cls(on_frame), host, port, local_addr=(source, 0) if source else None
        )
        key = base64.b64encode(os.urandom(16)).decode()
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [
            f"GET {target} HTTP/1.1",
            f"Host: {host}:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        connection._write("\r\n".join([*lines, "", ""]).encode())
        await connection._upgraded
        if first_message is not None:
            connection.send(first_message)
            await connection._first_frame
        return connection

    def send(self, payload: bytes) -> None:
        self._write(client_frame(payload))

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _write(self, data: bytes) -> None:
        if self.transport is None:
            raise ConnectionError("The connection is closed.")
        self.transport.write(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are so by what they do, not by inheritance

    def data_received(self, data: bytes) -> None:
        arrived = time.perf_counter()
        buffer = self._buffer + data if self._buffer else data
        if not self._upgraded.done():
            head, separator, rest = buffer.partition(b"\r\n\r\n")
            if not separator:
                self._buffer = buffer
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self._upgraded.set_exception(ConnectionError(head.decode(errors="replace").splitlines()[0]))
                return
            self._upgraded.set_result(None)
            buffer = rest
        position = 0
        while len(buffer) - position >= 2:
            size, start = buffer[position + 1], position + 2
            if size == 126:
                if len(buffer) < start + 2:
                    break
                size, start = int.from_bytes(buffer[start : start + 2], "big"), start + 2
            elif size == 127:
                if len(buffer) < start + 8:
                    break
                size, start = int.from_bytes(buffer[start : start + 8], "big"), start + 8
            if len(buffer) < start + size:
                break
            if buffer[position] & 0x0F in (1, 2):
                payload = buffer[start : start + size]
                if not self._first_frame.done():
                    self._first_frame.set_result(payload)
                self.on_frame(payload, arrived)
            position = start + size
        self._buffer = buffer[position:]

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        for waiting in (self._upgraded, self._first_frame):
            if not waiting.done():
                waiting.set_exception(exc or ConnectionError("The server closed the connection."))
                waiting.exception()
