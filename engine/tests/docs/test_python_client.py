"""The page "Connect from Python" is true."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from engine.tests.docs.pages import HOW_TO, run_page

from hubwire.client import AutomaticReconnect, HubConnection, RetryContext
from hubwire.testing import serving

PAGE = HOW_TO / "python-client.md"
TIMEOUT_SECONDS = 10.0


@pytest.fixture
def page() -> dict[str, Any]:
    return run_page(PAGE)


async def test_the_visit_prints_what_the_page_says(page: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    (expected,) = re.findall(r"^```text\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    async with serving(page["server"]) as address:
        await page["visit"](f"{address}/desk")
    assert capsys.readouterr().out == expected


async def test_the_callbacks_of_a_lost_connection_run(page: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    is_back = asyncio.Event()

    async def back(connection_id: str | None) -> None:
        await page["back"](connection_id)
        is_back.set()

    async with serving(page["server"]) as address:
        connection = HubConnection(f"{address}/desk", reconnect=AutomaticReconnect((0,)))
        page["connection"] = connection  # which the documented callbacks speak of
        connection.on_reconnecting(page["lost"])
        connection.on_reconnected(back)
        connection.on_closed(page["closed"])
        async with asyncio.timeout(TIMEOUT_SECONDS), connection:
            for served in list(page["server"].endpoint.connections.values()):
                served.abort()
            await is_back.wait()
    assert re.fullmatch(r"lost: .+\nclosed: None\n", capsys.readouterr().out)


def test_the_patient_policy_gives_up_after_an_hour(page: dict[str, Any]) -> None:
    assert [page["patient"](RetryContext(3, seconds, None)) for seconds in (0.0, 3599.0, 3600.0)] == [60.0, 60.0, None]
