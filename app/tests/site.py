"""The application on a real socket in the tests' own process, as its users see it."""

from __future__ import annotations

import asyncio
import secrets
import socket
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from app.tests.signalr_client import SignalRClient, open_connection

from meschain.bootstrap import DEMO_PEOPLE, Application, ServiceProcess, prepare
from meschain.entrypoints.demo_accounts import prepare_demo_accounts
from meschain.entrypoints.listening import listen, with_actual_port
from meschain.entrypoints.running import running, server_for
from meschain.settings import LoadedSettings, Settings

START_SECONDS = 60.0
"""How long a start may take before the test fails; generous, as machines are slow at times."""

_running: Counter[Path] = Counter()
"""Applications by data folder. It is prepared before the first of them, once for all: a second time would fill up what
the demo shop missed since its file was made, which the first would tell as news."""


@dataclass(frozen=True)
class Site:
    """A running application as its users see it."""

    url: str
    passwords: Mapping[str, str]
    application: Application
    settings: Settings
    http: aiohttp.ClientSession
    clients_at: str
    """Where hub clients are sent to."""

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
        """As the function of that name."""
        await orders_are_watched(self.settings.state_url)

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
    loaded = LoadedSettings(Settings(**{"data_dir": data_dir, "port": 0, **settings}), dict.fromkeys(settings, "test"))  # type: ignore[arg-type] # checked by it
    with closing(listen(loaded.settings)) as listening, closing(socket.create_server(("127.0.0.1", 0))) as internal:
        actual = with_actual_port(loaded, listening.getsockname()[1])
        if _running[data_dir] == 0:
            await prepare(actual)
        leave_out = frozenset() if demo_people else frozenset({DEMO_PEOPLE})
        address = f"http://127.0.0.1:{internal.getsockname()[1]}"
        process = ServiceProcess(secrets.token_urlsafe(6), address)
        async with (
            _one_more_on(data_dir),
            running(actual, process=process, leave_out=leave_out) as application,
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,  # the log-ins of several people
        ):
            accounts = await prepare_demo_accounts(application.accounts, data_dir) if actual.demo else ()
            server = server_for(application, actual, internal=internal)
            async with serving(server, [listening]):
                passwords = {account.username: account.password for account in accounts}
                yield Site(f"http://127.0.0.1:{actual.port}", passwords, application, actual, http, actual.public_url)


async def orders_are_watched(state_url: str) -> None:
    """Wait until the watcher knows where to begin; what was confirmed before that is no news to it."""
    looked = (
        "SELECT COUNT(*) FROM mc_cursors WHERE name LIKE 'opencart.stock:%'"
        " AND name NOT LIKE 'opencart.stock:%:%' AND position <> ''"  # not the pages of what was in stock
    )
    with closing(sqlite3.connect(state_url.removeprefix("sqlite:///"), timeout=START_SECONDS)) as database:
        async with asyncio.timeout(START_SECONDS):
            while not database.execute(looked).fetchone()[0]:  # noqa: ASYNC110 - the row is another connection's
                await asyncio.sleep(0.02)


@asynccontextmanager
async def _one_more_on(data_dir: Path) -> AsyncIterator[None]:
    _running[data_dir] += 1
    try:
        yield
    finally:
        _running[data_dir] -= 1


@asynccontextmanager
async def serving(server: uvicorn.Server, sockets: list[Any] | None = None) -> AsyncIterator[None]:
    """Serve while the block is open."""
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
