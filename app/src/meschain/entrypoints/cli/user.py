"""`meschain user …`: the accounts of our own store. Passwords come by prompt or standard input, not as an argument."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from meschain.auth.own_accounts import OPENCART, OWN, AccountAdministration
from meschain.auth.ports import Account
from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.roles import LOGIN_ROLES, Role
from meschain.entrypoints.cli.reporting import CommandFailed, ConfigOption, DataDirOption, reporting
from meschain.entrypoints.cli.state import OpenState, with_state

commands = typer.Typer(
    help="Accounts that log in to the dashboards.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Username = Annotated[str, typer.Argument(help="The user's name; upper and lower case do not matter.")]
Source = Annotated[
    str,
    typer.Option(help=f"{OWN}: logs in with a password of ours; {OPENCART}: an admin of the shop."),
]
PasswordFromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")
]
RoleName = Annotated[str, typer.Argument(help=f"One of {', '.join(LOGIN_ROLES)}.")]
_CODES = f"{', '.join(MARKETPLACES)}, or all"


@commands.command()
@reporting
def add(
    username: Username,
    role: Annotated[str, typer.Option(help=f"One of {', '.join(LOGIN_ROLES)}.")],
    marketplace: Annotated[list[str] | None, typer.Option(help=f"May be repeated: {_CODES}.")] = None,
    name: Annotated[str | None, typer.Option(help="The name that pages show; default: the user name.")] = None,
    source: Source = OWN,
    password_stdin: PasswordFromStdin = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Add an account, or fix the role of a shop's admin (--source opencart)."""
    wanted = _role(role)
    password = None if source == OPENCART else _password(password_stdin)

    async def work(state: OpenState) -> tuple[Account, bool]:
        details = {"username": username, "source": source, "role": role, "marketplaces": marketplace or []}
        adding = state.accounts.add(username, wanted, marketplace or (), password=password, name=name, source=source)
        return await state.audited("AddAccount", details, adding), state.settings.demo

    account, in_demo = with_state(config, data_dir, work)
    typer.echo(f"Added {account.username} as {account.role}{' of the demo: opencart_url is not set' * in_demo}.")


@commands.command("list")
@reporting
def list_accounts(config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Show all accounts."""

    async def work(state: OpenState) -> list[Account]:
        return list(await state.accounts.list())

    accounts = with_state(config, data_dir, work)
    if not accounts:
        typer.echo("There are no accounts; `meschain user add NAME --role ROLE` makes one.")
        return
    table = Table("User", "Source", "Role", "Marketplaces", "State", "Name", box=None, pad_edge=False)
    for account in accounts:
        table.add_row(
            account.username,
            account.source,
            account.role,
            ", ".join(account.marketplaces) or "-",
            "disabled" if account.disabled else "active",
            account.name,
        )
    # A pipe gets whole lines, whatever the width of a terminal may be.
    Console(width=None if sys.stdout.isatty() else 200, markup=False, highlight=False).print(table)


@commands.command()
@reporting
def disable(
    username: Username, source: Source = OWN, config: ConfigOption = None, data_dir: DataDirOption = None
) -> None:
    """Forbid an account to log in, and end its log-ins."""
    account = _change(
        config,
        data_dir,
        "DisableAccount",
        {"username": username, "source": source},
        lambda accounts: accounts.set_disabled(username, True, source),
    )
    # Which log-ins are a shop's admin's is known to the shop alone; the page finds out when it renews its token.
    when = "when they renew their tokens" if source == OPENCART else "within seconds"
    typer.echo(f"Disabled {account.username}; it cannot log in again, and pages that are open lose it {when}.")


@commands.command()
@reporting
def enable(
    username: Username, source: Source = OWN, config: ConfigOption = None, data_dir: DataDirOption = None
) -> None:
    """Let a disabled account log in again."""
    account = _change(
        config,
        data_dir,
        "EnableAccount",
        {"username": username, "source": source},
        lambda accounts: accounts.set_disabled(username, False, source),
    )
    typer.echo(f"Enabled {account.username}.")


@commands.command("set-role")
@reporting
def set_role(
    username: Username,
    role: RoleName,
    source: Source = OWN,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Give an account another role; one that is not higher ends its log-ins."""
    wanted = _role(role)
    account = _change(
        config,
        data_dir,
        "SetRole",
        {"username": username, "source": source, "role": role},
        lambda accounts: accounts.set_role(username, wanted, source),
    )
    typer.echo(f"{account.username} is {account.role} now.")


@commands.command()
@reporting
def grant(
    username: Username,
    marketplaces: Annotated[list[str], typer.Argument(help=f"{_CODES}; none takes all away.")],
    source: Source = OWN,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Give an account exactly these marketplaces, instead of those that it has; taking one away ends its log-ins."""
    codes = [] if marketplaces == ["none"] else marketplaces
    account = _change(
        config,
        data_dir,
        "GrantMarketplaces",
        {"username": username, "source": source, "marketplaces": codes},
        lambda accounts: accounts.grant(username, codes, source),
    )
    typer.echo(f"{account.username} has {', '.join(account.marketplaces) or 'no marketplace'} now.")


@commands.command("password")
@reporting
def set_password(
    username: Username,
    password_stdin: PasswordFromStdin = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Set the password of an own account, and end its log-ins."""
    password = _password(password_stdin)
    account = _change(
        config,
        data_dir,
        "SetPassword",
        {"username": username},
        lambda accounts: accounts.set_password(username, password),
    )
    typer.echo(f"The password of {account.username} is set.")


def _change(
    config: Path | None,
    data_dir: Path | None,
    action: str,
    details: Mapping[str, object],
    change: Callable[[AccountAdministration], Awaitable[Account]],
) -> Account:
    """Change an account, audited."""
    return with_state(config, data_dir, lambda state: state.audited(action, details, change(state.accounts)))


def _role(text: str) -> Role:
    if text not in LOGIN_ROLES:
        raise CommandFailed(f"There is no role {text!r} for accounts; choose one of {', '.join(LOGIN_ROLES)}.")
    return Role(text)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    else:
        raise CommandFailed("There is no terminal to ask for the password; give --password-stdin and pipe it in.")
    if not password:
        raise CommandFailed("The password is empty.")
    return password
