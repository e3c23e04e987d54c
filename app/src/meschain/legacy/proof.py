"""Who is behind an old page, as far as it is proved: by a signed link, a log-in's token, or not at all.

None of the old clients sends a credential. A page whose address of the server can be set carries a signed link, the
query `token`; everybody else is what the listener's settings say of who comes without.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from meschain.auth.bearer import Bearer
from meschain.auth.login_tokens import InvalidToken, LoginTokens
from meschain.domain.roles import Identity, Operation, Role, may
from meschain.legacy.figures import may_see
from meschain.legacy_settings import LegacyListener

LINK_KEYS: Final = "legacy link"
"""Purpose of the keys that sign links: one never passes as a log-in's token."""
LINK_PREFIX: Final = "link:"
"""User ids of links."""

Verify = Callable[[str], Awaitable[Bearer]]
"""Gives who a token speaks for. Raises: InvalidToken; whatever keeps it from being checked."""


@dataclass(frozen=True, slots=True)
class Guest:
    """Whoever is behind a connection."""

    identity: Identity
    is_proved: bool
    until: datetime | None = None
    """When what proved it ends; None: nothing did."""
    log_in: str | None = None
    """The log-in that proved it; None: something else, or nothing."""


def link(tokens: LoginTokens, identity: Identity, lifetime_seconds: float) -> str:
    """The token of a signed link. Whoever has it is that identity on old listeners, and nowhere else."""
    return tokens.issue(identity, lifetime_seconds)


class Proofs:
    """Args: links: with the keys of `LINK_KEYS`. bearer: of log-ins."""

    def __init__(self, links: LoginTokens, bearer: Verify) -> None:
        self._links = links
        self._bearer = bearer

    async def guest(self, listener: LegacyListener, name: str, token: str) -> Guest:
        """Who it is on this listener. Raises: InvalidToken; whatever keeps a token from being checked."""
        if not token:
            return Guest(Identity(f"legacy:{name}", f"Old page ({name})", listener.role, listener.marketplaces), False)
        try:
            claims = self._links.verify(token)
        except InvalidToken:
            bearer = await self._bearer(token)
            return Guest(lowered(bearer.identity, listener.ceiling), True, bearer.good_until, bearer.session_id)
        return Guest(lowered(claims.identity, listener.ceiling), True, claims.expires_at)


def lowered(identity: Identity, role: Role) -> Identity:
    """The same person with that role, where that is less; a role is never raised."""
    if identity.role is Role.SERVICE or role.level < identity.role.level:
        return Identity(identity.user_id, identity.name, role, identity.marketplaces)
    return identity


def claimed(identity: Identity, claim: str) -> Identity:
    """What somebody is who says to be this: never more than it is. A word that names no role of ours claims nothing."""
    try:
        role = Role(claim)
    except ValueError:
        return identity
    return identity if role is Role.SERVICE else lowered(identity, role)


def may_sync(listener: LegacyListener, guest: Guest, marketplace: str) -> bool:
    """Whether a sync may be started: by right, and proved unless the operator gave that up."""
    is_trusted = guest.is_proved or listener.sync_without_link
    is_right = may(guest.identity.role, Operation.START_SYNC) and may_see(guest.identity, marketplace)
    return is_trusted and is_right
