"""`hubwire bench-hub`: a hub that answers to the defaults of `hubwire bench`. For load tests only.

Whoever reaches it may send to everybody: keep it on a loopback address, or give it a key.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import socket
import sys
from collections.abc import AsyncIterator

from hubwire.azure.jwt import ClientTokens
from hubwire.cli.failures import UsageFailed
from hubwire.hub.contracts import ClientContract, client_method
from hubwire.hub.hub import Hub
from hubwire.hub.methods import hub_method
from hubwire.options import ServerOptions
from hubwire.ports import TokenVerifier
from hubwire.server.app import HubServer
from hubwire.server.run import make_server, server_config

HUB_NAME = "bench"
PATH = f"/{HUB_NAME}"
LISTENING = "Listening on "
"""Begins the line that is printed when the server is ready; the hub's address follows."""
_BACKLOG = 4096
_ITEMS_IN_A_ROW = 100


class BenchClient(ClientContract):
    """What the hub calls on its clients."""

    @client_method("Receive")
    async def receive(self, text: str) -> None:
        """A text that somebody sent."""


class BenchHub(Hub[BenchClient]):
    """The methods that `hubwire bench` calls unless told otherwise."""

    @hub_method("Echo")
    async def echo(self, text: str) -> str:
        """Return the text."""
        return text

    @hub_method("Broadcast")
    async def broadcast(self, text: str) -> None:
        """Send it to everybody."""
        await self.clients.all.receive(text)

    @hub_method("JoinGroup")
    async def join_group(self, group: str) -> None:
        """Put the caller into a group."""
        await self.groups.add(self.context.connection_id, group)

    @hub_method("SendToGroup")
    async def send_to_group(self, group: str, text: str) -> None:
        """Send it to a group."""
        await self.clients.group(group).receive(text)

    @hub_method("SendToUser")
    async def send_to_user(self, user: str, text: str) -> None:
        """Send it to every connection of a user."""
        await self.clients.user(user).receive(text)

    @hub_method("Count")
    async def count(self, items: int) -> AsyncIterator[int]:
        """Stream so many numbers."""
        for number in range(items):
            yield number
            if number % _ITEMS_IN_A_ROW == _ITEMS_IN_A_ROW - 1:
                await asyncio.sleep(0)


def bench_server(verifier: TokenVerifier | None = None) -> HubServer:
    """Return a server with the hub, at `PATH` and at Azure's client address."""
    options = ServerOptions(
        client_path="/client/",
        # All of a load test comes from one address.
        maximum_connections_per_address=None,
        address_connects_per_second=None,
    )
    server = HubServer(options=options, verifier=verifier)
    server.add(BenchHub, path=PATH, name=HUB_NAME)
    return server


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "bench-hub",
        help="serve a hub to put load on",
        description="Serve a hub with the methods that hubwire bench calls: Echo, Broadcast, JoinGroup, SendToGroup, "
        "SendToUser and Count. Prints a line with its address once it is ready. For load tests only.",
        allow_abbrev=False,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on; 0: any that is free (default: 8000)")
    parser.add_argument(
        "--signed",
        action="store_true",
        help="make a key and ask every client for a token; prints the connection string for hubwire bench",
    )
    parser.set_defaults(run=serve)


def serve(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM.

    Raises: UsageFailed.
    """
    if not 0 <= arguments.port < 65536:
        raise UsageFailed(f"--port is {arguments.port}; give a number from 0 to 65535.")
    family = socket.AF_INET6 if ":" in arguments.host else socket.AF_INET
    try:
        listener = socket.create_server((arguments.host, arguments.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise UsageFailed(
            f"{arguments.host}:{arguments.port} cannot be listened on: {error.strerror}; give another --host or --port."
        ) from None
    with listener:
        host = f"[{arguments.host}]" if family is socket.AF_INET6 else arguments.host
        address = f"http://{host}:{listener.getsockname()[1]}"
        verifier, lines = None, [f"{LISTENING}{address}{PATH}"]
        if arguments.signed:
            verifier, connection_string = _signed(address)
            lines.append(f"hubwire bench --hub {HUB_NAME} --connection-string '{connection_string}'")
        # The socket listens already: who connects before the first accept only waits.
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        server = bench_server(verifier)
        make_server(server_config(server, server, log_level="warning"), server).run(sockets=[listener])
    return 0


def _signed(address: str) -> tuple[TokenVerifier, str]:
    key = secrets.token_urlsafe(32)
    return ClientTokens([key], [address]), f"Endpoint={address};AccessKey={key};Version=1.0;"
