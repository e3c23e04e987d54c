"""A real server on a free port, for tests that need sockets. For most tests of a hub `HubTester` is enough."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from hubwire.server.app import HubServer
from hubwire.server.run import AsgiApplication, server_config
from hubwire.server.uvicorn import Server


class DidNotStart(Exception):
    """The application's lifespan failed; its error is in the log."""


@asynccontextmanager
async def serving(hubs: HubServer, app: AsgiApplication | None = None, **settings: Any) -> AsyncIterator[str]:
    """Serve while inside, and yield the address: `http://127.0.0.1:<port>`. Leaving drains, as a stop does.

    ```python
    async with serving(server) as address, connect(f"{address}/chat") as client: ...
    ```

    Args:
        app: the application that mounts the hubs and enters their lifespan; None: the hubs alone.
        settings: uvicorn's, as for `server_config`. `http="httptools"` takes the hubs off the fast lane.

    Raises: DidNotStart.
    """
    settings = {"lifespan": "on", "log_config": None, **settings}
    config = server_config(app or hubs, hubs, **settings)
    server = _Server(config, hubs)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # asyncio leaves Nagle's algorithm on for sockets made like this; accepted ones inherit what the listener has.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        running = asyncio.create_task(server.serve([listener]))
        started = asyncio.create_task(server.has_started.wait())
        try:
            await asyncio.wait((running, started), return_when=asyncio.FIRST_COMPLETED)
            if not started.done():
                raise DidNotStart("The application did not start; its log says why.")
            yield f"{'https' if config.is_ssl else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            started.cancel()
            server.should_exit = True
            await running


class _Server(Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, hubs: HubServer) -> None:
        super().__init__(config, hubs)
        self.has_started = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:  # uvicorn's way to end a process whose application does not start; this one goes on
            self.should_exit = True
        else:
            self.has_started.set()
