"""The page "Raw connections" is true; its JavaScript is run by app/tests/docs/test_hub_pages.py."""

from __future__ import annotations

from typing import Any

import pytest
from engine.tests.docs.pages import HOW_TO, run_page
from websockets.asyncio.client import connect

from hubwire.testing import serving


@pytest.fixture
def page() -> dict[str, Any]:
    return run_page(HOW_TO / "raw-connections.md")


async def test_lines_are_answered_however_they_are_cut(page: dict[str, Any]) -> None:
    async with (
        serving(page["server"]) as address,
        connect(f"{address.replace('http', 'ws')}/lines", proxy=None) as client,
    ):
        for piece in ("he", "llo\nwor", "ld\n"):
            await client.send(piece)
        received = ""
        while received.count("\n") < 2:
            received += str(await client.recv())
        assert received == "HELLO\nWORLD\n"


async def test_bytes_go_out_as_bytes(page: dict[str, Any]) -> None:
    async with (
        serving(page["server"]) as address,
        connect(f"{address.replace('http', 'ws')}/echo", proxy=None) as client,
    ):
        await client.send(b"\xff\x00")
        assert await client.recv() == b"\xff\x00"
