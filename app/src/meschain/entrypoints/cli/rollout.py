"""`meschain rollout …`: who is sent to the green side, for whoever has a shell on the server. Audited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from meschain.domain.rollout import Plan, PlanState, Side
from meschain.entrypoints.cli.reporting import CommandFailed, ConfigOption, DataDirOption, reporting
from meschain.entrypoints.cli.state import OpenState, person, with_state
from meschain.services.rollout_ports import Choice, PlanChanged, PlanRefused, RolloutStatus

commands = typer.Typer(
    help="Move clients from the blue side to the green one, and back.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

ReasonOption = Annotated[str, typer.Option("--reason", help="For the audit, and for who looks at it later.")]


@commands.command()
@reporting
def status(config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Show the plan, who is where, and what the guards and the comparison say."""

    async def work(state: OpenState) -> tuple[RolloutStatus, Sequence[Plan]]:
        return await state.rollout.status(), await state.rollout.history(_SHOWN)

    found, history = with_state(config, data_dir, work)
    _show(found.plan)
    for side in Side:
        figures = found.figures.get(side.value)
        typer.echo(f"{side:5}  {found.connections.get(side, 0)} connections{_figures(figures)}")
    if found.figures.get("guard"):
        typer.echo(f"guard  {found.figures['guard']}")
    if found.plan.shadow:
        differences = found.shadow.get("differences")
        count = len(differences) if isinstance(differences, list) else 0
        typer.echo(f"shadow {found.shadow.get('compared', 0)} events compared, {count} differences")
        for difference in differences if isinstance(differences, list) else ():
            typer.echo(f"       {difference}")
    for plan in history[1:]:
        typer.echo(f"before: version {plan.version} {plan.state} at {plan.percent} % by {plan.changed_by}")


@commands.command()
@reporting
def start(
    percent: Annotated[int, typer.Option(help="Share of the users to begin with.", min=0, max=100)] = 0,
    role: Annotated[list[str] | None, typer.Option(help="A role that goes to green whole; repeat it.")] = None,
    user: Annotated[list[str] | None, typer.Option(help="A user that does, as own:7; repeat it.")] = None,
    marketplace: Annotated[
        list[str] | None, typer.Option(help="A marketplace whose users do, those it was granted to; repeat it.")
    ] = None,
    shadow: Annotated[bool, typer.Option("--shadow", help="Compare what both sides deliver.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Begin a roll-out."""
    choice = Choice(tuple(role or ()), tuple(user or ()), tuple(marketplace or ()))
    _change(
        config, data_dir, lambda state: state.rollout.start(person(), percent=percent, choice=choice, shadow=shadow)
    )


@commands.command()
@reporting
def advance(
    to: Annotated[
        int | None,
        typer.Option("--to", help="Percent, up or down; without it the next of 1, 5, 25, 50, 100.", min=0, max=100),
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Turn the dial; what was held goes on."""
    _change(config, data_dir, lambda state: state.rollout.advance(person(), percent=to))


@commands.command()
@reporting
def hold(reason: ReasonOption = "", config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Leave open connections where they are until the next advance."""
    _change(config, data_dir, lambda state: state.rollout.hold(person(), reason))


@commands.command()
@reporting
def rollback(reason: ReasonOption = "", config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Send and move everybody back to blue, at once."""
    _change(config, data_dir, lambda state: state.rollout.roll_back(person(), reason))


def _change(config: Path | None, data_dir: Path | None, change: Callable[[OpenState], Awaitable[Plan]]) -> None:
    async def work(state: OpenState) -> Plan:
        try:
            return await change(state)
        except (PlanRefused, PlanChanged) as error:
            raise CommandFailed(str(error)) from None

    _show(with_state(config, data_dir, work))


def _show(plan: Plan) -> None:
    if plan.state is PlanState.NONE:
        typer.echo("There was no roll-out yet: everybody is on blue.")
        return
    chosen = [*plan.roles, *plan.user_ids, *plan.marketplaces]
    besides = f", and {', '.join(chosen)}" if chosen else ""
    typer.echo(f"version {plan.version}: {plan.state}, {plan.percent} % of the users on green{besides}")
    reason = f": {plan.reason}" if plan.reason else ""
    typer.echo(f"by {plan.changed_by} at {plan.changed_at}{reason}")


def _figures(figures: object) -> str:
    if not isinstance(figures, dict):
        return ""
    return (
        f", {figures.get('connectsFailed', 0):g} % of connects failed, {figures.get('errors', 0):g} % errors, "
        f"{figures.get('latencyMs', 0):g} ms to a client"
    )


_SHOWN = 6
