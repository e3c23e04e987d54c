"""What log-in needs from outside. Adapters: `state.accounts`, `state.login_sessions`, `opencart.accounts`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from meschain.domain.payloads import NegotiateAnswer
from meschain.domain.roles import Identity, Role


class Clock(Protocol):
    """Time. The same object that the services are given."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back."""


@dataclass(frozen=True, slots=True)
class Account:
    """A row of our own store. `source` "own": logs in here; "opencart": fixes role and grants of a shop admin."""

    id: str
    source: str
    username: str
    name: str
    role: Role
    marketplaces: tuple[str, ...]
    disabled: bool
    password_hash: str | None
    created_at: datetime

    def __repr__(self) -> str:
        return f"Account({self.source}:{self.username}, {self.role}, disabled={self.disabled})"


class AccountStore(Protocol):
    """Our own accounts. User names are compared without regard to case."""

    async def find(self, source: str, username: str) -> Account | None: ...

    async def get(self, account_id: str) -> Account | None: ...

    async def add(self, account: Account) -> None:
        """Raises: AccountExists."""

    async def save(self, account: Account) -> None: ...

    async def list(self) -> Sequence[Account]: ...


class AccountExists(Exception):
    """There is an account of that name already."""


class PasswordCheck(Protocol):
    """One source of dashboard users."""

    async def authenticate(self, username: str, password: str) -> Identity | None:
        """The identity, or None. Takes as long for an unknown user as for a wrong password.

        Raises: SecondFactorRequired when the password is right and is not enough.
        """

    async def knows(self, username: str) -> bool:
        """Whether it has a user of that name, who may be disabled; for the audit, never for whoever asks."""

    async def current(self, user_id: str) -> Identity | None:
        """The identity as of now, for a refresh or negotiate; None: disabled, gone, or not of this source."""


class SecondFactorRequired(Exception):
    """The shop asks this user for a second factor, so a password alone does not log in."""


@dataclass(frozen=True, slots=True)
class LoginSession:
    """A log-in that can be refreshed until it expires or is revoked."""

    id: str
    user_id: str
    token_hash: str
    created_at: datetime
    expires_at: datetime
    revoked: bool


class LoginSessionStore(Protocol):
    async def add(self, session: LoginSession) -> None: ...

    async def by_token_hash(self, token_hash: str) -> LoginSession | None: ...

    async def get(self, session_id: str) -> LoginSession | None: ...

    async def revoke(self, session_id: str) -> None: ...

    async def revoke_all(self, user_id: str) -> None:
        """End every log-in of this user."""

    async def remove_expired(self, now: datetime) -> None: ...

    async def ended(self, session_ids: Sequence[str], now: datetime) -> Sequence[str]:
        """Those among them that hold no longer: revoked, expired, or gone."""


class LoginJournal(Protocol):
    """Is told of log-ins, so that they can be shown and audited. Must not raise."""

    async def logged_in(self, identity: Identity, address: str) -> None:
        """`address` is where from; empty: not known."""

    async def logged_out(self, identity: Identity) -> None: ...

    async def refused(self, username: str, address: str, reason: str) -> None:
        """`username` is empty where nobody has that name: what was typed may be a password in the wrong place."""


class ClientAccess(Protocol):
    """Lets a client into a hub: the address to dial, and a token bound to hub, user and role."""

    async def issue(
        self, hub: str, identity: Identity, lifetime_seconds: float, session_id: str | None = None
    ) -> NegotiateAnswer:
        """The answer of negotiate. Checks no right: call it with what `auth.negotiate.decide` returned.

        Args:
            session_id: the log-in behind it, whose end ends the connection.

        Raises:
            ValueError: the identity does not fit into a token.
            AccessUnavailable: nobody can be let in now.
        """


class AccessUnavailable(Exception):
    """Who holds the connections gives nothing to let a client in with; the text is for the log."""
