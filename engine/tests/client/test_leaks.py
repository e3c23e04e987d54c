"""What a connection leaves behind: nothing, not even work for the collector."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import subprocess
import sys
from collections import Counter

import pytest

from hubwire.client import HubConnection

from .conftest import Conformance, until

OURS = ("hubwire.client", "aiohttp.client.", "aiohttp.connector.")
"""What aiohttp keeps below that is its own: an answer that breaks off leaves it a cycle of three objects."""


def alive() -> Counter[str]:
    """Objects of the client, and the sessions and connections it opened, by class."""
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in map(type, gc.get_objects()))
    return Counter(name for name in names if name.startswith(OURS))


@pytest.mark.parametrize("transport", ["WebSockets", "ServerSentEvents", "LongPolling"])
async def test_an_ended_connection_leaves_nothing(conformance: Conformance, transport: str) -> None:
    async def connect() -> None:
        connection = HubConnection(conformance.url, transports=[transport])
        connection.on("Message", lambda _: None)
        async with connection:
            assert await connection.invoke("Echo", 1) == 1
            assert [item async for item in connection.stream("Stream")] == ["a", "b", "c"]

    await connect()  # what is kept once and for all
    tasks = len(asyncio.all_tasks())
    gc.collect()
    before = alive()
    gc.disable()
    try:
        for _ in range(3):
            await connect()
        with contextlib.suppress(TimeoutError):
            await until(lambda: alive() <= before)
        assert alive() - before == Counter()
    finally:
        gc.enable()
    assert len(asyncio.all_tasks()) == tasks


@pytest.mark.parametrize("transport", ["WebSockets", "ServerSentEvents", "LongPolling"])
def test_a_program_that_forgets_to_stop_ends_without_a_word(conformance: Conformance, transport: str) -> None:
    program = f"""
import asyncio
from hubwire.client import AutomaticReconnect, HubConnection

async def main():
    asyncio.get_running_loop().slow_callback_duration = 60  # else a slow machine has a word to say
    connection = HubConnection({conformance.url!r}, transports=[{transport!r}], reconnect=AutomaticReconnect())
    await connection.start()
    asyncio.create_task(connection.invoke("HoldCancellable", "for ever"))
    print(await connection.invoke("Echo", "done"))

asyncio.run(main())
"""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
