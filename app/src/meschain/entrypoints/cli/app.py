"""The commands put together. What loads the server is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version as distribution_version
from typing import Annotated, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from meschain.entrypoints.cli import azure, config, demo, inbox, key, legacy, rollout, token, user

_LATER: Final = {
    "serve": "meschain.entrypoints.serve",
    "dev": "meschain.entrypoints.dev",
    "doctor": "meschain.entrypoints.doctor",
    "checklist": "meschain.entrypoints.checklist",
}
"""Command -> module with a function of that name."""


class _Commands(TyperGroup):
    """A group that knows some commands by name only, until one is asked for."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override] # typer hides click's Context
        return [*_LATER, *super().list_commands(ctx)]

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | TyperGroup | None:  # type: ignore[override] # the same
        if cmd_name not in _LATER:
            return super().get_command(ctx, cmd_name)  # type: ignore[return-value] # all our commands are typer's
        application = typer.Typer(add_completion=False)
        application.command(cmd_name)(getattr(import_module(_LATER[cmd_name]), cmd_name))
        command = get_command(application)
        assert isinstance(command, TyperCommand | TyperGroup)  # noqa: S101 - typer makes nothing else
        command.name = cmd_name
        return command


app: Final = typer.Typer(
    name="meschain",
    cls=_Commands,
    help="A shop's live dashboards, notifications and marketplace events.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(user.commands, name="user")
app.add_typer(key.commands, name="key")
app.add_typer(config.commands, name="config")
app.add_typer(demo.commands, name="demo")
app.add_typer(azure.commands, name="azure")
app.add_typer(inbox.commands, name="inbox")
app.add_typer(legacy.commands, name="legacy")
app.add_typer(rollout.commands, name="rollout")
app.command("token")(token.issue)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"meschain {distribution_version('meschain')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and end.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Options before the command."""


def main() -> None:
    """The console script."""
    app()
