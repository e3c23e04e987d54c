"""A real HTTP server that plays a vendor's API: answers as a test says, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from app.tests.web_server import web_server


@dataclass
class VendorServer:
    """Answers by method and path; 404 for what it was not given."""

    url: str = ""
    answers: dict[tuple[str, str], Any] = field(default_factory=dict)
    """What is JSON is answered with 200, a number is a status, bytes are a body."""
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    """`METHOD path`, headers by lower-case name, body."""
    queries: list[dict[str, str]] = field(default_factory=list)
    """Of the same requests."""

    def paths(self) -> list[str]:
        return [what for what, _, _ in self.asked]

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append((f"{request.method} {request.path}", headers, await request.read()))
        self.queries.append(dict(request.query))
        answer = self.answers.get((request.method, request.path), 404)
        if callable(answer):
            answer = answer()
        if isinstance(answer, int):
            return web.Response(status=answer, headers={"location": "/elsewhere"} if 300 <= answer < 400 else {})
        if isinstance(answer, bytes):
            return web.Response(body=answer)
        return web.json_response(answer)


@asynccontextmanager
async def running_vendor() -> AsyncIterator[VendorServer]:
    played = VendorServer()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", played.handle)
    async with web_server(app) as url:
        played.url = url
        yield played
