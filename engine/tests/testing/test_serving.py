"""The server for tests: it answers while inside, and is gone after."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect

from hubwire import Hub, HubServer, ServerOptions, hub_method
from hubwire.testing import DidNotStart, serving


class EchoHub(Hub):
    @hub_method("Echo")
    async def echo(self, text: str) -> str:
        return text


def hubs() -> HubServer:
    server = HubServer(ServerOptions(drain_seconds=0))
    server.add(EchoHub, path="/echo")
    return server


@pytest.mark.parametrize("settings", [{}, {"http": "httptools"}])
async def test_a_hub_answers_while_inside_and_nobody_after(settings: dict[str, Any]) -> None:
    server = hubs()
    async with serving(server, **settings) as address:
        async with connect(f"{address.replace('http', 'ws')}/echo", proxy=None) as client:
            await client.send('{"protocol":"json","version":1}\x1e')
            await client.send('{"type":1,"invocationId":"1","target":"Echo","arguments":["hello"]}\x1e')
            await client.recv()
            text = str(await client.recv())
            assert json.loads(text.removesuffix("\x1e"))["result"] == "hello"
        was_running = server.is_running
    assert (was_running, server.is_running) == (True, False)
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))


async def test_leaving_ends_clients_that_stayed() -> None:
    async with serving(hubs()) as address:
        client = await connect(f"{address.replace('http', 'ws')}/echo", proxy=None)
    await client.wait_closed()


async def test_an_application_that_does_not_start_is_told() -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    with pytest.raises(DidNotStart):
        async with serving(hubs(), fails):
            pass


async def test_an_error_inside_comes_out() -> None:
    with pytest.raises(ZeroDivisionError):
        async with serving(hubs()):
            raise ZeroDivisionError
