"""What guards every answer: headers, Host allow-list, body limit, and the names under which we are reached."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from app.tests.conftest import Serve
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from meschain.http.own_names import own_hosts, own_origins
from meschain.http.security import AllowedHosts, BodyLimit, SecurityHeaders, host_name, security_headers
from meschain.settings import Settings


async def _answer(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())), headers={"x-frame-options": "SAMEORIGIN"})


SITE = Starlette(routes=[Route("/", _answer, methods=["GET", "POST"]), Route("/healthz", _answer)])


def test_pages_run_nothing_inline_and_talk_to_the_public_address_only() -> None:
    policy = security_headers("https://shop.example.com")["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "connect-src 'self' https://shop.example.com wss://shop.example.com" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_strict_transport_is_for_https_only() -> None:
    assert "strict-transport-security" in security_headers("https://shop.example.com")
    assert "strict-transport-security" not in security_headers("http://localhost:8000")


async def test_headers_are_on_each_answer_and_a_route_may_set_its_own(
    serve: Serve, http: aiohttp.ClientSession
) -> None:
    base = await serve(SecurityHeaders(SITE, security_headers("http://localhost:8000")))
    for path in ("/", "/missing"):
        async with http.get(base + path) as answer:
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "content-security-policy" in answer.headers
    async with http.get(f"{base}/") as answer:
        assert answer.headers.getall("x-frame-options") == ["SAMEORIGIN"]


@pytest.mark.parametrize(
    ("host", "status"),
    [("shop.example.com", 200), ("SHOP.example.com:8000", 200), ("evil.example.com", 400), ("", 400), ("a]b[", 400)],
)
async def test_foreign_hosts_are_refused(serve: Serve, http: aiohttp.ClientSession, host: str, status: int) -> None:
    base = await serve(AllowedHosts(SITE, frozenset({"shop.example.com"}), frozenset({"/healthz"})))
    async with http.get(f"{base}/", headers={"Host": host}) as answer:
        assert answer.status == status
    async with http.get(f"{base}/healthz", headers={"Host": host}) as answer:
        assert answer.status == 200


def test_a_host_header_is_taken_apart() -> None:
    assert host_name("[::1]:8000") == "[::1]"
    assert host_name("LOCALHOST:1") == "localhost"
    assert host_name("a:b:c") == "a"


class TestBodyLimit:
    @pytest.fixture
    async def base(self, serve: Serve) -> str:
        return await serve(Starlette(routes=SITE.routes, middleware=[Middleware(BodyLimit, limit_bytes=100)]))

    async def test_a_body_up_to_the_limit_passes(self, base: str, http: aiohttp.ClientSession) -> None:
        async with http.post(f"{base}/", data=b"x" * 100) as answer:
            assert (answer.status, await answer.text()) == (200, "100")

    async def test_a_longer_one_is_refused_by_its_declared_length(self, base: str, http: aiohttp.ClientSession) -> None:
        async with http.post(f"{base}/", data=b"x" * 101) as answer:
            assert answer.status == 413
            assert "the limit is 100 bytes" in (await answer.json())["error"]

    async def test_a_longer_one_without_a_length_is_refused_while_it_arrives(
        self, base: str, http: aiohttp.ClientSession
    ) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b"x" * 50
                await asyncio.sleep(0)

        async with http.post(f"{base}/", data=chunks()) as answer:
            assert answer.status == 413


class TestOwnNames:
    def test_this_machines_names_count_while_it_listens_on_loopback(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path, port=8000, allowed_origins=("https://admin.example.com",))
        assert own_origins(settings) == {
            "https://admin.example.com",
            "http://localhost:8000",
            "http://127.0.0.1:8000",
            "http://[::1]:8000",
        }
        assert own_hosts(settings) == {"localhost", "127.0.0.1", "[::1]"}

    def test_behind_a_public_address_only_that_is_our_origin(self, tmp_path: Path) -> None:
        settings = Settings(
            data_dir=tmp_path, host="0.0.0.0", public_url="https://live.example.com", allowed_hosts=("live.internal",)
        )
        assert own_origins(settings) == {"https://live.example.com"}
        assert own_hosts(settings) == {"live.example.com", "live.internal", "localhost", "127.0.0.1", "[::1]"}

    def test_an_ipv6_address_stands_in_brackets(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path, host="fd00::1", public_url="http://[fd00::1]:8000")
        assert "[fd00::1]" in own_hosts(settings)
