"""Runs an application with hubs on uvicorn, hubs on the fast lane."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

from hubwire.server.app import HubServer
from hubwire.server.uvicorn import Server, fast_lane

AsgiApplication = Callable[[Any, Any, Any], Awaitable[None]]

_BACKLOG = 4096
"""Connections that wait to be accepted. uvloop's own default of 100 refuses a wave of reconnecting clients."""

_STOP_SECONDS = 10
"""How long requests may take to end once the server stops; hub connections are gone before."""


def server_config(app: AsgiApplication, hubs: HubServer, **settings: Any) -> uvicorn.Config:
    """Return uvicorn's configuration for an application and its hubs; `make_server` takes it, not `uvicorn.Server`.

    Args:
        settings: uvicorn's own settings. Where they are not given: the access log is off, because it would hold the
            `access_token` of queries; forwarded headers are left to `ServerOptions.trusted_proxies`.
    """
    defaults: dict[str, Any] = {
        "http": fast_lane(hubs),
        "ws": "websockets-sansio",
        "ws_per_message_deflate": False,
        "ws_ping_interval": None,
        "access_log": False,
        "proxy_headers": False,
        "backlog": _BACKLOG,
        "timeout_graceful_shutdown": _STOP_SECONDS,
    }
    return uvicorn.Config(app, **{**defaults, **settings})


def make_server(config: uvicorn.Config, hubs: HubServer) -> Server:
    """Return a server that drains the hubs before it closes sockets. Run it with `run()` or `await serve()`."""
    return Server(config, hubs)


def run(
    app: AsgiApplication,
    hubs: HubServer | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    **settings: Any,
) -> None:
    """Serve until SIGINT or SIGTERM, then tell clients to come again and stop.

    Args:
        app: the `HubServer` itself, or an ASGI application that mounts it and enters its lifespan.
        hubs: the mounted server; needed when `app` is another application.

    Raises: TypeError when no hub server is given.
    """
    if hubs is None:
        if not isinstance(app, HubServer):
            raise TypeError("hubwire.run needs to know the hubs: run(app, hubs=server).")
        hubs = app
    make_server(server_config(app, hubs, host=host, port=port, **settings), hubs).run()
