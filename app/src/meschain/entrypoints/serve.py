"""`meschain serve`: the whole application on one port, until it is told to stop.

Listens before anything is opened, so that a port in use is told at once; answers after everything is open. With a Redis
it is one of several processes, which `workers` runs.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from meschain.entrypoints.cli.reporting import ConfigOption, DataDirOption, reporting
from meschain.entrypoints.demo_accounts import DemoAccount
from meschain.entrypoints.listening import listen, metrics_socket, with_actual_port
from meschain.entrypoints.logging import configure_logging
from meschain.entrypoints.running import check_room, make_ready, run_on_uvloop, running, server_for, stop_by_signals
from meschain.entrypoints.workers import serve_several
from meschain.settings import Settings, load_settings


@reporting
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; loopback unless told otherwise.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0: any free one.")] = None,
    data_dir: DataDirOption = None,
    opencart_url: Annotated[
        str | None, typer.Option(help="The shop's database, mysql://…; without it the demo shop is served.")
    ] = None,
    public_url: Annotated[str | None, typer.Option(help="The address that browsers use.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that share the port; more than one needs Redis.")
    ] = None,
    redis_url: Annotated[
        str | None, typer.Option(help="The Redis through which several processes or machines are one, redis://….")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Serve the dashboards. Without a shop's database: a demo shop, with an account for each role."""
    overrides: Mapping[str, object] = {
        "host": host,
        "port": port,
        "data_dir": data_dir,
        "opencart_url": opencart_url,
        "public_url": public_url,
        "workers": workers,
        "redis_url": redis_url,
    }
    loaded = load_settings(config, overrides)
    configure_logging(loaded.settings.log_format, loaded.settings.log_level)
    if loaded.settings.redis_url is not None:
        serve_several(loaded, announce)
        return
    check_room(loaded.settings)
    with closing(listen(loaded.settings)) as listening:
        settings = with_actual_port(loaded, listening.getsockname()[1])
        run_on_uvloop(_serve_alone(settings, listening))


async def _serve_alone(settings: Settings, listening: socket.socket) -> None:
    accounts = await make_ready(settings)
    async with running(settings) as application:
        server = server_for(application, settings)
        stop_by_signals(server)
        announce(settings, accounts)  # the socket listens already, so who follows the address at once only waits
        with metrics_socket(settings) as metrics:
            await server.serve([listening, *metrics])


def announce(settings: Settings, accounts: Sequence[DemoAccount]) -> None:
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
