"""Answers to negotiates without ASGI between them and their socket. Knows no hub.

Setting a connection up is two requests, and taking the first through uvicorn's protocol and ASGI cost as much as the
whole of the second. So where the server is the application itself, nothing of a host's could look at the request, and a
negotiate as clients send it is answered right here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import NoReturn

from hubwire.server.request_head import RequestHead, read_head
from hubwire.transports.asgi import AsgiMessage, Exchange, Fields


def read_plain_post(head: bytes) -> RequestHead | None:
    """Return a POST that has no body and keeps its socket open; None: it is another request, for others to answer."""
    read = read_head(head)
    if read is None or read.method != b"POST" or read.version != "1.1":
        return None
    values = read.values()
    if (
        values is None
        or values.get("content-length", "0") != "0"
        or "transfer-encoding" in values
        or "expect" in values
        or "upgrade" in values
        or values.get("connection", "keep-alive").lower() != "keep-alive"
    ):
        return None
    return read


class DirectExchange(Exchange):
    """A request without a body, and its one answer, on a socket that stays open behind it."""

    __slots__ = ("_server_fields", "_transport")

    def __init__(self, transport: asyncio.Transport, server_fields: Iterable[tuple[bytes, bytes]]) -> None:
        """Args:
        server_fields: go with any answer of this server: its name and the date.
        """
        super().__init__(_no_body, _no_message)
        self._transport = transport
        self._server_fields = server_fields

    async def answer(
        self, status: int, body: bytes = b"", content_type: str = "text/plain", fields: Fields = ()
    ) -> None:
        if self._transport.is_closing():
            return
        lines = [b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode())]
        lines += [b"%b: %b" % field for field in self._server_fields]
        lines += [f"{name}: {value}".encode("latin-1") for name, value in (*fields, *self.headers)]
        lines.append(b"content-type: %b\r\ncontent-length: %d\r\n\r\n" % (content_type.encode(), len(body)))
        self._transport.write(b"\r\n".join(lines) + body)


async def _no_body() -> NoReturn:
    raise NotImplementedError("The request has no body.")


async def _no_message(message: AsgiMessage) -> NoReturn:
    raise NotImplementedError("Only whole answers are sent here.")
