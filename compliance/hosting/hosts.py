"""Ways of hosting a `HubServer`: frameworks that mount it, ASGI servers that run the result. Knows no hub, no test."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config as HypercornConfig
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from hubwire import HubServer

AsgiApplication = Callable[[Any, Any, Any], Awaitable[None]]
TIMEOUT_SECONDS = 30.0

# --- frameworks: how an application mounts the server, at a prefix, which may be none ---


async def page(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"page {request.url.path}")


def _lifespan(server: HubServer) -> Callable[[Any], AbstractAsyncContextManager[dict[str, object]]]:
    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[dict[str, object]]:
        async with server.lifespan():
            yield {"hubwire": server}  # where hubwire.server.uvicorn:Http looks for it; others do not care

    return lifespan


def bare(server: HubServer, prefix: str) -> AsgiApplication:
    """The server itself is the application; its hubs are where they say."""
    assert prefix == ""
    return server


def starlette(server: HubServer, prefix: str) -> AsgiApplication:
    routes = [Route("/page", page), Mount(prefix or "/", server)]
    return Starlette(routes=routes, lifespan=_lifespan(server))


def starlette_nested(server: HubServer, prefix: str) -> AsgiApplication:
    """A mount below a mount; the outer application enters the lifespan, for frameworks run none but its."""
    outer, _, inner = prefix.strip("/").partition("/")
    below = Starlette(routes=[Mount(f"/{inner}", server)])
    return Starlette(routes=[Route("/page", page), Mount(f"/{outer}", below)], lifespan=_lifespan(server))


def fastapi(server: HubServer, prefix: str) -> AsgiApplication:
    app = FastAPI(lifespan=_lifespan(server))

    @app.get("/page")
    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"page {request.url.path}")

    app.mount(prefix or "/", server)
    return app


def starlette_without_lifespan(server: HubServer, prefix: str) -> AsgiApplication:
    """What happens to those who forget it."""
    return Starlette(routes=[Mount(prefix or "/", server)])


# --- ASGI servers: as everybody starts them ---

Host = Callable[[AsgiApplication], AbstractAsyncContextManager[int]]
"""Runs an application while inside; gives its port on loopback."""


def uvicorn_with(**settings: Any) -> Host:
    @asynccontextmanager
    async def run(app: AsgiApplication) -> AsyncIterator[int]:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="auto", **settings))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            task = asyncio.create_task(server.serve([listener]))
            try:
                await _until_connected(listener, task)
                yield listener.getsockname()[1]
            finally:
                server.should_exit = True
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await task

    return run


def hypercorn() -> Host:
    @asynccontextmanager
    async def run(app: AsgiApplication) -> AsyncIterator[int]:
        stop = asyncio.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            config = HypercornConfig()
            config.bind = [f"fd://{os.dup(listener.fileno())}"]  # which it closes
            config.errorlog = logging.getLogger("hypercorn.error")
            config.graceful_timeout = 1.0
            task = asyncio.create_task(hypercorn_serve(app, config, shutdown_trigger=stop.wait))
            try:
                await _until_connected(listener, task)
                yield listener.getsockname()[1]
            finally:
                stop.set()
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await task

    return run


async def _until_connected(listener: socket.socket, server: asyncio.Task[None]) -> None:
    """Wait for the first answer: the socket listens before the application has started."""
    host, port = listener.getsockname()[:2]
    async with asyncio.timeout(TIMEOUT_SECONDS):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(f"GET /ready HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = asyncio.create_task(reader.readline())
            await asyncio.wait((answer, server), return_when=asyncio.FIRST_COMPLETED)
            assert not server.done(), server
            await answer
        finally:
            writer.close()
