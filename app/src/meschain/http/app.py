"""The whole web application as one ASGI app: hubs, the routes under `/api`, probes, pages, and what guards them.

Knows no use case; each route comes from a module beside this one. On the fast lane hub requests do not pass here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from meschain.http import webhooks
from meschain.http.errors import error_answer
from meschain.http.metering import HttpMetrics, Record, RequestMetering
from meschain.http.security import AllowedHosts, BodyLimit, SecurityHeaders, security_headers

CROSS_ORIGIN_HEADERS = (
    "authorization",
    "content-type",
    "x-requested-with",
    "x-signalr-user-agent",
    "x-user-id",
    "x-user-role",
)
"""What pages of other sites may send: those of SignalR's client and of the original negotiate."""

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked by address, so whatever their Host header."""


class HubEndpoints(Protocol):
    """The hub server as this module sees it."""

    def handles(self, path: str) -> bool: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


@dataclass(frozen=True, slots=True)
class Guards:
    """What stands before the routes."""

    public_url: str
    client_origins: Sequence[str]
    """Where hub clients are sent to, beside the public address."""
    allowed_origins: Sequence[str]
    allowed_hosts: frozenset[str] | None
    metrics: HttpMetrics
    record: Record
    monotonic: Callable[[], float]


class WebApplication:
    """Sends hub traffic to the hub server and everything else through the guards to the routes.

    Has no lifespan of its own: what it serves from is open before it is asked, and closed after.
    """

    def __init__(
        self,
        *,
        routes: Sequence[BaseRoute],
        pages: Sequence[BaseRoute],
        hubs: HubEndpoints,
        guards: Guards,
    ) -> None:
        """Pages take every path that no route has, but those under `/api`."""
        self._hubs = hubs
        starlette = Starlette(
            routes=list(routes),
            middleware=[
                Middleware(BodyLimit, other_limits={webhooks.PREFIX: webhooks.MAXIMUM_BODY_BYTES})
            ],  # within Starlette's own, which would answer 500 to what it raises
            exception_handlers={HTTPException: _as_json, Exception: _unexpected},
        )
        # Behind the routes and not among them: a route with another method is to answer 405, not to be passed by.
        starlette.router.default = Router([Route("/api/{rest:path}", _no_such_route, methods=_ANY_METHOD), *pages])
        site: ASGIApp = CORSMiddleware(
            starlette,
            allow_origins=tuple(guards.allowed_origins),
            allow_methods=("GET", "POST", "PUT", "DELETE"),
            allow_headers=CROSS_ORIGIN_HEADERS,
            allow_credentials=True,
            expose_headers=("retry-after",),
        )
        site = AllowedHosts(site, guards.allowed_hosts, PROBES)
        site = SecurityHeaders(site, security_headers(guards.public_url, guards.client_origins))
        self._site = RequestMetering(site, guards.metrics, guards.record, guards.monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan" and self._hubs.handles(scope["path"]):
            await self._hubs(scope, receive, send)
        else:
            await self._site(scope, receive, send)


_ANY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


async def _no_such_route(request: Request) -> Response:
    return JSONResponse({"error": "There is no such address."}, 404)


async def _as_json(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    return error_answer(error.status_code, error.detail, headers=error.headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    """Starlette logs the exception after this answer; its text may hold secrets and stays in the log."""
    return JSONResponse({"error": "The server failed to answer. Its log says why."}, 500)
