"""A WebSocket of the plain lane that belongs to another node: messages both ways through an HTTP client.

ASGI hands messages over and takes them, so each is unpacked and packed again; the fast lane's `splice` does without.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal, cast

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from hubwire.server import answers
from hubwire.server.answers import Refused
from hubwire.transports.asgi import AsgiReceive, AsgiSend
from hubwire.transports.asgi_websocket import is_proper

_GOING_AWAY = 1001
_NO_CODE = 1005
"""Stands for a close frame without a code, and must not be sent (RFC 6455 7.4.1)."""

_log = logging.getLogger("hubwire.server")


class PeerSocket(aiohttp.ClientWebSocketResponse[Literal[True]]):
    """A WebSocket that can be left without a close frame, so that a connection that may be resumed can be."""

    def drop(self) -> None:
        """End the socket; does nothing once it has ended."""
        self._response.close()


class Relay:
    """One of them."""

    __slots__ = ("_carrying", "_has_client_left", "_receive", "_send")

    def __init__(self, receive: AsgiReceive, send: AsgiSend) -> None:
        self._receive = receive
        self._send = send
        self._has_client_left = False
        self._carrying: asyncio.Task[None] | None = None

    async def run(self, session: aiohttp.ClientSession, url: str, fields: Sequence[tuple[str, str]]) -> None:
        """Carry until either side ends. Raises: Refused as the peer does, before the upgrade is answered.

        Args:
            session: one whose WebSockets are `PeerSocket`.
        """
        peer = await self._dial(session, URL(url, encoded=True), fields)
        try:
            await self._send({"type": "websocket.accept"})
            async with asyncio.TaskGroup() as tasks:
                self._carrying = tasks.create_task(self._carry(peer))
            if not self._has_client_left:
                code = peer.close_code
                is_clean = code is not None and code != aiohttp.WSCloseCode.ABNORMAL_CLOSURE
                await self._send({"type": "websocket.close", "code": code if is_clean else _GOING_AWAY})
        finally:
            peer.drop()

    def stop(self) -> None:
        """This node stops: end it; the client may come back through another."""
        if self._carrying is not None:
            self._carrying.cancel()

    async def _dial(self, session: aiohttp.ClientSession, url: URL, fields: Sequence[tuple[str, str]]) -> PeerSocket:
        # The HTTP client makes an opening handshake of its own.
        headers = CIMultiDict(field for field in fields if not field[0].lower().startswith("sec-websocket-"))
        try:
            return cast("PeerSocket", await session.ws_connect(url, headers=headers, max_msg_size=0))
        except aiohttp.WSServerHandshakeError as error:
            raise Refused(error.status) from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            _log.debug("A WebSocket could not be forwarded: %s", type(error).__name__)
            raise Refused(404, answers.UNKNOWN_ID) from None

    async def _carry(self, peer: PeerSocket) -> None:
        """Both ways; the first that ends ends the other."""
        async with asyncio.TaskGroup() as tasks:
            to_peer = tasks.create_task(self._to_peer(peer))
            to_client = tasks.create_task(self._to_client(peer))
            to_peer.add_done_callback(lambda _: to_client.cancel())
            to_client.add_done_callback(lambda _: to_peer.cancel())

    async def _to_peer(self, peer: PeerSocket) -> None:
        with suppress(OSError, aiohttp.ClientError):  # a peer that is gone ends the other way
            await self._pass_on(peer)

    async def _pass_on(self, peer: PeerSocket) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self._has_client_left = True
                if is_proper(message):
                    code = message.get("code", _NO_CODE)
                    await peer.close(code=aiohttp.WSCloseCode.OK if code == _NO_CODE else code)
                return
            text = message.get("text")
            if text is not None:
                await peer.send_str(text)
            else:
                await peer.send_bytes(message.get("bytes") or b"")

    async def _to_client(self, peer: PeerSocket) -> None:
        try:
            async for message in peer:
                kind = "text" if message.type is aiohttp.WSMsgType.TEXT else "bytes"
                await self._send({"type": "websocket.send", kind: message.data})
        except OSError:  # as ASGI servers may tell that the client has left
            self._has_client_left = True
