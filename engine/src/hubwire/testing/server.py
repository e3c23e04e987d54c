"""`python -m hubwire.testing.server`: a server for suites that judge a SignalR client, or this library. Test use only.

It hands tokens to everybody who asks and answers pages of any origin: keep it on a loopback address.
"""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hubwire
from hubwire.testing import conformance_app
from hubwire.testing.conformance_app import AMPLE, SCARCE, ConformanceApp

LISTENING = "Listening on "
"""Begins the one line printed when the server is ready; the address follows."""

_BACKLOG = 1024


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM."""
    options = _parser().parse_args(arguments)
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.create_server((options.host, options.port), family=family, backlog=_BACKLOG) as listener:
        host = f"[{options.host}]" if family is socket.AF_INET6 else options.host
        scheme = "http" if options.certificate is None else "https"
        line = f"{LISTENING}{scheme}://{host}:{listener.getsockname()[1]}\n"

        def tell() -> None:
            # The socket listens already: who connects before the first accept only waits.
            sys.stdout.write(line)
            sys.stdout.flush()

        app = ConformanceApp(on_ready=tell, options=SCARCE if options.scarce else AMPLE)
        settings: dict[str, Any] = {"log_level": options.log_level}
        if options.plain_asgi:
            settings["http"] = "httptools"
        if options.certificate is not None:
            settings |= {"ssl_certfile": options.certificate, "ssl_keyfile": options.key}
        config = hubwire.server_config(app, app.server, **settings)
        hubwire.make_server(config, app.server).run(sockets=[listener])


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
