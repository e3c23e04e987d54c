"""The plain lane: a hub connection's WebSocket on any ASGI server. Slower than the fast lane, complete.

An ASGI send must be awaited, so this transport has a small buffer of its own and one writer task per connection; it
reports its fill by the same `pause_writing` as a socket, and the bounded outbox behind it is the connection's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from hubwire.ports import Receiver
from hubwire.wire.negotiation import WEBSOCKETS

AsgiMessage = MutableMapping[str, Any]
AsgiReceive = Callable[[], Awaitable[AsgiMessage]]
AsgiSend = Callable[[AsgiMessage], Awaitable[None]]

_HIGH_WATER_BYTES = 64 * 1024
"""Unsent bytes above which writers are paused; the same as asyncio's sockets."""


class AsgiWebSocketTransport:
    """Implements `Transport` over the receive and send functions of one ASGI connection."""

    __slots__ = (
        "_buffer",
        "_buffered_bytes",
        "_close_code",
        "_is_paused",
        "_may_read",
        "_receive",
        "_receiver",
        "_send",
        "_something_to_do",
        "_stopped",
        "is_binary",
    )

    name = WEBSOCKETS
    uses_frames = False
    allows_binary = True
    keeps_itself_alive = False

    def __init__(self, receive: AsgiReceive, send: AsgiSend) -> None:
        self.is_binary = False
        self._receive = receive
        self._send = send
        self._receiver: Receiver | None = None
        self._buffer: deque[bytes] = deque()
        self._buffered_bytes = 0
        self._is_paused = False
        self._close_code: int | None = None
        self._stopped = asyncio.Event()
        self._something_to_do = asyncio.Event()
        self._may_read = asyncio.Event()
        self._may_read.set()

    async def run(self, receiver: Receiver) -> None:
        """Accept the WebSocket and move bytes both ways until it ends."""
        self._receiver = receiver
        try:
            await self._send({"type": "websocket.accept"})
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(self._read(receiver))
                writer = tasks.create_task(self._write_buffered(receiver))
                await self._stopped.wait()  # the peer is gone, a send failed, or abort()
                reader.cancel()
                writer.cancel()
        finally:
            receiver.lost(ConnectionResetError("The WebSocket was closed without a close frame."))
            receiver.gone()

    @property
    def direct_write(self) -> Callable[[bytes], object]:
        return self.write

    def write(self, data: bytes) -> None:
        if self._close_code is not None:
            return
        self._buffer.append(data)
        self._buffered_bytes += len(data)
        self._something_to_do.set()
        if self._buffered_bytes > _HIGH_WATER_BYTES and not self._is_paused and self._receiver is not None:
            self._is_paused = True
            self._receiver.pause_writing()

    def pause_reading(self) -> None:
        self._may_read.clear()

    def resume_reading(self) -> None:
        self._may_read.set()

    def close(self, code: int) -> None:
        if self._close_code is None:
            self._close_code = code
            self._something_to_do.set()
            self._may_read.set()

    def abort(self) -> None:
        self._buffer.clear()
        self._stopped.set()

    async def _read(self, receiver: Receiver) -> None:
        while True:
            await self._may_read.wait()
            message = await self._receive()
            if message["type"] == "websocket.receive":
                text = message.get("text")
                receiver.feed(text.encode() if text is not None else message.get("bytes") or b"")
            elif message["type"] == "websocket.disconnect":
                # 1006: there was no close frame (RFC 6455 7.1.5).
                is_proper = message.get("code", 1006) != 1006
                receiver.lost(None if is_proper else ConnectionResetError("The WebSocket was lost."))
                self._stopped.set()
                return

    async def _write_buffered(self, receiver: Receiver) -> None:
        try:
            while True:
                while self._buffer:
                    data = self._buffer.popleft()
                    self._buffered_bytes -= len(data)
                    if self.is_binary:
                        await self._send({"type": "websocket.send", "bytes": data})
                    else:
                        await self._send({"type": "websocket.send", "text": data.decode()})
                    if self._is_paused and self._buffered_bytes <= _HIGH_WATER_BYTES // 4:
                        self._is_paused = False
                        receiver.resume_writing()
                if self._close_code is not None:
                    await self._send({"type": "websocket.close", "code": self._close_code})
                    return
                self._something_to_do.clear()
                await self._something_to_do.wait()
        except Exception as error:  # noqa: BLE001 - boundary to the ASGI server: any exception of its send means "gone"
            receiver.lost(error)
            self._stopped.set()


async def deny(
    send: AsgiSend, extensions: object, status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    """Refuse an upgrade with an HTTP status, or as the server sees fit (403) where it lacks that extension."""
    if isinstance(extensions, dict) and "websocket.http.response" in extensions:
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})
    else:
        await send({"type": "websocket.close", "code": 1008})
