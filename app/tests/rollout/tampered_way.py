"""Stands between the application and a service, and lets events whose ids say so come to harm."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

_OF_ONE_HOP = frozenset({"connection", "content-length", "date", "host", "server", "transfer-encoding"})


class TamperedWay:
    """Passes requests on to a port. An event `altered …` has another currency there, one `dropped …` never comes, one
    `doubled …` comes twice."""

    def __init__(self) -> None:
        self.port = 0
        self.target_port = 0

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[TamperedWay]:
        async with aiohttp.ClientSession(auto_decompress=False) as http:

            async def passed_on(request: web.Request) -> web.Response:
                body = await request.read()
                if b'"eventId":"dropped ' in body:
                    return web.Response(status=202)
                if b'"eventId":"altered ' in body:
                    body = body.replace(b"TRY", b"XXX")
                target = f"http://127.0.0.1:{self.target_port}{request.raw_path}"
                headers = _kept(request.headers)
                for _ in range(2 if b'"eventId":"doubled ' in body else 1):
                    async with http.request(request.method, target, data=body, headers=headers) as answer:
                        told = await answer.read()
                        passed = web.Response(status=answer.status, body=told, headers=_kept(answer.headers))
                return passed

            app = web.Application()
            app.router.add_route("*", "/{path:.*}", passed_on)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            try:
                site = web.TCPSite(runner, "127.0.0.1", 0)
                await site.start()
                self.port = runner.addresses[0][1]
                yield self
            finally:
                await runner.cleanup()


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _OF_ONE_HOP}
