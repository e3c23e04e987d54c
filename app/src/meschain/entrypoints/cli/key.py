"""`meschain key …`: keys by which the shop's own programs publish. A key is shown once, when it is made."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from meschain.auth.api_keys import ApiKey
from meschain.domain.events import EVENT_KINDS
from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.publications import SHOP
from meschain.entrypoints.cli.reporting import ConfigOption, DataDirOption, reporting
from meschain.entrypoints.cli.state import OpenState, with_state

commands = typer.Typer(
    help="Keys for the shop's own programs, which publish by them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@commands.command()
@reporting
def create(
    publisher: Annotated[str, typer.Argument(help="Name of the program; the key that follows another has the same.")],
    kind: Annotated[list[str], typer.Option(help=f"May be repeated: {', '.join(EVENT_KINDS)}, or all.")],
    marketplace: Annotated[
        list[str] | None, typer.Option(help=f"May be repeated: {SHOP}, {', '.join(MARKETPLACES)}, or all.")
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Print a new key. Keep it like a password: nobody can read it again."""

    async def work(state: OpenState) -> str:
        details = {"publisher": publisher, "kinds": kind, "marketplaces": marketplace or []}
        _, text = await state.audited("CreateKey", details, state.keys.create(publisher, kind, marketplace or ()))
        return text

    typer.echo(with_state(config, data_dir, work))


@commands.command("list")
@reporting
def list_keys(config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Show all keys, without what only their owners have."""

    async def work(state: OpenState) -> list[ApiKey]:
        return list(await state.keys.list())

    keys = with_state(config, data_dir, work)
    if not keys:
        typer.echo("There are no keys; `meschain key create NAME --kind order --marketplace shop` makes one.")
        return
    table = Table("Key", "Publisher", "Kinds", "Marketplaces", "Made", "State", box=None, pad_edge=False)
    for key in keys:
        table.add_row(
            key.id,
            key.publisher,
            ", ".join(key.kinds),
            ", ".join(key.marketplaces) or "-",
            f"{key.created_at:%Y-%m-%d}",
            "active" if key.revoked_at is None else f"revoked {key.revoked_at:%Y-%m-%d}",
        )
    # A pipe gets whole lines, whatever the width of a terminal may be.
    Console(width=None if sys.stdout.isatty() else 200, markup=False, highlight=False).print(table)


@commands.command()
@reporting
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="As `meschain key list` shows it.")],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Refuse a key from the next request on."""

    key = with_state(
        config, data_dir, lambda state: state.audited("RevokeKey", {"key": key_id}, state.keys.revoke(key_id))
    )
    typer.echo(f"The key {key.id} of {key.publisher} is refused from now on.")
