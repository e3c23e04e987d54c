"""Pages of other origins: those on the list may read every answer, errors and preflights included; others none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from app.tests.conftest import Site, running_site

FRIEND = "https://admin.example.com"
STRANGER = "https://evil.example.com"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running_site(tmp_path / "data", allowed_origins=(FRIEND,)) as site:
        yield site


async def headers_of(site: Site, method: str, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with site.http.request(method, f"{site.url}{path}", headers=given) as answer:
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}


ANSWERS = (
    ("GET", "/api/info", 200),
    ("GET", "/api/session", 401),
    ("GET", "/api/nothing", 404),
    ("POST", "/api/login", 415),
    ("POST", "/api/negotiate?negotiateVersion=1", 401),
)


async def test_errors_can_be_read_by_a_page_on_the_list(site: Site) -> None:
    for method, path, expected in ANSWERS:
        status, headers = await headers_of(site, method, path, Origin=FRIEND)
        assert status == expected, path
        assert headers["access-control-allow-origin"] == FRIEND
        assert headers["access-control-allow-credentials"] == "true"
        assert "origin" in headers["vary"].lower()


async def test_no_answer_is_for_a_stranger(site: Site) -> None:
    for method, path, _ in ANSWERS:
        for origin in (STRANGER, "null", f"{FRIEND}.evil.com"):
            _, headers = await headers_of(site, method, path, Origin=origin)
            assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "header", ["authorization", "x-user-id", "x-user-role", "x-signalr-user-agent", "content-type"]
)
async def test_preflights(site: Site, header: str) -> None:
    asked = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": header}
    status, headers = await headers_of(site, "OPTIONS", "/api/negotiate", Origin=FRIEND, **asked)
    assert status == 200
    assert headers["access-control-allow-origin"] == FRIEND
    assert header in headers["access-control-allow-headers"].lower()
    status, headers = await headers_of(site, "OPTIONS", "/api/negotiate", Origin=STRANGER, **asked)
    assert status == 400
    assert "access-control-allow-origin" not in headers
