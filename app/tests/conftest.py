"""Fixtures for the whole application: an ASGI app on a real socket, and the application itself with a demo shop."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import SystemRandom

import aiohttp
import pytest
import pytest_asyncio
import uvicorn
from app.tests.hostings import HOSTINGS, RunSite, hostings_of
from app.tests.site import START_SECONDS, Site, running_site, serving
from starlette.types import ASGIApp

from meschain.bootstrap import DEMO_SHOP_FILE
from meschain.opencart.demo.shop import DemoShop
from meschain.services.clock import SystemClock
from meschain.state.database import Database

__all__ = ["START_SECONDS", "Serve", "Site", "running_site"]

DEMO_STATE_FILE = "demo.db"

Serve = Callable[[ASGIApp], Awaitable[str]]
"""Starts an ASGI application on a free port and returns its address."""


@pytest.fixture(scope="session")
def demo_shop_file(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Path:
    """A demo shop's database, made once for all tests, with our own beside it; each works on copies."""
    path = tmp_path_factory.mktemp("demo") / DEMO_SHOP_FILE
    shutil.copy(migrated_file, path.with_name(DEMO_STATE_FILE))

    async def create() -> None:
        await (await DemoShop.open(path, clock=SystemClock(), random=SystemRandom())).close()

    asyncio.run(create())
    return path


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own database as migrations leave it, made once: to migrate one takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "state.db"

    async def create() -> None:
        await (await Database.open(f"sqlite:///{path}")).close()

    asyncio.run(create())
    return path


@pytest.fixture
async def database(tmp_path: Path, migrated_file: Path) -> AsyncIterator[Database]:
    """An open database of our own, as a first start leaves it."""
    path = shutil.copyfile(migrated_file, tmp_path / "state.db")
    database = await Database.open(f"sqlite:///{path}", migrate=False)
    yield database
    await database.close()


@pytest.fixture
def data_dir(tmp_path: Path, demo_shop_file: Path) -> Path:
    """A data folder with a demo shop in it and our own database, which has nothing in it yet."""
    return with_demo_shop(tmp_path / "data", demo_shop_file)


def with_demo_shop(folder: Path, demo_shop_file: Path) -> Path:
    """Make the folder, with copies of the demo shop and of our own database in it."""
    folder.mkdir(mode=0o700)
    for name in (DEMO_SHOP_FILE, DEMO_STATE_FILE):
        shutil.copy(demo_shop_file.with_name(name), folder)
    return folder


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test of the whole application in each hosting that it is for."""
    if "hosting" in metafunc.fixturenames:
        module = metafunc.module.__name__.rpartition(".")[2]
        metafunc.parametrize("hosting", hostings_of(module, metafunc.function.__name__), indirect=True, scope="module")


@pytest.fixture(scope="module")
def hosting(request: pytest.FixtureRequest) -> str:
    """How the application of this test is hosted."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def run_site(hosting: str) -> RunSite:
    """`running_site` in the hosting of this test."""
    return HOSTINGS[hosting]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_site(
    tmp_path_factory: pytest.TempPathFactory, demo_shop_file: Path, run_site: RunSite
) -> AsyncIterator[Site]:
    """As `site`, one for all tests of a module that ask only; they run in the loop of the module."""
    async with run_site(with_demo_shop(tmp_path_factory.mktemp("shared") / "data", demo_shop_file)) as site:
        yield site


@pytest.fixture
async def site(data_dir: Path, run_site: RunSite) -> AsyncIterator[Site]:
    """The application with its demo shop, whose people stay at home."""
    async with run_site(data_dir) as site:
        yield site


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(app: ASGIApp) -> str:
            # Our own code decides which forwarded headers count; uvicorn would believe those of any local client.
            config = uvicorn.Config(
                app, host="127.0.0.1", port=0, log_config=None, lifespan="auto", ws="none", proxy_headers=False
            )
            server = uvicorn.Server(config)
            await stack.enter_async_context(serving(server))
            return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

        yield start


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session
