"""Nothing is lost, doubled or out of order when our process or the shop's server is killed at any moment."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from app.tests.opencart.capture.killing import Stored, caught_up, make_world, sell
from app.tests.opencart.mariadb import WITH_LOG, MariaDBProcess, mariadb_process
from app.tests.opencart.raw import RawMariaDB
from app.tests.opencart.world import World
from app.tests.program import SLOWNESS

ROUNDS = int(os.environ.get("CAPTURE_KILL_ROUNDS", "5"))
CATCH_UP_SECONDS = 60 * SLOWNESS


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDBProcess]:
    with mariadb_process(WITH_LOG) as process:
        yield process


@pytest.fixture(params=["polling", "binlog"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def world(server: MariaDBProcess, way: str) -> AsyncIterator[World]:
    """A shop whose server keeps, by a trigger, every quantity that was ever committed."""
    world = await make_world(server, f"killed_{way}")
    yield world
    await world.raw.close()


@asynccontextmanager
async def following(world: World, stored: Stored, way: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process, killed at the end if it was not before."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.tests.opencart.capture.process", world.url, stored.url, way)
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_rounds_of_kills(server: MariaDBProcess, world: World, way: str, tmp_path: Path) -> None:
    stored = Stored(tmp_path / "state.sqlite")
    chance = random.Random(7)  # noqa: S311 - test data
    async with following(world, stored, way):
        async with asyncio.timeout(CATCH_UP_SECONDS):
            while not stored.is_begun(way):  # noqa: ASYNC110 - another process's table
                await asyncio.sleep(0.05)
    for number in range(ROUNDS):
        stop = asyncio.Event()
        async with following(world, stored, way) as process:
            selling = asyncio.create_task(sell(world, chance, stop))
            await asyncio.sleep(chance.uniform(0.5, 2.5))  # the moment of the kill is random on purpose
            if number % 3 != 0:
                server.kill()
            if number % 3 != 1:
                process.kill()
            stop.set()
            await selling
            if number % 3 != 0:
                await asyncio.to_thread(server.start)
                world.raw = await RawMariaDB.open(server.server, world.url.rpartition("/")[2])
            if number % 3 == 1:
                # The same process goes on.
                await caught_up(world, stored, all_values=way == "binlog", seconds=CATCH_UP_SECONDS)
    async with following(world, stored, way):
        await caught_up(world, stored, all_values=way == "binlog", seconds=CATCH_UP_SECONDS)
    assert sum(map(len, stored.stock().values())) > ROUNDS
