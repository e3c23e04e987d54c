"""Probes: alive, and ready only while everything holds."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from app.tests.conftest import Serve
from starlette.applications import Starlette

from meschain.http import health
from meschain.http.health import Check, Health


async def _holds() -> None:
    return


async def _breaks() -> None:
    raise ConnectionError("mysql://user:geheim@host")


async def _hangs() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("check", "status", "word"), [(_holds, 200, "ok"), (_breaks, 503, "failed"), (_hangs, 503, "failed")]
)
async def test_ready_names_each_check_and_no_reason(
    serve: Serve,
    http: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
    check: Check,
    status: int,
    word: str,
) -> None:
    monkeypatch.setattr(health, "CHECK_TIMEOUT_SECONDS", 0.2)
    base = await serve(Starlette(routes=Health({"shop": check, "database": _holds}).routes()))
    async with http.get(f"{base}/readyz") as answer:
        assert answer.status == status
        body = await answer.json()
    assert body["checks"] == {"shop": word, "database": "ok"}
    assert "geheim" not in str(body)
    async with http.get(f"{base}/healthz") as answer:
        assert answer.status == 200
