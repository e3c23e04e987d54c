"""An application that a test programs: keeps what it was sent and answers as told. Stands for whoever has upstreams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(slots=True)
class Asked:
    """One request as it came in."""

    target: str
    """Path and query as they were on the wire."""
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes


@dataclass(slots=True)
class UpstreamApplication:
    """See the module."""

    address: str = ""
    asked: list[Asked] = field(default_factory=list)
    respond: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    """Answers each request; None: by nothing, as Functions does."""
    began: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with the first request."""

    def answers(self, status: int = 200, body: bytes = b"", content_type: str | None = None) -> None:
        """Answer every request so."""

        async def respond(request: web.Request) -> web.StreamResponse:
            headers = {} if content_type is None else {"content-type": content_type}
            return web.Response(status=status, body=body, headers=headers)

        self.respond = respond

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Asked(request.raw_path, headers, await request.read()))
        self.began.set()
        return web.Response() if self.respond is None else await self.respond(request)


@asynccontextmanager
async def upstream_application() -> AsyncIterator[UpstreamApplication]:
    """Serve one on a free port."""
    application = UpstreamApplication()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", application.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    application.address = f"http://{host}:{port}"
    try:
        yield application
    finally:
        await runner.cleanup()
