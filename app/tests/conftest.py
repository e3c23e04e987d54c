"""Fixtures for the whole application: an ASGI app on a real socket, and the application itself with a demo shop."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import Any

import aiohttp
import pytest
import uvicorn
from app.tests.signalr_client import SignalRClient, open_connection
from starlette.types import ASGIApp

from meschain.bootstrap import DEMO_PEOPLE, DEMO_SHOP_FILE, Application
from meschain.entrypoints.demo_accounts import prepare_demo_accounts
from meschain.entrypoints.serve import listen, running, server_for, with_actual_port
from meschain.opencart.demo.shop import DemoShop
from meschain.services.clock import SystemClock
from meschain.settings import LoadedSettings, Settings

Serve = Callable[[ASGIApp], Awaitable[str]]
"""Starts an ASGI application on a free port and returns its address."""

START_SECONDS = 60.0
"""How long a start may take before the test fails; generous, as machines are slow at times."""


@dataclass(frozen=True)
class Site:
    """A running application as its users see it."""

    url: str
    passwords: Mapping[str, str]
    application: Application
    settings: Settings
    http: aiohttp.ClientSession

    async def login(self, username: str) -> dict[str, Any]:
        """Log in as a demo account; the answer's `SessionInfo`."""
        body = {"username": username, "password": self.passwords[username]}
        async with self.http.post(f"{self.url}/api/login", json=body) as answer:
            assert answer.status == 200, await answer.text()
            session: dict[str, Any] = await answer.json()
            return session

    async def get(self, path: str, token: str = "") -> tuple[int, Any]:
        """Status and JSON of a GET."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.http.get(f"{self.url}{path}", headers=headers) as answer:
            return answer.status, await answer.json()

    async def negotiate(self, token: str, hub: str = "") -> dict[str, Any]:
        """The answer of `POST /api/negotiate`."""
        query = f"?hub={hub}" if hub else ""
        headers = {"Authorization": f"Bearer {token}"}
        async with self.http.post(f"{self.url}/api/negotiate{query}", headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            redirect: dict[str, Any] = await answer.json()
            return redirect

    async def orders_are_watched(self) -> None:
        """Wait until the watcher knows where to begin; what was confirmed before that is no news to it."""
        async with asyncio.timeout(START_SECONDS):
            while not self._cursors():  # noqa: ASYNC110 - the row is another connection's; there is no event
                await asyncio.sleep(0.02)

    def _cursors(self) -> int:
        path = self.settings.state_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path)) as database:
            count: int = database.execute("SELECT COUNT(*) FROM mc_cursors").fetchone()[0]
            return count

    @asynccontextmanager
    async def connected(self, token: str, hub: str = "") -> AsyncIterator[SignalRClient]:
        """A hub connection, negotiated as a client does it."""
        answer = await self.negotiate(token, hub)
        async with open_connection(answer["url"], answer["accessToken"]) as client:
            yield client


@asynccontextmanager
async def running_site(data_dir: Path, *, demo_people: bool = False, **settings: object) -> AsyncIterator[Site]:
    """Run the application in this process on a free port, with the demo shop unless settings name another.

    Args:
        demo_people: Whether the demo shop's buyers and staff act by themselves; without them only tests change it.
    """
    loaded = LoadedSettings(Settings(data_dir=data_dir, port=0, **settings))  # type: ignore[arg-type] # checked by it
    with closing(listen(loaded.settings)) as listening:
        actual = with_actual_port(loaded, listening.getsockname()[1])
        leave_out = frozenset() if demo_people else frozenset({DEMO_PEOPLE})
        async with running(actual, leave_out=leave_out) as application, aiohttp.ClientSession() as http:
            accounts = await prepare_demo_accounts(application.accounts, data_dir) if actual.demo else ()
            server = server_for(application, actual)
            async with _serving(server, [listening]):
                passwords = {account.username: account.password for account in accounts}
                yield Site(f"http://127.0.0.1:{actual.port}", passwords, application, actual, http)


@asynccontextmanager
async def _serving(server: uvicorn.Server, sockets: list[Any] | None = None) -> AsyncIterator[None]:
    running_server = asyncio.create_task(server.serve(sockets))
    try:
        async with asyncio.timeout(START_SECONDS):
            while not server.started:
                if running_server.done():
                    await running_server
                    raise RuntimeError("the server did not start")
                await asyncio.sleep(0)  # a turn of the loop; uvicorn has no event to await
        yield
    finally:
        server.should_exit = True
        await running_server


@pytest.fixture(scope="session")
def demo_shop_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo shop's database, made once for all tests; each works on a copy."""
    path = tmp_path_factory.mktemp("demo") / DEMO_SHOP_FILE

    async def create() -> None:
        await (await DemoShop.open(path, clock=SystemClock(), random=SystemRandom())).close()

    asyncio.run(create())
    return path


@pytest.fixture
def data_dir(tmp_path: Path, demo_shop_file: Path) -> Path:
    """A data folder with a demo shop in it, and nothing else yet."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    shutil.copyfile(demo_shop_file, folder / DEMO_SHOP_FILE)
    return folder


@pytest.fixture
async def site(data_dir: Path) -> AsyncIterator[Site]:
    """The application with its demo shop, whose people stay at home."""
    async with running_site(data_dir) as site:
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
            await stack.enter_async_context(_serving(server))
            return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

        yield start


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session
