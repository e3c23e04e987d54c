"""Carries one HTTP call of the Functions host into an ASGI application, and the answer back.

Not by the library's own `AsgiMiddleware`: that writes whole bodies, tokens among them, into the log of the worker, and
gives neither the client's address nor the path as it was written. Knows no route.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final
from urllib.parse import unquote, urlsplit

import azure.functions as func
from starlette.types import ASGIApp, Message, Scope

from meschain.http.client_address import parse_address

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_log = logging.getLogger(__name__)


async def call_asgi(application: ASGIApp, request: func.HttpRequest) -> func.HttpResponse:
    """The answer of the application; whole, as the Functions host passes on no streams."""
    exchange = _Exchange(request.get_body())
    try:
        await application(scope_of(request), exchange.receive, exchange.send)
    except Exception:  # noqa: BLE001 - the boundary to the host, which would show the text of the error
        _log.exception("%s failed", urlsplit(request.url).path)
    return exchange.response()


def scope_of(request: func.HttpRequest) -> Scope:
    """The ASGI scope of a call."""
    url = urlsplit(request.url)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme,
        "path": unquote(url.path),
        "raw_path": url.path.encode(),
        "query_string": url.query.encode(),
        "root_path": "",
        # The host read the bytes of the headers as UTF-8.
        "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers.items()],
        "server": (url.hostname or "", url.port or _DEFAULT_PORTS.get(url.scheme, 0)),
        "client": _client(request),
    }


def _client(request: func.HttpRequest) -> tuple[str, int] | None:
    """Who called the front end of Azure, which adds that address at the right; left of it may stand anything."""
    nearest = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    address = parse_address(nearest)
    return None if address is None else (str(address), 0)


class _Exchange:
    """One request and its answer, as the two callables of ASGI."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._status = 500
        self._headers: list[tuple[str, str]] = []
        self._chunks: list[bytes] = []
        self._has_ended = asyncio.Event()

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._has_ended.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
        elif message["type"] == "http.response.body":
            self._chunks.append(message.get("body", b""))
            if not message.get("more_body", False):
                self._has_ended.set()

    def response(self) -> func.HttpResponse:
        if not self._has_ended.is_set():  # half an answer is none, whatever its status says
            return func.HttpResponse(status_code=500)
        response = func.HttpResponse(b"".join(self._chunks), status_code=self._status)
        for name, value in self._headers:
            if name.lower() != "content-length":  # the host counts itself
                response.headers.add(name, value)
        return response
