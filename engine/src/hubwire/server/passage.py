"""One HTTP request on its way through this node to the one that holds its connection, and the answer back.

Both bodies are passed on as they come, at the pace of whoever takes them. A client that leaves ends the request to the
peer, and a peer that is lost ends the answer. Knows no hub and no connection token.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from hubwire.server import answers
from hubwire.server.answers import Refused
from hubwire.transports.asgi import Exchange
from hubwire.transports.long_polling import NO_CACHE

HOP_BY_HOP = frozenset(
    {
        *("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect"),
        *("proxy-authenticate", "proxy-authorization", "proxy-connection"),
    }
)
"""Fields that speak of one socket (RFC 9110 7.6.1), and the wish for a 100 that our server has fulfilled."""

_OF_THE_SERVER = frozenset(("date", "server"))
"""Our own HTTP server writes them."""

_log = logging.getLogger("hubwire.server")


class _ClientLeft(OSError):
    """The body ends before its end."""


class Passage:
    """One request, until its answer is complete."""

    __slots__ = (
        "_body_is_read",
        "_exchange",
        "_fields",
        "_has_begun",
        "_has_ended",
        "_is_poll",
        "_method",
        "_relaying",
        "_url",
    )

    def __init__(
        self, method: str, url: str, fields: Sequence[tuple[str, str]], exchange: Exchange, *, is_poll: bool
    ) -> None:
        self._method = method
        self._url = URL(url, encoded=True)
        self._fields = fields
        self._exchange = exchange
        self._is_poll = is_poll
        self._has_begun = False  # whether the client got the head of an answer
        self._has_ended = False  # whether it got all of it
        self._body_is_read = asyncio.Event()
        self._relaying: asyncio.Task[None] | None = None

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Pass it on. Raises: Refused when the peer gives no answer."""
        async with asyncio.TaskGroup() as tasks:
            self._relaying = tasks.create_task(self._relay(session))
            watching = tasks.create_task(self._end_with_client())
            self._relaying.add_done_callback(lambda _: watching.cancel())
        if self._has_ended:
            return
        if not self._has_begun and self._relaying.cancelled():
            if self._is_poll:  # we stop; another node takes the next one
                await self._exchange.answer(200, b"", "application/octet-stream", NO_CACHE)
                return
            raise Refused(503, "The server is going away")
        if not self._has_begun:
            raise Refused(404, answers.UNKNOWN_ID)
        # A part of an answer must not pass for all of it.
        if self._exchange.abort():
            await self._exchange.until_gone()

    def stop(self) -> None:
        """This node stops: give what is open back to the client. What it sends may still arrive."""
        if self._relaying is not None and self._method == "GET":
            self._relaying.cancel()

    async def _relay(self, session: aiohttp.ClientSession) -> None:
        exchange = self._exchange
        try:
            async with session.request(
                self._method,
                self._url,
                headers=CIMultiDict(self._fields),
                data=await self._body() if self._method == "POST" else None,
                allow_redirects=False,
            ) as response:
                try:
                    self._has_begun = True
                    exchange.headers = ()  # the peer has said all of that
                    await exchange.start(response.status, _answered(response))
                    async for piece in response.content.iter_any():
                        await exchange.send(piece, more=True)
                finally:
                    if not self._body_is_read.is_set():
                        response.close()  # a refusal before the end of the body; nobody takes the rest
            await exchange.send(b"")
            self._has_ended = True
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            # Its text may name the address, which has the connection's token in it.
            _log.debug("A forwarded request ended in a %s", type(error).__name__)

    async def _body(self) -> bytes | AsyncIterator[bytes]:
        """What the client sends: most bodies are small and have come already, others are passed on as they come."""
        body, is_all = await self._next()
        return body if is_all else self._pieces(body)

    async def _pieces(self, first: bytes) -> AsyncIterator[bytes]:
        body, is_all = first, False
        while True:
            if body:
                yield body
            if is_all:
                return
            body, is_all = await self._next()

    async def _next(self) -> tuple[bytes, bool]:
        """Raises: _ClientLeft."""
        message = await self._exchange.receive()
        if message["type"] != "http.request":
            raise _ClientLeft
        is_all = not message.get("more_body", False)
        if is_all:
            self._body_is_read.set()
        return message.get("body", b""), is_all

    async def _end_with_client(self) -> None:
        if self._method == "POST":
            await self._body_is_read.wait()
        else:
            self._body_is_read.set()
        try:
            await self._exchange.until_gone()
        except Exception:  # noqa: BLE001 - boundary to the ASGI server, which may raise instead of telling
            _log.debug("A forwarded request could not be read", exc_info=True)
        if self._relaying is not None:
            self._has_ended = True  # there is nobody to tell anything
            self._relaying.cancel()


def _answered(response: aiohttp.ClientResponse) -> list[tuple[str, str]]:
    return [
        (name, value)
        for name, value in response.headers.items()
        if name.lower() not in HOP_BY_HOP and name.lower() not in _OF_THE_SERVER
    ]
