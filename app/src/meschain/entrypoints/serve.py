"""`meschain serve`: the whole application on one port, until it is told to stop.

Listens before anything is opened, so that a port in use is told at once; answers after everything is open. A stop tells
the clients to connect again, lets requests end, and then closes what was opened.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from types import FrameType
from typing import Annotated, Final

import typer
import uvicorn
import uvloop
from rich.console import Console
from rich.table import Table

from hubwire import make_server, server_config
from meschain.bootstrap import Application, build
from meschain.entrypoints.background import background
from meschain.entrypoints.cli.reporting import CommandFailed, ConfigOption, DataDirOption, reporting
from meschain.entrypoints.demo_accounts import DemoAccount, prepare_demo_accounts
from meschain.entrypoints.logging import RequestLog, configure_logging
from meschain.services.ports import Clock
from meschain.settings import LoadedSettings, Settings, load_settings

_LARGEST_HEADERS: Final = 64 * 1024

DEMO_IN_DATABASE: Final = (
    "the demo puts its accounts, an administrator among them, into database_url, where they stay valid; "
    "never use that database for a real shop"
)

_log = logging.getLogger(__name__)


@reporting
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; loopback unless told otherwise.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0: any free one.")] = None,
    data_dir: DataDirOption = None,
    opencart_url: Annotated[
        str | None, typer.Option(help="The shop's database, mysql://…; without it the demo shop is served.")
    ] = None,
    public_url: Annotated[str | None, typer.Option(help="The address that browsers use.")] = None,
    config: ConfigOption = None,
) -> None:
    """Serve the dashboards. Without a shop's database: a demo shop, with an account for each role."""
    overrides: Mapping[str, object] = {
        "host": host,
        "port": port,
        "data_dir": data_dir,
        "opencart_url": opencart_url,
        "public_url": public_url,
    }
    loaded = load_settings(config, overrides)
    configure_logging(loaded.settings.log_format, loaded.settings.log_level)
    with closing(listen(loaded.settings)) as listening:
        settings = with_actual_port(loaded, listening.getsockname()[1])
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, listening))


def listen(settings: Settings) -> socket.socket:
    """A bound socket for the address of the settings. Raises: CommandFailed."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CommandFailed(f"{settings.host!r} is no address to listen on ({error}); correct host.") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        # Two processes may bind one port as long as neither listens; this finds the other one now, not after the build.
        listening.listen()
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise CommandFailed(
                f"Port {settings.port} of {settings.host} is in use; stop what uses it, or choose another with --port."
            ) from None
        raise CommandFailed(f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}.") from None
    return listening


def with_actual_port(loaded: LoadedSettings, port: int) -> Settings:
    """The settings with the port that was bound; a public address that nobody gave follows it."""
    settings = loaded.settings
    if settings.port == port:
        return settings
    changed: dict[str, object] = {"port": port}
    if "public_url" not in loaded.sources:
        changed["public_url"] = f"{'https' if settings.tls_certificate else 'http'}://localhost:{port}"
    return settings.model_copy(update=changed)


@asynccontextmanager
async def running(
    settings: Settings, clock: Clock | None = None, *, leave_out: frozenset[str] = frozenset()
) -> AsyncIterator[Application]:
    """The application with its hubs and background work running; only the listening server is missing.

    Args:
        leave_out: Background work that is not to run, by name.
    """
    async with build(settings, clock) as application:
        work = {name: piece for name, piece in application.background.items() if name not in leave_out}
        async with (
            application.hubs.lifespan(),
            background(work, application.background_state, application.clock),
        ):
            yield application


def server_for(application: Application, settings: Settings) -> uvicorn.Server:
    """The listening server: hubs on the fast lane, everything else by the web application."""
    config = server_config(
        RequestLog(application.web, application.clock),
        application.hubs,
        lifespan="off",
        log_config=None,
        server_header=False,
        h11_max_incomplete_event_size=_LARGEST_HEADERS,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is one
        raise CommandFailed(f"tls_certificate and tls_key cannot be used: {error}.") from None
    return make_server(config, application.hubs)


async def _serve(settings: Settings, listening: socket.socket) -> None:
    async with running(settings) as application:
        accounts: Sequence[DemoAccount] = ()
        if settings.demo:
            if settings.database_url is not None:
                _log.warning(DEMO_IN_DATABASE)
            accounts = await prepare_demo_accounts(application.accounts, settings.data_dir)
        server = server_for(application, settings)
        _stop_by_signals(server)
        _announce(settings, accounts)  # the socket listens already, so who follows the address at once only waits
        await server.serve([listening])


def _stop_by_signals(server: uvicorn.Server) -> None:
    """Let a signal end the server also before uvicorn has its own handlers in place.

    They stay in use after it: uvicorn raises the signals again when it has stopped, and the default would kill us
    before what is open is closed.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _announce(settings: Settings, accounts: Sequence[DemoAccount]) -> None:
    """Say where it is, and in a demo who may log in. The one place where passwords are shown."""
    console = Console(width=None if sys.stdout.isatty() else 120, markup=False, highlight=False)
    console.print(f"\nMesChain-Sync answers at {settings.public_url}/\n")
    if settings.demo:
        console.print("This is a demo shop: its customers and orders are made up. Log in as one of these:\n")
        table = Table("User", "Password", "Role", "Marketplaces", box=None, pad_edge=False)
        for account in accounts:
            table.add_row(account.username, account.password, account.role, _grants(account))
        console.print(table)
        console.print("\nServe your own shop with --opencart-url mysql://user:password@host/database.")
    console.print("Stop with Ctrl-C.\n")
    sys.stdout.flush()


def _grants(account: DemoAccount) -> str:
    if account.role.value in {"super_admin", "admin"}:
        return "all"
    return ", ".join(account.marketplaces) or "-"
