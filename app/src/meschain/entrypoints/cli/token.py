"""`meschain token`: a bearer token for a user or for one of the shop's programs. The only issuer of role `service`."""

from __future__ import annotations

import re
from typing import Annotated, Final

import typer

from meschain.auth.claims import SERVICE_PREFIX
from meschain.auth.keys import LOGIN_KEYS
from meschain.auth.login_tokens import LoginTokens
from meschain.auth.own_accounts import own_identity
from meschain.domain.roles import Identity, Role
from meschain.entrypoints.cli.reporting import CommandFailed, ConfigOption, DataDirOption, reporting
from meschain.entrypoints.cli.state import OpenState, with_state
from meschain.state.demo_file import signing_secrets

_SERVICE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LIFETIME: Final = re.compile(r"([1-9][0-9]{0,7})([smhd])")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST_SECONDS: Final = 366 * 86_400
"""A token of a service cannot be called back but by changing the secret, so none lives longer than a year."""


@reporting
def issue(
    username: Annotated[str | None, typer.Argument(help="An own account.")] = None,
    service: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of a program of the shop: a token with the role service.")
    ] = None,
    lifetime: Annotated[str, typer.Option(help="How long it is good: 15m, 8h, 30d.")] = "1h",
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Print a bearer token for /api. Keep it like a password: whoever has it acts as that user or service."""
    if (username is None) == (service is None):
        raise CommandFailed("Give either the name of a user or --service NAME.")
    seconds = seconds_of(lifetime)

    async def work(state: OpenState) -> str:
        tokens = LoginTokens(signing_secrets(state.settings).keys(LOGIN_KEYS), state.clock)
        details = {"service": service} if service is not None else {"username": username}
        return await state.audited("IssueToken", {**details, "lifetime": lifetime}, make(state, tokens))

    async def make(state: OpenState, tokens: LoginTokens) -> str:
        if service is not None:
            return tokens.issue(_service(service), seconds)
        account = await state.accounts.get(username or "")
        if account.disabled:
            raise CommandFailed(
                f"{account.username} is disabled; `meschain user enable {account.username}` changes that."
            )
        return tokens.issue(own_identity(account), seconds)

    typer.echo(with_state(config, data_dir, work))


def _service(name: str) -> Identity:
    if not _SERVICE_NAME.fullmatch(name):
        raise CommandFailed("The name of a service has at most 64 lower-case letters, digits and . _ -.")
    return Identity(f"{SERVICE_PREFIX}{name}", name, Role.SERVICE)


def seconds_of(lifetime: str) -> int:
    """A lifetime as people write it. Raises: CommandFailed."""
    match = _LIFETIME.fullmatch(lifetime)
    if match is None:
        raise CommandFailed(f"{lifetime!r} is no lifetime; write a number and s, m, h or d, as in 8h.")
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > _LONGEST_SECONDS:
        raise CommandFailed("A token lives a year at most.")
    return seconds
