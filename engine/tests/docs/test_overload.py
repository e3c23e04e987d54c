"""The page "Overload" is true; its JavaScript is run by app/tests/docs/test_hub_pages.py."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from engine.tests.docs.pages import HOW_TO, run_page
from engine.tests.docs.socket_client import connected
from websockets.exceptions import InvalidStatus

import hubwire
from hubwire.testing import FakeClock, serving

PING = {"type": 6}


@pytest.fixture
def page() -> dict[str, Any]:
    return run_page(HOW_TO / "overload.md")


async def test_those_who_are_in_are_served_while_newcomers_are_refused(page: dict[str, Any]) -> None:
    # With a clock that stands still: each quarter of a second the server finds out anew that its loop is not late.
    server = hubwire.HubServer(page["options"], clock=FakeClock())
    server.add(page["PricesHub"], path="/prices")
    async with serving(server) as address, connected(f"{address}/prices") as client:
        for _ in range(2):
            server.endpoint.table.gate.lateness.note(0.5)
        with pytest.raises(InvalidStatus) as refused:
            async with connected(f"{address}/prices"):
                pass
        assert refused.value.response.status_code == 503
        assert int(refused.value.response.headers["Retry-After"]) >= 5
        assert await client.call("Echo", 1) == 1


async def test_a_client_that_does_not_stop_is_closed_with_the_name_of_the_option(page: dict[str, Any]) -> None:
    clock = FakeClock()
    server = hubwire.HubServer(page["options"], clock=clock)
    server.add(page["PricesHub"], path="/prices", options=hubwire.HubOptions(messages_per_second=100))
    async with serving(server) as address, connected(f"{address}/prices") as client:
        await client.send(*[PING] * 5000)
        for _ in range(130):
            await clock.until_sleeping()
            clock.advance(0.25)
            await asyncio.sleep(0)
        close = await client.receive(7)
        assert close["allowReconnect"] is True
        assert "HubOptions.messages_per_second" in close["error"]
