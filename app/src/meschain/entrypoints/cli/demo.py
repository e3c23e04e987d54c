"""`meschain demo …`: acts in the demo shop from outside, so that people and tests see a running page follow it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from meschain.domain.marketplaces import MARKETPLACES
from meschain.entrypoints.cli.reporting import CommandFailed, ConfigOption, DataDirOption, reporting
from meschain.settings import load_settings

commands = typer.Typer(help="The demo shop.", no_args_is_help=True, pretty_exceptions_enable=False)

COUNTER = "shop"
"""The shop's own counter, where no marketplace is behind an order."""


@commands.callback()
def _group() -> None:
    """The demo shop."""


@commands.command()
@reporting
def order(
    marketplace: Annotated[
        str | None, typer.Option(help=f"One of {', '.join(MARKETPLACES)}, or {COUNTER}; without it one by chance.")
    ] = None,
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Place one order in the demo shop's database; pages that are open show it."""
    if marketplace is not None and marketplace != COUNTER and marketplace not in MARKETPLACES:
        raise CommandFailed(f"There is no marketplace {marketplace!r}; there are {', '.join(MARKETPLACES)}, {COUNTER}.")
    settings = load_settings(config, {"data_dir": data_dir}).settings
    if not settings.demo:
        raise CommandFailed("opencart_url is set: orders are placed in the demo shop only.")
    order_id = asyncio.run(_place_order(settings.data_dir, marketplace))
    typer.echo(f"Placed order {order_id}.")


async def _place_order(data_dir: Path, marketplace: str | None) -> int:
    # Imported here: other commands need no shop.
    from random import SystemRandom

    from meschain.bootstrap import DEMO_SHOP_FILE
    from meschain.opencart.demo.shop import DemoShop
    from meschain.services.clock import SystemClock

    path = data_dir.expanduser().absolute() / DEMO_SHOP_FILE  # noqa: ASYNC240 - nothing else runs in this loop
    if not path.exists():
        raise CommandFailed(f"There is no demo shop in {path.parent}; start it with `meschain serve`.")
    shop = DemoShop.enter(path, clock=SystemClock(), random=SystemRandom())
    try:
        return await shop.driver().place_order(marketplace)
    finally:
        await shop.close()
