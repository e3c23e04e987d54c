"""Servers for the client: the conformance server on a real socket, and one that does whatever a test scripts."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop

from hubwire.testing import FakeClock
from hubwire.testing.server import LISTENING

from .fake_server import FakeServer

TIMEOUT_SECONDS = 30.0


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Callable[[], Any]]:
    """The server of these tests is fastest on the loop that serves it in production."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that waits for nothing fails: pytest cannot interrupt this loop while nothing happens in it."""
    here = Path(__file__).parent
    for item in items:
        if isinstance(item, pytest.Function) and here in item.path.parents and inspect.iscoroutinefunction(item.obj):
            item.obj = _limited(item.obj)


def _limited(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Coroutine[Any, Any, None]]:
    @functools.wraps(test)
    async def limited(*arguments: Any, **named: Any) -> None:
        async with asyncio.timeout(3 * TIMEOUT_SECONDS):
            await test(*arguments, **named)

    return limited


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until the condition holds; for states that nobody announces."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not condition():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0)


class Calls:
    """A handler or callback that remembers what it was called with; a test waits for it."""

    def __init__(self, result: object = None) -> None:
        self.received: list[Any] = []
        self._result = result

    def __call__(self, *arguments: Any) -> Any:
        self.received.append(arguments[0] if len(arguments) == 1 else arguments)
        return self._result

    async def until(self, count: int = 1) -> list[Any]:
        """Return what came, once there is that much."""
        await until(lambda: len(self.received) >= count)
        return self.received


@dataclass(frozen=True)
class Conformance:
    """A running conformance server."""

    address: str

    @property
    def url(self) -> str:
        """The hub that has everything."""
        return f"{self.address}/testhub"

    async def page(self, path: str) -> str:
        """One of its pages."""
        async with aiohttp.ClientSession() as session, session.get(self.address + path) as response:
            return await response.text()

    async def events(self, connection_id: str | None, until: str) -> list[str]:
        """What happened to a connection, once that has."""
        events: list[str] = json.loads(await self.page(f"/events/{connection_id}?until={until}"))
        return events


@pytest.fixture(scope="session")
def conformance() -> Iterator[Conformance]:
    """One for all tests, in a process of its own as its users run it."""
    command = [sys.executable, "-m", "hubwire.testing.server", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield Conformance(server.stdout.readline().removeprefix(LISTENING).strip())
        finally:
            server.terminate()


@pytest.fixture
async def fake() -> AsyncIterator[FakeServer]:
    async with FakeServer() as server:
        yield server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
