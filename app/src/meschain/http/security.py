"""What guards every answer: security headers, the Host allow-list and the limit of a request's body. Plain ASGI.

Knows no route. Hub traffic does not pass here: the engine checks hosts, origins and sizes by its own options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAXIMUM_BODY_BYTES: Final = 64 * 1024
"""Largest request body. 64 KiB: a log-in or a progress report is a few hundred bytes."""


def content_security_policy(public_url: str, client_origins: Sequence[str] = ()) -> str:
    """The policy of every page: nothing inline, nothing from elsewhere, requests and sockets to these origins only."""
    origins = dict.fromkeys([public_url, *client_origins])
    reachable = " ".join(f"{origin} {_socket_origin(origin)}" for origin in origins)
    return "; ".join(
        (
            "default-src 'self'",
            f"connect-src 'self' {reachable}",
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def _socket_origin(origin: str) -> str:
    return f"ws{origin.removeprefix('http')}"


def security_headers(public_url: str, client_origins: Sequence[str] = ()) -> Mapping[str, str]:
    """Headers of every answer that is not hub traffic; strict transport only where the public address is https.

    Args:
        client_origins: where hub clients are sent to, beside the public address.
    """
    headers = {
        "content-security-policy": content_security_policy(public_url, client_origins),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
    }
    if urlsplit(public_url).scheme == "https":
        headers["strict-transport-security"] = "max-age=31536000"
    return headers


class SecurityHeaders:
    """Adds the headers to each answer; one that a route has set stays."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class AllowedHosts:
    """Answers only requests whose Host header is on the list, so that no foreign name can be bound to this server.

    Args:
        hosts: Names without port, lower-case; None: any.
        exempt: Paths that probes ask by address.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None, exempt: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._hosts = hosts
        self._exempt = exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._hosts is None or scope["path"] in self._exempt:
            await self._app(scope, receive, send)
            return
        if host_name(Headers(scope=scope).get("host", "")) in self._hosts:
            await self._app(scope, receive, send)
            return
        answer = JSONResponse(
            {"error": "This host name is not served here. Add it to allowed_hosts, or use the public address."}, 400
        )
        await answer(scope, receive, send)


def host_name(host: str) -> str:
    """The name in a Host header, without its port, lower-case; brackets of an IPv6 address stay."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
    return f"[{name}]" if ":" in name else name


class BodyLimit:
    """Answers 413 to a request whose body is over the limit, declared or streamed.

    Args:
        other_limits: of paths that begin so, in bytes.
    """

    def __init__(
        self, app: ASGIApp, limit_bytes: int = MAXIMUM_BODY_BYTES, other_limits: Mapping[str, int] | None = None
    ) -> None:
        self._app = app
        self._limit_bytes = limit_bytes
        self._other_limits = dict(other_limits or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit_bytes = self._limit_of(scope["path"])
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdecimal() or int(declared) > limit_bytes:
            await self._refuse(limit_bytes, scope, receive, send)
            return
        received = 0
        started = False

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit_bytes:
                raise _BodyTooLarge
            return message

        async def send_noting_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive_limited, send_noting_start)
        except _BodyTooLarge:
            if started:
                raise
            await self._refuse(limit_bytes, scope, receive, send)

    def _limit_of(self, path: str) -> int:
        found = (limit for prefix, limit in self._other_limits.items() if path.startswith(prefix))
        return next(found, self._limit_bytes)

    async def _refuse(self, limit_bytes: int, scope: Scope, receive: Receive, send: Send) -> None:
        text = f"The request body is too large; the limit is {limit_bytes} bytes."
        await JSONResponse({"error": text}, 413, {"connection": "close"})(scope, receive, send)


class _BodyTooLarge(Exception):
    """More bytes arrived than the limit allows."""
