"""The page "Errors" is true: what clients are told, caused and compared word for word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from engine.tests.docs.pages import REPOSITORY
from engine.tests.docs.socket_client import SocketClient, connected
from websockets.asyncio.client import connect

import hubwire
from hubwire.testing import FakeClock, serving

PAGE = (REPOSITORY / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
OPTIONS = hubwire.HubOptions(maximum_streams=1)
DETAILED = hubwire.HubOptions(detailed_errors=True)


class ShopHub(hubwire.Hub):
    async def connected(self) -> None:
        if self.context.request.query_value("refuse"):
            raise hubwire.HubError("The shop is closed.")

    @hubwire.hub_method("Sell")
    async def sell(self, product: str) -> None:
        raise hubwire.HubError("The shop is closed.") if product == "lamp" else ZeroDivisionError("secret")

    @hubwire.hub_method("Guarded")
    async def guarded(self) -> None:
        raise hubwire.Forbidden("not you")

    @hubwire.hub_method("Count")
    async def count(self, until: int = 0) -> AsyncIterator[int]:
        yield until
        await asyncio.Event().wait()

    @hubwire.hub_method("Breaks")
    async def breaks(self) -> AsyncIterator[int]:
        yield 1
        raise hubwire.HubError("The shop is closed.")

    @hubwire.hub_method("Abort")
    async def abort(self) -> None:
        await self.context.abort()


def server() -> hubwire.HubServer:
    server = hubwire.HubServer(hubwire.ServerOptions(drain_seconds=0))
    server.add(ShopHub, path="/shop", options=OPTIONS)
    server.add(ShopHub, path="/detailed", name="detailed", options=DETAILED)
    return server


def call(target: str, *arguments: object, kind: int = 1, **fields: object) -> dict[str, object]:
    return {"type": kind, "invocationId": "7", "target": target, "arguments": arguments, **fields}


DETAIL = " HubException: The shop is closed."


@pytest.mark.parametrize(
    ("messages", "text", "detail"),
    [
        ([call("Sell", "lamp")], "An unexpected error occurred invoking 'Sell' on the server.", DETAIL),
        ([call("Sell", "bulb")], "An unexpected error occurred invoking 'Sell' on the server.", ""),
        ([call("Breaks", kind=4)], "An error occurred on the server while streaming results.", DETAIL),
        (
            [call("Nothing")],
            "Failed to invoke 'Nothing' due to an error on the server. HubException: Method does not exist.",
            "",
        ),
        ([call("Sell")], "Failed to invoke 'Sell' due to an error on the server.", ""),
        ([call("Guarded")], "Failed to invoke 'Guarded' because user is unauthorized", ""),
        (
            [call("Count")],
            "The client attempted to invoke the streaming 'Count' method with a non-streaming invocation.",
            "",
        ),
        (
            [call("Sell", "lamp", kind=4)],
            "The client attempted to invoke the non-streaming 'Sell' method with a streaming invocation.",
            "",
        ),
        (
            [call("Sell", "lamp", streamIds=["u"])],
            "An unexpected error occurred invoking 'Sell' on the server. "
            "HubException: Client sent 1 stream(s), Hub method expects 0.",
            "",
        ),
        ([call("Count", kind=4), call("Count", kind=4)], "Invocation ID '7' is already in use.", ""),
        (
            [call("Count", kind=4), call("Count", kind=4) | {"invocationId": "8"}],
            "Failed to invoke 'Count' because the connection has too many streams, 1 at most.",
            "",
        ),
    ],
)
async def test_calls_fail_in_the_documented_words(messages: list[dict[str, object]], text: str, detail: str) -> None:
    async with serving(server()) as address, connected(f"{address}/shop") as client:
        await client.send(*messages)
        assert (await client.receive(3))["error"] == text + detail
    assert f"`{text}" in PAGE


async def test_details_are_told_when_asked_for() -> None:
    detail = " InvalidDataException: Invocation provides 0 argument(s) but target expects 1."
    async with serving(server()) as address, connected(f"{address}/detailed") as client:
        await client.send(call("Sell"))
        assert (await client.receive(3))["error"].endswith(detail)
        await client.send(call("Sell", "bulb"))
        assert (await client.receive(3))["error"].endswith(" ZeroDivisionError: secret")
    assert f"`{detail}`" in PAGE


@pytest.mark.parametrize(
    ("message", "close"),
    [
        ({"type": 1}, {"error": "Connection closed with an error.", "allowReconnect": True}),
        (call("Sell", "x" * 40_000), {"error": "Connection closed with an error.", "allowReconnect": True}),
        (call("Abort"), {}),
        ({"type": 7}, {}),
    ],
)
async def test_connections_end_in_the_documented_words(message: dict[str, object], close: dict[str, object]) -> None:
    async with serving(server()) as address, connected(f"{address}/shop") as client:
        await client.send(message)
        assert await client.receive(7) == {"type": 7, **close}


async def test_too_many_messages_end_a_connection_in_the_documented_words() -> None:
    clock = FakeClock()
    flooded = hubwire.HubServer(clock=clock)
    options = hubwire.HubOptions(messages_per_second=5, message_rate_timeout_seconds=1)
    flooded.add(ShopHub, path="/shop", options=options)
    async with serving(flooded) as address, connected(f"{address}/shop") as client:
        await client.send(*[{"type": 6}] * 100)
        for _ in range(10):
            await clock.until_sleeping()
            clock.advance(0.25)
            await asyncio.sleep(0)
        close = await client.receive(7)
    assert close["allowReconnect"] is True
    assert f"`{close['error']}`" in PAGE


async def test_a_failed_connect_may_not_be_repeated_but_a_stop_may() -> None:
    async with serving(server()) as address:
        async with connected(f"{address}/shop?refuse=1") as client:
            assert await client.receive(7) == {"type": 7, "error": "Connection closed with an error." + DETAIL}
        staying: list[SocketClient] = []
        stack = connected(f"{address}/shop")
        staying.append(await stack.__aenter__())
    assert await staying[0].receive(7) == {"type": 7, "allowReconnect": True}
    await stack.__aexit__(None, None, None)


@pytest.mark.parametrize(
    ("handshake", "text"),
    [
        ('{"protocol":"xml","version":1}', "The protocol 'xml' is not supported."),
        ('{"protocol":"json","version":9001}', "The server does not support version 9001 of the 'json' protocol."),
        ("{}", "An unexpected error occurred during connection handshake."),
        ("x" * 40_000, "Handshake was canceled."),
    ],
)
async def test_handshakes_fail_in_the_documented_words(handshake: str, text: str) -> None:
    async with serving(server()) as address, connect(f"{address.replace('http', 'ws')}/shop", proxy=None) as client:
        await client.send(handshake + "\x1e")
        answer: Any = await client.recv()
    assert answer == f'{{"error":"{text}"}}\x1e'
    assert f"`{text}" in PAGE
