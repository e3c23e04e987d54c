"""A WebSocket without a task of its own: an asyncio protocol over python-websockets' sans-IO client.

Knows no messages.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from contextlib import suppress
from typing import cast
from urllib.parse import urlsplit, urlunsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from hubwire.cli.bench.wire import OnData, OnEnd
from hubwire.client.errors import TransportFailed
from hubwire.client.http import HttpClient, described
from hubwire.client.timing import within
from hubwire.wire.negotiation import WEBSOCKETS

_CLOSE_SECONDS = 2.0
_MINIMUM_FRAME_BYTES = 4 * 1024 * 1024
"""Frames may hold many messages, so a small limit of messages does not bound them."""
_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
_NORMAL = 1000
_LOST = "the connection was lost."

# The library writes a line per connection at INFO.
_library_log = logging.Logger("hubwire.cli.websocket", level=logging.CRITICAL)


async def _settled(future: asyncio.Future[None]) -> None:
    await asyncio.wait((future,))


class WebSocketWire(asyncio.Protocol):
    """Implements `Wire`."""

    __slots__ = (
        "_clock",
        "_has_ended",
        "_http",
        "_is_open",
        "_is_over",
        "_limit_bytes",
        "_on_data",
        "_on_end",
        "_socket",
        "_ws",
    )

    name = WEBSOCKETS
    keeps_itself_alive = False

    def __init__(self, http: HttpClient, limit_bytes: int | None) -> None:
        self._http: HttpClient | None = http
        self._clock = http.clock
        self._limit_bytes = None if limit_bytes is None else max(limit_bytes, _MINIMUM_FRAME_BYTES)
        self._socket: asyncio.Transport | None = None
        self._ws: ClientProtocol | None = None
        self._is_open: asyncio.Future[None] | None = None
        self._is_over: asyncio.Future[None] | None = None
        self._on_data: OnData | None = None
        self._on_end: OnEnd | None = None
        self._has_ended = False

    # Wire

    async def open(self, url: str, *, renews_token: bool = False) -> None:
        http, self._http = self._http, None
        if http is None:
            raise TransportFailed(self.name, "the socket was open before; make another.")
        parts = urlsplit(url)
        is_secure = parts.scheme == "https"
        address = urlunsplit(("wss" if is_secure else "ws", *parts[1:]))
        # No extension: compression would measure the generator. The limit is for frames; messages are the session's.
        websocket = self._ws = ClientProtocol(
            parse_uri(address), max_size=(None, self._limit_bytes), logger=_library_log
        )
        request = websocket.connect()
        for name, value in (await http.upgrade_headers(url, renews_token=renews_token)).items():
            if name in request.headers:
                del request.headers[name]
            request.headers[name] = value
        loop = asyncio.get_running_loop()
        is_open = self._is_open = loop.create_future()
        self._is_over = loop.create_future()
        context = http.ssl if isinstance(http.ssl, ssl.SSLContext) else ssl.create_default_context()

        async def connect() -> None:
            await loop.create_connection(
                lambda: self,
                parts.hostname or "",
                parts.port or (443 if is_secure else 80),
                ssl=context if is_secure else None,
            )
            websocket.send_request(request)
            self._flush()
            await is_open

        try:
            await within(http.clock, http.timeout_seconds, connect())
        except InvalidStatus as error:
            status = error.response.status_code
            reason = f"the upgrade was answered with status {status}."
            raise TransportFailed(self.name, reason, status=status) from error
        except TransportFailed:
            raise
        except Exception as error:  # whatever the network, TLS and the library's parser say: no socket
            raise TransportFailed(self.name, described(error)) from error
        finally:
            self._is_open = None

    def attach(self, on_data: OnData, on_end: OnEnd) -> None:
        self._on_data = on_data
        self._on_end = on_end
        if self._has_ended:
            on_end(self._failure(_LOST))

    def send(self, data: bytes, is_binary: bool) -> None:
        if self._ws is None or self._ws.state is not OPEN:
            return
        if is_binary:
            self._ws.send_binary(data)
        else:
            self._ws.send_text(data)
        self._flush()

    @property
    def waiting_bytes(self) -> int:
        return 0 if self._socket is None else self._socket.get_write_buffer_size()

    async def close(self) -> None:
        self._has_ended = True
        if self._ws is not None and self._ws.state is OPEN:
            self._ws.send_close(_NORMAL)
            self._flush()
        if self._is_over is not None and self._socket is not None:
            with suppress(TimeoutError):
                await within(self._clock, _CLOSE_SECONDS, _settled(self._is_over))
        await self.abort()

    async def abort(self) -> None:
        self._has_ended = True
        if self._socket is not None:
            self._socket.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = cast("asyncio.Transport", transport)  # create_connection makes no other kind

    def data_received(self, data: bytes) -> None:
        websocket = self._ws
        if websocket is None:
            return
        websocket.receive_data(data)
        for event in websocket.events_received():
            if type(event) is Frame:
                if event.opcode in _DATA:
                    if self._on_data is not None and not self._has_ended:
                        self._on_data(cast("bytes", event.data))
                elif event.opcode is Opcode.CLOSE:
                    code = None if websocket.close_rcvd is None else websocket.close_rcvd.code
                    self._end(None if code == _NORMAL else self._failure(f"closed with status code {code}."))
            elif self._is_open is not None and not self._is_open.done():
                if websocket.handshake_exc is None:
                    self._is_open.set_result(None)
                else:
                    self._is_open.set_exception(websocket.handshake_exc)
        if websocket.parser_exc is not None:
            self._end(self._failure(described(websocket.parser_exc)))
        if websocket.writes:
            self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._socket = None
        error = self._failure(_LOST if exc is None else described(exc))
        if self._is_open is not None and not self._is_open.done():
            self._is_open.set_exception(error)
        if self._is_over is not None and not self._is_over.done():
            self._is_over.set_result(None)
        self._end(error)
        self._on_data = self._on_end = self._ws = None  # these hold each other

    # Inside

    def _end(self, error: BaseException | None) -> None:
        if not self._has_ended:
            self._has_ended = True
            if self._on_end is not None:
                self._on_end(error)

    def _failure(self, reason: str) -> TransportFailed:
        return TransportFailed(self.name, reason)

    def _flush(self) -> None:
        if self._ws is None or self._socket is None:
            return
        for data in self._ws.data_to_send():
            if data:
                self._socket.write(data)
            else:
                self._socket.close()
