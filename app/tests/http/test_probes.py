"""Probes against a real HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from app.tests.services.fakes import FakeClock
from app.tests.web_server import web_server

from meschain.http.probes import HttpProbe, ProbeOptions

OPTIONS = ProbeOptions(timeout_seconds=20)
IMPATIENT = ProbeOptions(timeout_seconds=0.3)
"""For what never answers; a busy machine may take that long for what does."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def api(clock: FakeClock) -> AsyncIterator[str]:
    """Answers `/status/<code>` with it, `/slow` after the limit by our clock, `/hangs` never."""

    async def status(request: web.Request) -> web.Response:
        return web.Response(status=int(request.match_info["code"]), headers={"Location": "/status/200"})

    async def slow(request: web.Request) -> web.Response:
        await clock.advance(OPTIONS.slow_seconds)
        return web.Response()

    async def hangs(request: web.Request) -> web.Response:
        await asyncio.sleep(3600)  # cancelled when the client gives up
        return web.Response()

    app = web.Application()
    app.router.add_get("/status/{code}", status)
    app.router.add_get("/slow", slow)
    app.router.add_get("/hangs", hangs)
    async with web_server(app) as url:
        yield url


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/status/200", "healthy"),
        ("/status/204", "healthy"),
        ("/status/302", "warning"),
        ("/status/401", "warning"),
        ("/status/404", "warning"),
        ("/status/500", "error"),
        ("/status/503", "error"),
        ("/slow", "warning"),
        ("/hangs", "error"),
    ],
)
async def test_an_answer_is_judged_by_status_and_time(
    api: str, clock: FakeClock, http: aiohttp.ClientSession, path: str, status: str
) -> None:
    options = IMPATIENT if path == "/hangs" else OPTIONS
    assert await HttpProbe("shop", api + path, http, clock, options).check() == status


async def test_no_answer_is_an_error(clock: FakeClock, http: aiohttp.ClientSession) -> None:
    assert await HttpProbe("shop", "http://127.0.0.1:1/", http, clock, OPTIONS).check() == "error"
