"""Every program in examples/ runs, and prints what its first line promises."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from engine.tests.azure.rest_pair import rest_service
from engine.tests.docs.pages import REPOSITORY
from engine.tests.docs.socket_client import connected
from engine.tests.free_ports import free_port

from hubwire.testing import MemoryLine, make_caller

EXAMPLES = REPOSITORY / "examples"
TIMEOUT_SECONDS = 30
RUN = {
    "azure/publisher.py",
    "background/clock.py",
    "chat/client.py",
    "chat/server.py",
    "streaming/both_ways.py",
    "worker/server.py",
    "worker/worker.py",
}


async def output_of(name: str, *arguments: str, **variables: str) -> list[str]:
    """The lines that a program prints; it must end well."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLES / name), *arguments),
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(TIMEOUT_SECONDS):
        printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()
    return printed.decode().splitlines()


@asynccontextmanager
async def running(name: str, **variables: str) -> AsyncIterator[str]:
    """A program that serves; yields its address once it answers."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLES / name)),
        env={**os.environ, "PORT": str(port), **variables},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                except OSError:
                    assert process.returncode is None
                    await asyncio.sleep(0.05)  # another process has no condition to wait for
            writer.close()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def test_the_client_of_the_chat_prints_what_the_room_hears() -> None:
    async with running("chat/server.py") as address:
        printed = await output_of("chat/client.py", URL=f"{address}/chat")
    assert printed[:2] == ["sent 5 letters", "ann: hello"]
    assert printed[2].endswith("An empty message is not sent.")


async def test_sums_come_back_while_numbers_are_sent() -> None:
    printed = await output_of("streaming/both_ways.py")
    assert [line for line in printed if line.startswith("sum")] == ["sum 1", "sum 3", "sum 6.5"]
    assert printed.index("sum 1") < printed.index("sum 6.5")


async def test_the_worker_beside_the_hub_is_heard() -> None:
    printed = await output_of("background/clock.py")
    assert len(printed) == 3
    assert all(re.fullmatch(r"it is \d\d:\d\d:\d\d", line) for line in printed)


async def test_the_worker_of_another_process_reaches_the_clients() -> None:
    secret = secrets.token_urlsafe(16)
    async with running("worker/server.py", WORKER_SECRET=secret) as address, connected(f"{address}/news") as client:
        with pytest.raises(RuntimeError, match="because user is unauthorized"):
            await client.call("Announce", "I am the worker")
        printed = await output_of("worker/worker.py", "tea", "time", URL=f"{address}/news", WORKER_SECRET=secret)
        assert printed == ["announced: tea time"]
        assert await client.called() == ("News", ["tea time"])


async def test_the_publisher_reaches_the_clients_of_a_service() -> None:
    async with rest_service() as (connection_string, plane):
        lines = [MemoryLine(make_caller(user, connection_id=user)) for user in ("ann", "bob")]
        for line in lines:
            plane.registry.attach(line)
        printed = await output_of("azure/publisher.py", "milk", AZURE_SIGNALR_CONNECTION_STRING=connection_string)
        assert printed == ["published: milk costs 4.5"]
        assert [len(line.received) for line in lines] == [2, 1]


def test_every_example_is_run_and_says_what_it_shows() -> None:
    programs = {path.relative_to(EXAMPLES).as_posix(): path for path in EXAMPLES.rglob("*.py")}
    assert programs.keys() == RUN
    assert all(path.read_text(encoding="utf-8").startswith('"""Shows ') for path in programs.values())
