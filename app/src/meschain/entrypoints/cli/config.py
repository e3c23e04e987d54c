"""`meschain config check`: each setting as it counts and where it comes from; secrets are masked."""

from __future__ import annotations

import sys

import typer
from rich.console import Console
from rich.table import Table

from meschain.entrypoints.cli.reporting import ConfigOption, DataDirOption, reporting
from meschain.settings import load_settings

commands = typer.Typer(help="Settings.", no_args_is_help=True, pretty_exceptions_enable=False)


@commands.callback()
def _group() -> None:
    """Settings."""


@commands.command()
@reporting
def check(config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Show every setting with its source, or say what is wrong (exit code 3)."""
    loaded = load_settings(config, {"data_dir": data_dir})
    table = Table("Setting", "Value", "Source", box=None, pad_edge=False)
    for setting in loaded.effective():
        table.add_row(setting.key, setting.value, setting.source)
    Console(width=None if sys.stdout.isatty() else 200, markup=False, highlight=False).print(table)
    typer.echo("The settings can be used." + (" They serve the demo shop." if loaded.settings.demo else ""))
