"""The dashboards on an origin of their own: what reaches the application behind, and what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from app.tests.conftest import Serve
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from meschain.entrypoints.dashboards import dashboards
from meschain.http.security import MAXIMUM_BODY_BYTES


async def show(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that answers with what it was asked."""
    if scope["type"] != "http":
        return
    request = Request(scope, receive)
    target = scope["raw_path"].decode() + (f"?{request.url.query}" if request.url.query else "")
    seen = {"target": target, "headers": dict(request.headers), "body": (await request.body()).decode()}
    await JSONResponse(seen, 418, {"x-answer": "kept"})(scope, receive, send)


@pytest.fixture
async def pages(serve: Serve) -> AsyncIterator[str]:
    """Address of the dashboards, with `show` behind."""
    async with dashboards(await serve(show), "http://localhost:8000", ["http://localhost:8888"]) as site:
        yield await serve(site)


async def ask(url: str, target: str, *headers: str, method: str = "GET", body: str = "") -> tuple[str, str]:
    """Head and body of the answer to a request that is sent as it is written here."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost:8000", "Connection: close", *headers, "", body]
    writer.write("\r\n".join(lines).encode())
    head, _, content = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return head, content


@pytest.mark.parametrize(
    "target",
    [
        "/api/session",
        "/api/sync-jobs/a%2Fb/progress?status=%2F&text=a+b%26",
        "/api/x%3Fy=1",
        "/api/../metrics",
        "/api/%2e%2e/metrics",
        "/api/%C3%A4",
    ],
)
async def test_the_application_is_asked_what_was_asked(pages: str, target: str) -> None:
    _, body = await ask(pages, target)
    assert f'"target":"{target}"' in body


async def test_headers_pass_but_those_of_the_connection_and_what_a_caller_says_of_its_address(pages: str) -> None:
    sent = ("Authorization: Bearer token", "Cookie: a=1", "X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https")
    head, body = await ask(pages, "/api/login", *sent, "Content-Length: 4", method="POST", body="body")
    assert head.startswith("HTTP/1.1 418 ")
    assert "x-answer: kept" in head
    assert '"body":"body"' in body
    headers = body.partition('"headers":{')[2].partition("}")[0]
    assert '"authorization":"Bearer token"' in headers
    assert '"cookie":"a=1"' in headers
    assert '"x-forwarded-for":"127.0.0.1","x-forwarded-proto":"http"' in headers
    assert not any(name in headers for name in ("accept-encoding", "user-agent", "content-type", "203.0.113.7"))


async def test_a_body_over_the_limit_is_refused_here(pages: str) -> None:
    head, _ = await ask(pages, "/api/login", f"Content-Length: {MAXIMUM_BODY_BYTES + 1}", method="POST")
    assert head.startswith("HTTP/1.1 413 ")


async def test_an_application_that_is_away_is_told_without_its_address(serve: Serve) -> None:
    async with dashboards("http://127.0.0.1:1", "http://localhost:8000", []) as site:
        head, body = await ask(await serve(site), "/api/session")
    assert head.startswith("HTTP/1.1 502 ")
    assert body == '{"error":"The application does not answer; try again in a moment."}'
