"""The page "Run several processes" is true."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

from engine.tests.brokers.redis_server import RedisServer, redis_server
from engine.tests.docs.pages import HOW_TO, REPOSITORY, run_page
from engine.tests.docs.socket_client import TIMEOUT_SECONDS, connected
from engine.tests.free_ports import free_port

from hubwire.testing import serving

PAGE = HOW_TO / "several-processes.md"


def page(redis_url: str) -> dict[str, Any]:
    return run_page(PAGE, replace={"redis://127.0.0.1:6379/0": redis_url})


def process(redis: RedisServer) -> dict[str, Any]:
    return page(redis.url)


async def test_clients_of_two_processes_hear_each_other_and_are_told_to_refresh_after_an_outage() -> None:
    async with redis_server() as redis:
        one, other = process(redis), process(redis)
        async with (
            serving(one["server"]) as first,
            serving(other["server"]) as second,
            connected(f"{first}/news") as ann,
            connected(f"{second}/news") as bob,
        ):
            assert one["is_ready"]() == (200, "ready")
            await ann.call("Tell", "hello")
            assert await bob.called() == ("Told", ["hello"])
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while one["connections_of_all"]() < 2:  # noqa: ASYNC110 - announced every 2 s
                    await asyncio.sleep(0.05)
            await redis.kill()
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while one["is_ready"]()[0] == 200:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.01)
            assert "broker is away" in one["is_ready"]()[1]
            await redis.start()
            assert await bob.called() == ("Refresh", [])


PROGRAM = """
import hubwire
from engine.tests.docs.test_several_processes import page

hubwire.run(page({redis!r})["build"], workers=2, port={port}, log_level="warning")
"""


async def test_workers_of_the_page_share_a_port() -> None:
    port = free_port()
    async with redis_server() as redis:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM.format(redis=redis.url, port=port), cwd=REPOSITORY
        )
        try:
            await listening(port)
            address = f"http://127.0.0.1:{port}/news"
            async with connected(address) as ann, connected(address) as bob, connected(address) as eve:
                await ann.call("Tell", "hello")
                for each in (bob, eve):
                    assert await each.called() == ("Told", ["hello"])
        finally:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                assert await process.wait() == 0


async def listening(port: int) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)  # it tells nobody when it listens
            else:
                writer.close()
                return
