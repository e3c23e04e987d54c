"""The page "Send from outside of a hub" is true."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from engine.tests.docs.pages import HOW_TO, run_page
from engine.tests.docs.socket_client import TIMEOUT_SECONDS, connected
from engine.tests.free_ports import free_port

from hubwire.testing import serving

PAGE = HOW_TO / "background-sending.md"
Stop = Callable[[], None]


@pytest.fixture
def page() -> dict[str, Any]:
    return run_page(PAGE)


@pytest.fixture
def stop_by_sigterm() -> Iterator[Stop]:
    """Sends the signal that ends a server; uvicorn passes it on when it is done, which must not end the tests."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    yield lambda: signal.raise_signal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, before)


async def listening(port: int) -> None:
    """Return when somebody accepts there; the documented program tells nobody."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return


async def posted(address: str, body: bytes) -> bytes:
    """The first line of the answer to a POST."""
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /internal/rates HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    line = await reader.readline()
    writer.close()
    return line


async def test_the_worker_tells_what_the_route_was_given(page: dict[str, Any]) -> None:
    async with serving(page["server"], page["app"]) as address, connected(f"{address}/rates") as client:
        assert b" 202 " in await posted(address, b'{"EUR": 1.08}')
        assert await client.called() == ("Rates", [{"EUR": 1.08}])


async def test_a_thread_sends_by_the_documented_lines(page: dict[str, Any]) -> None:
    async with serving(page["server"]) as address, connected(f"{address}/rates") as client:
        thread = threading.Thread(target=page["tell_from_thread"], args=(asyncio.get_running_loop(), {"TRY": 0.03}))
        thread.start()
        assert await client.called() == ("Rates", [{"TRY": 0.03}])
        await asyncio.to_thread(thread.join)


async def test_the_server_alone_runs_beside_the_worker(page: dict[str, Any], stop_by_sigterm: Stop) -> None:
    port = free_port()
    running = asyncio.create_task(page["main"](port))
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await listening(port)
        async with connected(f"http://127.0.0.1:{port}/rates") as client:
            await page["news"].put({"EUR": 1.09})
            assert await client.called() == ("Rates", [{"EUR": 1.09}])
        stop_by_sigterm()
        await running
