"""A service that answers as it is told, over real HTTP. It stands for Azure's, which cannot be had here."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from aiohttp import web

from hubwire.azure.connection_string import ConnectionString
from hubwire.azure.rest_tokens import RestTokens
from hubwire.azure.routes import find

KEY = "0123456789abcdefghijklmnopqrstuvwxyz+/=="


@dataclass(frozen=True, slots=True)
class Request:
    """One that came in; `path` is as it came, still escaped."""

    method: str
    path: str
    query: Sequence[tuple[str, str]]
    raw_query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back."""

    status: int = 202
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Hang(Answer):
    """Never answers."""


class Cut(Answer):
    """Cuts the connection once the request has come in."""


class FakeService:
    """Keeps every request; answers with those of `answers`, and then with success."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: deque[Answer] = deque()
        self.at_once = 0
        """Requests under way."""
        self.most_at_once = 0
        self.gate = asyncio.Event()
        """Whether requests are answered; tests may close it."""
        self.gate.set()
        self.ended = asyncio.Event()
        self.port = 0
        self._arrived = asyncio.Condition()

    @property
    def connection(self) -> ConnectionString:
        return ConnectionString.parse(f"Endpoint=http://127.0.0.1;Port={self.port};AccessKey={KEY};Version=1.0;")

    def tokens(self) -> RestTokens:
        """What verifies the tokens of requests."""
        return RestTokens([KEY], [self.connection.endpoint])

    async def until_requests(self, count: int) -> None:
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= count)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        came = Request(
            request.method, path, parse_qsl(query, keep_blank_values=True), query, request.headers, await request.read()
        )
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            async with self._arrived:
                self.requests.append(came)
                answer = self.answers.popleft() if self.answers else self._success(came)
                self._arrived.notify_all()
            await self.gate.wait()
            if isinstance(answer, Hang):
                await self.ended.wait()
            if isinstance(answer, Cut):
                assert request.transport is not None
                request.transport.abort()
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        finally:
            self.at_once -= 1

    def _success(self, request: Request) -> Answer:
        match = find(request.path)
        if match is None or request.method not in match.routes:
            return Answer(404)
        return Answer(match.routes[request.method].status)


@asynccontextmanager
async def fake_service(port: int = 0) -> AsyncIterator[FakeService]:
    """A service on a free port of loopback, or on this one."""
    service = FakeService()
    runner = web.ServerRunner(web.Server(service.handle, handler_cancellation=True), shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        service.port = runner.addresses[0][1]
        yield service
    finally:
        service.ended.set()
        await runner.cleanup()
