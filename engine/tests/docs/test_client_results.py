"""The page "Ask clients for an answer" is true; its JavaScript is run by app/tests/docs/test_hub_pages.py."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from engine.tests.docs.pages import HOW_TO, run_page
from engine.tests.docs.socket_client import SocketClient, connected

import hubwire
from hubwire.errors import ClientResultTimeout
from hubwire.testing import FakeClock, serving

SIT = {"type": 1, "invocationId": "1", "target": "Sit", "arguments": []}


@pytest.fixture
def page() -> dict[str, Any]:
    return run_page(HOW_TO / "client-results.md")


async def answer(client: SocketClient, **fields: object) -> list[object]:
    """Answer the next question; returns its arguments."""
    question = await client.receive(1)
    await client.send({"type": 3, "invocationId": question["invocationId"], **fields})
    arguments: list[object] = question["arguments"]
    return arguments


async def test_the_caller_is_asked_and_answers(page: dict[str, Any]) -> None:
    async with serving(page["server"]) as address, connected(f"{address}/table") as client:
        await client.send(SIT)
        assert await answer(client, result=5) == [[2, 3, 5]]
        assert (await client.receive(3))["result"] == "seat 5"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"error": "no seat is free"}, "HubException: no seat is free"),
        ({"result": "five"}, "HubException: The client's result of 'ChooseSeat' is not of the expected type."),
    ],
)
async def test_what_the_client_does_wrong_reaches_the_caller(
    page: dict[str, Any], fields: dict[str, object], words: str
) -> None:
    async with serving(page["server"]) as address, connected(f"{address}/table") as client:
        await client.send(SIT)
        await answer(client, **fields)
        assert (await client.receive(3))["error"].endswith(words)


async def test_somebody_outside_asks_and_gets_none_from_nobody(page: dict[str, Any]) -> None:
    async with serving(page["server"]):
        assert await page["seat_or_none"]("nobody") is None


async def test_no_answer_in_time_is_told(page: dict[str, Any]) -> None:
    clock = FakeClock()
    server = hubwire.HubServer(clock=clock)
    server.add(page["TableHub"], path="/table")
    async with serving(server) as address, connected(f"{address}/table"):
        (connection,) = server.endpoint.connections.values()
        one = server.context(page["TableHub"]).clients.client(connection.caller.connection_id)
        asked = asyncio.create_task(one.choose_seat([1]))
        for _ in range(62):
            await clock.until_sleeping()
            clock.advance(1)
            await asyncio.sleep(0)
        with pytest.raises(ClientResultTimeout, match="within 60 s"):
            await asked
