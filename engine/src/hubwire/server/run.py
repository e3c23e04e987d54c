"""Runs an application with hubs on uvicorn, hubs on the fast lane, in one process or several."""

from __future__ import annotations

import functools
import socket
from collections.abc import Awaitable, Callable
from typing import Any, cast, overload

import uvicorn

from hubwire.server import collector
from hubwire.server.app import HubServer
from hubwire.server.descriptors import check_descriptors
from hubwire.server.uvicorn import Server, fast_lane
from hubwire.server.workers import Worker, run_workers

AsgiApplication = Callable[[Any, Any, Any], Awaitable[None]]

BuildWorker = Callable[[Worker], HubServer | tuple[AsgiApplication, HubServer]]
"""Makes everything that one of several processes serves, in that process."""

_BACKLOG = 4096
"""Connections that wait to be accepted. uvloop's own default of 100 refuses a wave of reconnecting clients."""

_KEEP_ALIVE_SECONDS = 130
"""How long an HTTP connection stays open between two requests: as long as the reference server's. Clients and proxies
drop idle ones by themselves, after 4 to 60 s; who closes first loses the request that is just under way, so it should
not be the server. (uvicorn's 5 s met the 4 s of Node's clients whenever their timers were a second late.)"""

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
        "timeout_keep_alive": _KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": _STOP_SECONDS,
    }
    return uvicorn.Config(app, **{**defaults, **settings})


def make_server(
    config: uvicorn.Config,
    hubs: HubServer,
    *,
    internal: socket.socket | None = None,
    on_listening: Callable[[], None] | None = None,
) -> Server:
    """Return a server that drains the hubs before it closes sockets. Run it with `run()` or `await serve()`.

    Args:
        internal: a bound socket on which peers reach this node, never open to clients. None: it has no peers.
        on_listening: called once it serves.

    Raises: TooFewDescriptors when `ServerOptions.maximum_connections` is more than this process can hold.
    """
    check_descriptors(hubs.options.maximum_connections)
    return Server(config, hubs, internal, on_listening)


@overload
def run(
    app: AsgiApplication,
    hubs: HubServer | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    **settings: Any,
) -> None: ...
@overload
def run(
    app: BuildWorker,
    *,
    workers: int,
    host: str = "127.0.0.1",
    port: int = 8000,
    internal_host: str = "127.0.0.1",
    key: bytes | None = None,
    **settings: Any,
) -> None: ...
def run(
    app: AsgiApplication | BuildWorker,
    hubs: HubServer | None = None,
    *,
    workers: int | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    internal_host: str = "127.0.0.1",
    key: bytes | None = None,
    **settings: Any,
) -> None:
    """Serve until SIGINT or SIGTERM, then tell clients to come again and stop.

    The process is the server's: its garbage collector is calmed (`collector`).

    Args:
        app: the `HubServer` itself, or an ASGI application that mounts it and enters its lifespan. With `workers` a
            function that is called in each process and returns that, an application together with its `HubServer`.
        hubs: the mounted server; needed when `app` is another application.
        workers: how many processes share the port; see `run_workers` for what is raised then.
        internal_host: with `workers`: where they reach each other.
        key: with `workers`: of the cluster.

    Raises:
        TypeError: no hub server is given.
        ValueError: several workers are no cluster.
        TooFewDescriptors: `ServerOptions.maximum_connections` is more than a process can hold.
    """
    if workers is not None:
        build = cast("BuildWorker", app)  # as the overloads say
        serve = functools.partial(_serve_worker, build, workers, settings)
        run_workers(serve, workers, host, port, internal_host=internal_host, key=key)
        return
    app = cast("AsgiApplication", app)
    hubs = _hubs_of(app, hubs)
    collector.calm()
    make_server(server_config(app, hubs, host=host, port=port, **settings), hubs).run()


def _serve_worker(build: BuildWorker, count: int, settings: dict[str, Any], worker: Worker) -> None:
    built = build(worker)
    app, hubs = built if isinstance(built, tuple) else (built, built)
    if count > 1 and hubs.forwarder is None:
        raise ValueError(
            "A client's requests may reach any of several workers, so they have to act as one: make each server with "
            "HubServer(cluster=worker.cluster(RedisBroker(url)))."
        )
    collector.calm()
    config = server_config(app, hubs, **settings)
    make_server(config, hubs, internal=worker.internal, on_listening=worker.ready).run(sockets=[worker.public])


def _hubs_of(app: AsgiApplication, hubs: HubServer | None) -> HubServer:
    if hubs is not None:
        return hubs
    if not isinstance(app, HubServer):
        raise TypeError("hubwire.run needs to know the hubs: run(app, hubs=server).")
    return app
