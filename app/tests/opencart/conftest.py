"""Shops on real databases: each test gets its own, in SQLite or on a MariaDB that the session started."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from app.tests.opencart.clock import ManualClock
from app.tests.opencart.mariadb import WITH_LOG, MariaDB, running_mariadb
from app.tests.opencart.raw import Raw, RawMariaDB, RawSQLite
from app.tests.opencart.world import World

from meschain.opencart.connection import ShopDatabase
from meschain.opencart.demo.shop import DemoShop
from meschain.opencart.schema import Version, created_tables, shop_tables

MakeWorld = Callable[..., Awaitable[World]]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    with running_mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_with_log() -> Iterator[MariaDB]:
    """One whose binary log can be followed."""
    with running_mariadb(WITH_LOG) as server:
        yield server


@pytest.fixture
async def make_world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MakeWorld]:
    """Makes shops: `await make_world("mariadb", Version.V4_1)`; also on "sqlite" and "mariadb_with_log"."""
    worlds: list[World] = []

    async def make(
        backend: str, version: Version, *, prefix: str = "oc_", with_meschain: bool = True, basics: bool = True
    ) -> World:
        raw: Raw
        number = next(_numbers)
        if backend == "sqlite":
            path = tmp_path / f"shop{number}.sqlite"
            url = f"sqlite:///{path}"
            raw = RawSQLite(path)
        else:
            server: MariaDB = request.getfixturevalue(backend)
            root = await RawMariaDB.open(server)
            await root.run(f"CREATE DATABASE shop{number} CHARACTER SET utf8mb4")
            await root.close()
            url = server.url(f"shop{number}")
            raw = await RawMariaDB.open(server, f"shop{number}")
        tables = shop_tables(prefix, version)
        writer = ShopDatabase(url, prefix=prefix, version=version, read_only=False)
        async with writer.begin() as connection:
            await connection.run_sync(tables.metadata.create_all, created_tables(tables, with_meschain=with_meschain))
        await writer.close()
        world = World(version, prefix, url, raw)
        worlds.append(world)
        if basics:
            await world.basics()
        return world

    yield make
    for world in worlds:
        for database in world.opened:
            await database.close()
        await world.raw.close()


@pytest.fixture(params=["sqlite", "mariadb"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=list(Version), ids=str)
def version(request: pytest.FixtureRequest) -> Version:
    return Version(request.param)


@pytest.fixture
async def world(make_world: MakeWorld, backend: str, version: Version) -> World:
    """The same test on three schemas and two databases."""
    return await make_world(backend, version)


@pytest.fixture
async def shop_4_1(make_world: MakeWorld, backend: str) -> World:
    """The same test on two databases."""
    return await make_world(backend, Version.V4_1)


@pytest.fixture
def demo_clock() -> ManualClock:
    return ManualClock(jump=True)


@pytest.fixture(scope="session")
def demo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo shop's database, made once; tests open copies of it."""
    path = tmp_path_factory.mktemp("demo") / "demo.sqlite"

    async def make() -> None:
        shop = await DemoShop.open(path, clock=ManualClock(), random=Random(7))  # noqa: S311 - test data
        await shop.close()

    asyncio.run(make())
    return path


@pytest.fixture
async def demo_shop(tmp_path: Path, demo_file: Path, demo_clock: ManualClock) -> AsyncIterator[DemoShop]:
    path = Path(shutil.copy(demo_file, tmp_path / "demo.sqlite"))
    shop = await DemoShop.open(path, clock=demo_clock, random=Random(7))  # noqa: S311 - test data
    yield shop
    await shop.close()
