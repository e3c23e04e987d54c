"""Signing in as an administrator who is logged in to the shop, without a password. Knows no HTTP and no SQL.

The shop's own extension asks for it, from server to server, with what makes OpenCart believe a request of its
administration: the session's id and the user token. It gets a token for scripts, or a ticket: good once and for a
minute, which the administrator's browser changes for a log-in. So neither secret of the shop ever leaves for a browser.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from meschain.auth.bearer import current_identity
from meschain.auth.login import LogIn, LoginService, WrongCredentials
from meschain.auth.ports import Clock, PasswordCheck
from meschain.auth.throttle import SlidingLimit, network_of
from meschain.domain.roles import Identity

TICKET_SECONDS: Final = 60
"""The browser is sent on at once; a minute is for slow networks."""


@dataclass(frozen=True, slots=True)
class ShopSession:
    """What an administrator's browser and address bar hold, as the shop's extension passes it on."""

    session_id: str = field(repr=False)
    user_token: str = field(repr=False)
    device_token: str = field(repr=False)
    """The cookie by which a shop with a second factor knows a trusted browser; empty: there is none."""


class ShopSessions(Protocol):
    """The shop's own sessions."""

    async def identity(self, session: ShopSession) -> Identity | None:
        """Whose session it is; None where OpenCart itself would not believe it.

        Raises: SecondFactorRequired when the browser is not one that the shop trusts; ShopUnavailable.
        """


class TicketStore(Protocol):
    """Tickets by their hash. Suite: `TicketStoreSpec`."""

    async def add(self, token_hash: str, user_id: str, expires_at: datetime, now: datetime) -> None:
        """Store one; those that ran out are forgotten."""

    async def take(self, token_hash: str, now: datetime) -> str | None:
        """The user of a ticket that is good, which it is not any more afterwards, for whoever comes at once as well."""


class ShopSignIn:
    """The use case.

    Args:
        failures: by the address of whoever asks. A session's id cannot be guessed; this keeps guessers off the shop's
            database.
    """

    def __init__(
        self,
        sessions: ShopSessions,
        tickets: TicketStore,
        checks: Sequence[PasswordCheck],
        login: LoginService,
        failures: SlidingLimit,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._tickets = tickets
        self._checks = checks
        self._login = login
        self._failures = failures
        self._clock = clock

    async def log_in(self, session: ShopSession, address: str) -> LogIn:
        """A log-in of its own, for scripts in the shop's administration.

        Raises: WrongCredentials; SecondFactorRequired; Throttled; ShopUnavailable.
        """
        return await self._login.open(await self._identity(session, address), address)

    async def ticket(self, session: ShopSession, address: str) -> str:
        """A ticket for the browser. Raises: as `log_in`."""
        identity = await self._identity(session, address)
        ticket = secrets.token_urlsafe(32)
        now = self._clock.now()
        await self._tickets.add(_hash(ticket), identity.user_id, now + timedelta(seconds=TICKET_SECONDS), now)
        return ticket

    async def redeem(self, ticket: str) -> LogIn:
        """The log-in that a ticket is changed for.

        Raises: WrongCredentials for one that was used, ran out or never was; what the sources of users raise.
        """
        user_id = await self._tickets.take(_hash(ticket), self._clock.now())
        identity = None if user_id is None else await current_identity(self._checks, user_id)
        if identity is None:
            raise WrongCredentials
        return await self._login.open(identity)

    async def _identity(self, session: ShopSession, address: str) -> Identity:
        network = network_of(address)
        self._failures.check(network)
        identity = await self._sessions.identity(session)
        if identity is None:
            self._failures.add(network)
            raise WrongCredentials
        return identity


def _hash(ticket: str) -> str:
    """Plain SHA-256 does for 256 random bits."""
    return hashlib.sha256(ticket.encode()).hexdigest()
