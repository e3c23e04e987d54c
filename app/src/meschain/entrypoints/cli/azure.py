"""`meschain azure …`: the application's resources on Azure, from the templates in deploy/azure.

Azure's libraries come with the extra `azure` and are imported when a command needs them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from meschain.entrypoints.cli.reporting import CommandFailed, reporting
from meschain.provisioning import Parameters, assemble, read_parameters, read_secrets

if TYPE_CHECKING:
    from meschain.provisioning.resource_manager import ResourceManager, Target

commands = typer.Typer(
    help="The application's resources on Azure.", no_args_is_help=True, pretty_exceptions_enable=False
)

_TEMPLATES: Final = Path("deploy/azure")

Subscription = Annotated[str, typer.Option(help="Id of the Azure subscription.")]
Group = Annotated[str, typer.Option(help="Name of the resource group, which holds nothing else.")]
Location = Annotated[str, typer.Option(help="Region of the resource group, as in westeurope.")]
ParametersFile = Annotated[Path, typer.Option("--parameters", help="JSON file with the parameters; no secrets.")]
SecretsFile = Annotated[
    Path | None,
    typer.Option(
        "--secrets", help="JSON object of secrets by parameter; -: from standard input. Not given: as they are."
    ),
]
Templates = Annotated[Path, typer.Option(help="Folder with main.json.")]
ResourceManagerAddress = Annotated[
    str | None, typer.Option("--resource-manager", help="Address of the resource manager of a cloud of your own.")
]


@commands.callback()
def _group() -> None:
    """The application's resources on Azure."""


@commands.command()
@reporting
def plan(
    subscription: Subscription,
    group: Group,
    location: Location,
    parameters: ParametersFile,
    templates: Templates = _TEMPLATES,
    resource_manager: ResourceManagerAddress = None,
    what_if: Annotated[
        bool, typer.Option("--what-if", help="Ask Azure what a deployment would change, instead; changes nothing.")
    ] = False,
    secrets: SecretsFile = None,
) -> None:
    """Print every call that `apply` makes, with its body; needs no log-in and calls nobody."""
    template, values = _inputs(templates, parameters, secrets)
    target = _target(subscription, group, resource_manager)
    if what_if:
        with _connected(target) as manager:
            typer.echo("\n".join(manager.what_if(template, values)))
        return
    from meschain.provisioning.resource_manager import plan as calls_of

    typer.echo("\n\n".join(str(call) for call in calls_of(target, location, template, values)))


@commands.command()
@reporting
def apply(
    subscription: Subscription,
    group: Group,
    location: Location,
    parameters: ParametersFile,
    secrets: SecretsFile = None,
    templates: Templates = _TEMPLATES,
    resource_manager: ResourceManagerAddress = None,
) -> None:
    """Make the resource group and deploy into it; again: bring it to what the templates and parameters say."""
    template, values = _inputs(templates, parameters, secrets)
    with _connected(_target(subscription, group, resource_manager)) as manager:
        outputs = manager.apply(location, template, values, _progress)
    for name in values.missing_secrets:
        typer.echo(f"{name} was not given; the vault keeps what it has.")
    _show(outputs)


@commands.command()
@reporting
def status(subscription: Subscription, group: Group, resource_manager: ResourceManagerAddress = None) -> None:
    """Show the last deployment, and every resource with its state and health; exit code 1: not all is well."""
    with _connected(_target(subscription, group, resource_manager)) as manager:
        found = manager.status()
    typer.echo(f"group {group} in {found.location}")
    typer.echo(f"deployment {found.deployment or 'none yet; run `meschain azure apply`'}")
    _show(found.outputs)
    for resource in found.resources:
        words = (resource.kind, resource.name, resource.state, resource.health, "" if resource.is_ours else "not ours")
        typer.echo("  ".join(word for word in words if word))
    for failure in found.failures:
        typer.echo(f"failed: {failure}")
    if not found.is_well:
        raise typer.Exit(1)


@commands.command()
@reporting
def destroy(
    subscription: Subscription,
    group: Group,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the group's name.")] = False,
    resource_manager: ResourceManagerAddress = None,
) -> None:
    """Delete the resource group with all that `apply` made; refused where it holds something else."""
    with _connected(_target(subscription, group, resource_manager)) as manager:
        if not yes:
            for resource in manager.status().resources:
                typer.echo(f"{resource.kind}  {resource.name}")
            if typer.prompt(f"All of this is deleted. Type {group} to do it") != group:
                raise CommandFailed("That is not the name; nothing was deleted.")
        manager.destroy(_progress)
    typer.echo("Deleted. The key vault can be taken back for 90 days, and its name is taken as long.")


def _inputs(templates: Path, parameters: Path, secrets: Path | None) -> tuple[dict[str, Any], Parameters]:
    template = assemble(templates)
    return template, read_parameters(template, parameters, _secrets(secrets))


def _secrets(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    if path == Path("-"):
        return read_secrets(sys.stdin)
    try:
        with path.open(encoding="utf-8") as file:
            return read_secrets(file)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}. Give the file with the secrets.") from None


def _target(subscription: str, group: str, resource_manager: str | None) -> Target:
    try:
        from meschain.provisioning.resource_manager import Target
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("azure"):
            raise
        raise CommandFailed("Azure's libraries are not installed; run `pip install 'meschain[azure]'`.") from None
    return Target(subscription, group, resource_manager)


@contextmanager
def _connected(target: Target) -> Iterator[ResourceManager]:
    from azure.identity import DefaultAzureCredential

    from meschain.provisioning.resource_manager import ResourceManager

    with DefaultAzureCredential() as credential, ResourceManager(target, credential) as manager:
        yield manager


def _progress(text: str) -> None:
    typer.echo(text, err=True)


def _show(outputs: Mapping[str, str]) -> None:
    for name, value in outputs.items():
        typer.echo(f"{name} = {value}")
