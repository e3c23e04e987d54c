"""The WebSocket transport (signalr-protocol 2.1). Knows no messages: frames of both kinds are one stream of bytes."""

from __future__ import annotations

import contextlib

import aiohttp
from aiohttp import WSMsgType

from hubwire.client.errors import TransportFailed
from hubwire.client.http import HTTP_ERRORS, HttpClient, Refused, described
from hubwire.client.timing import within
from hubwire.wire.negotiation import WEBSOCKETS

_CLOSE_SECONDS = 5.0
"""Wait for the server's close frame: as long as the reference server waits for ours."""
_MINIMUM_FRAME_BYTES = 4 * 1024 * 1024
"""Frames may hold many messages, so a small limit of messages does not bound them."""


class WebSocketTransport:
    """One socket."""

    name = WEBSOCKETS
    keeps_itself_alive = False

    def __init__(self, http: HttpClient, limit_bytes: int | None) -> None:
        self._http = http
        self._limit_bytes = 0 if limit_bytes is None else max(limit_bytes, _MINIMUM_FRAME_BYTES)
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._session: aiohttp.ClientSession | None = None

    async def open(self, url: str, *, renews_token: bool = False) -> None:
        try:
            self._socket, self._session = await self._http.websocket(
                url, maximum_message_bytes=self._limit_bytes, renews_token=renews_token
            )
        except Refused as error:
            raise TransportFailed(self.name, error, status=error.status) from error
        except HTTP_ERRORS as error:
            raise TransportFailed(self.name, described(error)) from error

    async def receive(self) -> bytes | None:
        socket = self._opened()
        message = await socket.receive()
        match message.type:
            case WSMsgType.BINARY:
                data: bytes = message.data
                return data
            case WSMsgType.TEXT:
                text: str = message.data
                return text.encode()
            case WSMsgType.CLOSING:  # by our own `close`
                return None
            case WSMsgType.CLOSE:
                if message.data == aiohttp.WSCloseCode.OK:
                    return None
                reason = message.extra or "no reason given"
                raise TransportFailed(self.name, f"closed with status code: {message.data} ({reason}).")
            case WSMsgType.ERROR:
                raise TransportFailed(self.name, message.data)
            case _:
                raise TransportFailed(self.name, "the connection was lost.")

    async def send(self, data: bytes, is_binary: bool) -> None:
        try:
            # Not compressed, so the whole frame is written before the first pause: frames keep the order of calls.
            await self._opened().send_frame(data, WSMsgType.BINARY if is_binary else WSMsgType.TEXT)
        except HTTP_ERRORS as error:
            raise TransportFailed(self.name, described(error)) from error

    async def close(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(*HTTP_ERRORS):
                await within(self._http.clock, _CLOSE_SECONDS, self._socket.close())
        await self.abort()

    async def abort(self) -> None:
        # Closing the socket first would be a good-bye, after which nothing can be resumed.
        if self._session is not None:
            await self._session.close()
        if self._socket is not None:
            await self._socket.close()

    def _opened(self) -> aiohttp.ClientWebSocketResponse:
        if self._socket is None:
            raise TransportFailed(self.name, "the socket is not open.")
        return self._socket
