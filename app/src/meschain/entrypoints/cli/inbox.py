"""`meschain inbox …`: what marketplaces sent, for whoever has a shell on the server. What is done is audited."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from meschain.entrypoints.cli.reporting import CommandFailed, ConfigOption, DataDirOption, reporting
from meschain.entrypoints.cli.state import OpenState, person, with_state
from meschain.services.clock import iso_utc
from meschain.services.webhook_ports import Backlog, Status, StoredDelivery

commands = typer.Typer(
    help="What marketplaces sent: look at it, work on it again, give it up.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Number = Annotated[int, typer.Argument(help="The delivery's number, as `meschain inbox list` shows it.", min=1)]


@commands.command("list")
@reporting
def show_list(
    status: Annotated[str | None, typer.Option(help=f"Those of one status: {', '.join(Status.ALL)}.")] = None,
    vendor: Annotated[
        str | None, typer.Option(help="Those of one vendor, as in its address: etsy, ebay-soap, …")
    ] = None,
    before: Annotated[int | None, typer.Option(help="Those with a lower number, to go on behind a list.")] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=200)] = 50,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Show the newest deliveries, and how many wait or were given up."""

    async def work(state: OpenState) -> tuple[Sequence[StoredDelivery], Backlog]:
        try:
            found = await state.inbox.list(status=status, vendor=vendor, before=before, limit=limit)
        except ValueError as error:
            raise CommandFailed(str(error)) from None
        return found, await state.inbox.backlog()

    deliveries, backlog = with_state(config, data_dir, work)
    table = Table("Number", "Received", "From", "Kind", "Status", "Attempts", "Note", box=None, pad_edge=False)
    for each in deliveries:
        table.add_row(
            str(each.number),
            iso_utc(each.delivery.received_at),
            f"{each.delivery.vendor}/{each.delivery.store}",
            each.delivery.kind,
            each.status,
            str(each.attempts),
            each.note,
        )
    # A pipe gets whole lines, whatever the width of a terminal may be.
    Console(width=None if sys.stdout.isatty() else 300, markup=False, highlight=False).print(table)
    typer.echo(f"{backlog.waiting} wait, {backlog.dead} were given up.")


@commands.command()
@reporting
def show(number: Number, config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Show one delivery with its body, which may hold a buyer's data."""
    found = with_state(config, data_dir, lambda state: state.inbox.show(person(), number))
    if found is None:
        raise CommandFailed(f"There is no delivery {number}; it may be older than the inbox keeps them.")
    delivery = found.delivery
    typer.echo(f"{found.number} {found.status}, {found.attempts} attempts: {found.note or '-'}")
    typer.echo(f"from {delivery.vendor}/{delivery.store} at {iso_utc(delivery.received_at)}, key {delivery.key}")
    typer.echo(f"{delivery.method} {delivery.path or '-'}, {len(delivery.body)} bytes")
    for name, value in sorted(delivery.headers.items()):
        typer.echo(f"{name}: {value}")
    typer.echo("")
    typer.echo(delivery.body.decode(errors="backslashreplace"))


@commands.command()
@reporting
def replay(
    number: Annotated[int | None, typer.Argument(help="The delivery's number.", min=1)] = None,
    dead: Annotated[bool, typer.Option("--dead", help="All that were given up, instead of one.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Work on a delivery again; what it led to before is not told a second time."""
    if (number is None) != dead:
        raise CommandFailed("Give either the number of a delivery, or --dead.")
    if number is None:

        async def replay_dead(state: OpenState) -> int:
            page = await state.inbox.replay_dead(person())
            count = page.replayed
            while page.before is not None:
                page = await state.inbox.replay_dead(person(), page.before)
                count += page.replayed
            return count

        count = with_state(config, data_dir, replay_dead)
        typer.echo(f"{count} deliveries are worked on again.")
        return
    if not with_state(config, data_dir, lambda state: state.inbox.replay(person(), number)):
        raise CommandFailed(f"There is no delivery {number}, or it was dropped.")
    typer.echo(f"Delivery {number} is worked on again.")


@commands.command()
@reporting
def drop(number: Number, config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Give a delivery up for good, and empty its body."""
    if not with_state(config, data_dir, lambda state: state.inbox.drop(person(), number)):
        raise CommandFailed(f"There is no delivery {number}.")
    typer.echo(f"Delivery {number} is dropped.")
