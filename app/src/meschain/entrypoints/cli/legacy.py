"""`meschain legacy …`: signed links for old pages whose address of the server can be set, and recalls of open ones."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Final

import typer

from meschain.auth.login_tokens import LoginTokens
from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.roles import LOGIN_ROLES, Identity, Role
from meschain.entrypoints.cli.reporting import CommandFailed, ConfigOption, DataDirOption, reporting
from meschain.entrypoints.cli.state import OpenState, with_state
from meschain.entrypoints.cli.token import seconds_of
from meschain.legacy.proof import LINK_KEYS, LINK_PREFIX, link
from meschain.services.clock import SystemClock
from meschain.services.legacy_recall import Recall
from meschain.settings import load_settings
from meschain.state.demo_file import signing_secrets

_MOST_PER_SECOND: Final = 1_000
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

commands = typer.Typer(
    help="Old pages, which speak to the old WebSocket servers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@commands.command("link")
@reporting
def make_link(
    page: Annotated[str, typer.Argument(help="Name of the page; it stands in the audit for what is done by it.")],
    role: Annotated[str, typer.Option(help=f"At most this: {', '.join(LOGIN_ROLES)}.")],
    marketplace: Annotated[
        list[str] | None, typer.Option(help=f"Granted to it; may be repeated: {', '.join(MARKETPLACES)}.")
    ] = None,
    lifetime: Annotated[str, typer.Option(help="How long it is good: 8h, 30d.")] = "90d",
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Print what to put behind the address that the page dials. Whoever sees the page's source has it."""
    if not _NAME.fullmatch(page):
        raise CommandFailed("The name of a page has at most 64 lower-case letters, digits and . _ -.")
    if role not in LOGIN_ROLES:
        raise CommandFailed(f"{role!r} is no role; they are {', '.join(LOGIN_ROLES)}.")
    unknown = [code for code in marketplace or () if code not in MARKETPLACES]
    if unknown:
        raise CommandFailed(f"{unknown[0]!r} is not a marketplace; they are {', '.join(MARKETPLACES)}.")
    settings = load_settings(config, {"data_dir": data_dir}).settings
    tokens = LoginTokens(signing_secrets(settings).keys(LINK_KEYS), SystemClock())
    identity = Identity(f"{LINK_PREFIX}{page}", page, Role(role), tuple(marketplace or ()))
    typer.echo(f"?token={link(tokens, identity, seconds_of(lifetime))}")


@commands.command()
@reporting
def recall(
    listener: Annotated[str, typer.Argument(help="Its name in legacy_listeners.")],
    network: Annotated[
        str | None, typer.Option(help="Of the pages' addresses, as 198.51.100.0/24; without it all.")
    ] = None,
    per_second: Annotated[
        int, typer.Option(help="Pages that each process ends in a second.", min=1, max=_MOST_PER_SECOND)
    ] = 25,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """End a listener's open connections, so that their pages come again: to where the front sends them by now.

    A page is away for its own delay, which is five seconds for most, and is told what it missed.
    """

    async def work(state: OpenState) -> None:
        known = sorted(state.settings.legacy_listeners)
        if listener not in known:
            raise CommandFailed(f"{listener!r} is no listener; {_listed(known)}.")
        asked = Recall(listener, _network(network), per_second)
        details = {"listener": asked.listener, "network": asked.network, "perSecond": asked.per_second}
        await state.audited("recallOldPages", details, state.recalls.add(asked, state.clock.now()))

    with_state(config, data_dir, work)
    typer.echo(f"Open pages of {listener} are told to come again, {per_second} a second in each process.")


def _listed(names: list[str]) -> str:
    return f"legacy_listeners has {', '.join(names)}" if names else "legacy_listeners has none"


def _network(text: str | None) -> str:
    if text is None:
        return ""
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise CommandFailed(f"--network is a network as 198.51.100.0/24: {error}.") from None
