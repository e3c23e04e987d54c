"""The page "Stream both ways" is true; its JavaScript is run by app/tests/docs/test_hub_pages.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from engine.tests.docs.pages import HOW_TO, run_page
from engine.tests.docs.socket_client import TIMEOUT_SECONDS, SocketClient, connected

import hubwire
from hubwire.testing import serving


@pytest.fixture
def page() -> dict[str, Any]:
    return run_page(HOW_TO / "streaming.md")


async def until(condition: Callable[[], object]) -> None:
    """Return when it holds; the documented programs tell nobody."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def stream(client: SocketClient, target: str, *arguments: object, stream_ids: tuple[str, ...] = ()) -> None:
    await client.send(
        {"type": 4, "invocationId": target, "target": target, "arguments": arguments, "streamIds": stream_ids}
    )


async def upload(client: SocketClient, stream_id: str, *items: object, error: str | None = None) -> None:
    end = {"type": 3, "invocationId": stream_id} | ({} if error is None else {"error": error})
    await client.send(*({"type": 2, "invocationId": stream_id, "item": item} for item in items), end)


async def test_a_cancelled_stream_cleans_up(page: dict[str, Any]) -> None:
    async with serving(page["server"]) as address, connected(f"{address}/market") as client:
        await stream(client, "Prices")
        await client.call("Offer", {"product": "lamp", "cents": 5})
        assert (await client.receive(2))["item"] == {"product": "lamp", "cents": 5}
        assert len(page["listeners"]) == 1
        await client.send({"type": 5, "invocationId": "Prices"})
        assert await client.receive(3) == {"type": 3, "invocationId": "Prices"}
        assert page["listeners"] == set()


async def test_a_client_that_leaves_cancels_its_streams(page: dict[str, Any]) -> None:
    async with serving(page["server"]) as address:
        async with connected(f"{address}/market") as client:
            await stream(client, "Prices")
            await client.call("Offer", {"product": "lamp", "cents": 5})
            assert page["listeners"]
        await until(lambda: not page["listeners"])


async def test_uploads_end_with_a_value_or_with_words(page: dict[str, Any]) -> None:
    call = {"type": 1, "invocationId": "1", "target": "Average", "arguments": [], "streamIds": ["up"]}
    async with serving(page["server"]) as address, connected(f"{address}/lab") as client:
        await client.send(call)
        await upload(client, "up", 1, 2, 6)
        assert (await client.receive(3))["result"] == 3
        for items, error, words in (
            ((), None, "An average needs numbers."),
            ((1,), "Something bad", "Something bad"),
            (("one",), None, "Failed to bind Stream message."),
        ):
            await client.send(call)
            await upload(client, "up", *items, error=error)
            assert (await client.receive(3))["error"].endswith(f"HubException: {words}")


async def test_streams_in_and_out_at_once(page: dict[str, Any]) -> None:
    async with serving(page["server"]) as address, connected(f"{address}/lab") as client:
        await stream(client, "Above", 2.5, stream_ids=("up",))
        await client.send({"type": 2, "invocationId": "up", "item": 1}, {"type": 2, "invocationId": "up", "item": 3})
        assert (await client.receive(2))["item"] == 3
        await upload(client, "up", 4)
        assert (await client.receive(2))["item"] == 4
        assert await client.receive(3) == {"type": 3, "invocationId": "Above"}


async def test_a_cancellable_method_ends_when_its_caller_cancels_or_leaves(page: dict[str, Any]) -> None:
    async with serving(page["server"]) as address:
        for is_cancelled in (True, False):
            async with connected(f"{address}/reports") as client:
                await client.send({"type": 1, "invocationId": "1", "target": "Report", "arguments": [2025]})
                await until(lambda: page["running"] == {2025})
                if is_cancelled:
                    await client.send({"type": 5, "invocationId": "1"})
                    assert (await client.receive(3))["invocationId"] == "1"
            await until(lambda: not page["running"])


async def test_too_many_streams_are_refused_in_the_documented_words(page: dict[str, Any]) -> None:
    server = hubwire.HubServer()
    server.add(page["MarketHub"], path="/market", options=hubwire.HubOptions(maximum_streams=1))
    async with serving(server) as address, connected(f"{address}/market") as client:
        await stream(client, "Prices")
        await client.send({"type": 4, "invocationId": "2", "target": "Prices", "arguments": []})
        text = "Failed to invoke 'Prices' because the connection has too many streams, 1 at most."
        assert await client.receive(3) == {"type": 3, "invocationId": "2", "error": text}
        assert "too many streams, 100 at most." in (HOW_TO / "streaming.md").read_text(encoding="utf-8")
        assert hubwire.HubOptions().maximum_streams == 100
