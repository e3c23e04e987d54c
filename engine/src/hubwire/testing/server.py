"""`python -m hubwire.testing.server`: a server for suites that judge a SignalR client, or this library. Test use only.

It hands tokens to everybody who asks and answers pages of any origin: keep it on a loopback address.
"""

from __future__ import annotations

import argparse
import functools
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvicorn

import hubwire
from hubwire.testing import conformance_app
from hubwire.testing.conformance_app import AMPLE, SCARCE, ConformanceApp

LISTENING = "Listening on "
"""Begins the one line printed when the server is ready; the address follows."""

_BACKLOG = 1024
_STOP_SECONDS = 5


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM."""
    options = _parser().parse_args(arguments)
    if options.workers is not None:
        tell = functools.partial(_tell, options)
        hubwire.run_workers(
            functools.partial(_serve_worker, options), options.workers, options.host, options.port, on_ready=tell
        )
        return
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.create_server((options.host, options.port), family=family, backlog=_BACKLOG) as listener:
        if options.service is not None:
            _serve_behind_service(options, listener)
            return
        # The socket listens already: who connects before the first accept only waits.
        app = ConformanceApp(
            on_ready=functools.partial(_tell, options, listener.getsockname()[1]), options=_server_options(options)
        )
        hubwire.make_server(_config(options, app), app.server).run(sockets=[listener])


def _serve_behind_service(options: argparse.Namespace, listener: socket.socket) -> None:
    from hubwire.testing.conformance_service_app import ConformanceServiceApp  # the extra `azure`

    app = ConformanceServiceApp(
        options.service.read_text(encoding="utf-8").strip(),
        on_ready=functools.partial(_tell, options, listener.getsockname()[1]),
    )
    config = uvicorn.Config(
        app,
        log_level=options.log_level,
        access_log=False,
        timeout_graceful_shutdown=_STOP_SECONDS,  # a hub method may wait for ever at its gate
    )
    uvicorn.Server(config).run(sockets=[listener])


def _serve_worker(options: argparse.Namespace, worker: hubwire.Worker) -> None:
    from hubwire.brokers.redis import RedisBroker  # the extra `cluster`, which a single process does without

    cluster = worker.cluster(RedisBroker(options.redis_url))
    app = ConformanceApp(options=_server_options(options), cluster=cluster, key=worker.key)
    server = hubwire.make_server(_config(options, app), app.server, internal=worker.internal, on_listening=worker.ready)
    server.run(sockets=[worker.public])


def _tell(options: argparse.Namespace, port: int) -> None:
    host = f"[{options.host}]" if ":" in options.host else options.host
    scheme = "http" if options.certificate is None else "https"
    sys.stdout.write(f"{LISTENING}{scheme}://{host}:{port}\n")
    sys.stdout.flush()


def _server_options(options: argparse.Namespace) -> hubwire.ServerOptions:
    return SCARCE if options.scarce else AMPLE


def _config(options: argparse.Namespace, app: ConformanceApp) -> uvicorn.Config:
    settings: dict[str, Any] = {"log_level": options.log_level}
    if options.plain_asgi:
        settings["http"] = "httptools"
    if options.certificate is not None:
        settings |= {"ssl_certfile": options.certificate, "ssl_keyfile": options.key}
    return hubwire.server_config(app, app.server, **settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hubwire.testing.server",
        description="A SignalR server with a conformance hub, for suites that judge clients or this library. "
        "Prints one line with its address once it is ready. It hands tokens to everybody: for tests only.",
        epilog=conformance_app.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, required=True, help="port to listen on; 0: any that is free")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--certificate", type=Path, metavar="PEM", help="serve HTTPS and WSS with this certificate")
    parser.add_argument("--key", type=Path, metavar="PEM", help="its key, if it is not in the same file")
    parser.add_argument("--plain-asgi", action="store_true", help="serve WebSockets by ASGI, not on the fast lane")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="serve by so many processes on the one port; needs --redis-url"
    )
    parser.add_argument(
        "--redis-url", default="redis://127.0.0.1:6379", metavar="URL", help="what they talk through (%(default)s)"
    )
    parser.add_argument(
        "--service",
        type=Path,
        metavar="FILE",
        help="serve hubs whose clients the service of this connection string has",
    )
    parser.add_argument("--scarce", action="store_true", help="have so little room that each limit can be reached")
    parser.add_argument(
        "--log-level",
        choices=("critical", "error", "warning", "info", "debug"),
        default="warning",
        help="of the server's log, on stderr (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    main()
