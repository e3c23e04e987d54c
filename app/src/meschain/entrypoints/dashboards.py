"""The dashboards on an origin of their own: the built pages, and `/api` passed on to the application behind.

As Azure Static Web Apps serves a site with a linked API. Knows no route and no user; no hub traffic passes here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from yarl import URL

from meschain.http.pages import Pages, packaged_pages
from meschain.http.security import BodyLimit, SecurityHeaders, security_headers

_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_TIMEOUT_SECONDS: Final = 30.0
"""For a whole answer of the application."""
_OF_ONE_CONNECTION: Final = frozenset(
    {
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-forwarded-for",
        "x-forwarded-proto",
    }
)
"""Headers that say something of one connection only, and those that this writes itself."""
_OF_THE_LIBRARY: Final = ("accept", "accept-encoding", "content-type", "user-agent")
"""What the library would add; the application is to see what the page sent."""


@asynccontextmanager
async def dashboards(application_url: str, public_url: str, client_origins: Sequence[str]) -> AsyncIterator[ASGIApp]:
    """The site, while the block is open.

    Args:
        application_url: base address of what answers `/api`; it has to trust our forwarded headers.
        client_origins: where pages connect to.
    """
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(
        timeout=timeout, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        behind = _Behind(application_url, session)
        routes = [Route("/api/{rest:path}", behind.answer, methods=_METHODS), *Pages(packaged_pages()).routes()]
        yield SecurityHeaders(BodyLimit(Starlette(routes=routes)), security_headers(public_url, client_origins))


class _Behind:
    """The application, to pass requests on to."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def answer(self, request: Request) -> Response:
        headers = [(name, value) for name, value in request.headers.items() if name not in _OF_ONE_CONNECTION]
        client = request.client.host if request.client else ""
        headers += [("x-forwarded-for", client), ("x-forwarded-proto", request.url.scheme)]
        # As it was written: decoded or tidied, `/api/%2e%2e/metrics` would lead out of what is passed on.
        target = request.scope["raw_path"] + (b"?" + request.scope["query_string"]).rstrip(b"?")
        try:
            async with self._session.request(
                request.method,
                URL(f"{self._url}{target.decode('latin-1')}", encoded=True),
                headers=headers,
                skip_auto_headers=_OF_THE_LIBRARY,
                data=await request.body() or None,
                allow_redirects=False,
            ) as answer:
                response = Response(await answer.read(), answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in _OF_ONE_CONNECTION:
                        response.headers.append(name, value)
                return response
        except (aiohttp.ClientError, TimeoutError):
            return JSONResponse({"error": "The application does not answer; try again in a moment."}, 502)
