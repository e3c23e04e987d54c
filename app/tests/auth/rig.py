"""What the tests of identity share: a hasher that counts, a second source of users, log-in on SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.tests.services.fakes import FakeClock
from argon2.exceptions import VerifyMismatchError

from meschain.auth.bearer import Bearers
from meschain.auth.external_tokens import ExternalTokens
from meschain.auth.issuers import TokenIssuer
from meschain.auth.keys import LOGIN_KEYS, Secrets
from meschain.auth.login import LoginService
from meschain.auth.login_tokens import LoginTokens
from meschain.auth.own_accounts import AccountAdministration, OwnAccounts
from meschain.auth.passwords import Passwords
from meschain.auth.ports import SecondFactorRequired
from meschain.auth.throttle import LoginThrottle, SlidingLimit
from meschain.domain.roles import Identity, Role
from meschain.services.ports import ShopUnavailable
from meschain.state.accounts import SqlAccountStore
from meschain.state.database import Database
from meschain.state.login_sessions import SqlLoginSessionStore

SECRET = "kP3vX9rTq2LmN8sYw5Bz7HcJf4Dg6AeU"
OTHER_SECRET = "Zu7TnR4eWq9XcVb2Lk6Hj5Gf3Ds8Ap1M"
PASSWORD = "correct horse battery"


class CountingHasher:
    """A quick stand-in for argon2 that remembers what it was asked."""

    def __init__(self) -> None:
        self.verified: list[tuple[str, str]] = []
        self.outdated = False
        self.prefix = "hash:"

    def hash(self, password: str) -> str:
        return f"{self.prefix}{password}"

    def verify(self, password_hash: str, password: str) -> bool:
        self.verified.append((password_hash, password))
        if password_hash != f"hash:{password}":
            raise VerifyMismatchError
        return True

    def check_needs_rehash(self, password_hash: str) -> bool:
        return self.outdated


class ShopUsers:
    """A `PasswordCheck` in the place of the shop's, with users in memory."""

    def __init__(self) -> None:
        self.users: dict[str, tuple[str, Identity]] = {}
        self.second_factor: set[str] = set()
        self.asked: list[str] = []
        self.is_down = False

    def add(self, username: str, role: Role, password: str = PASSWORD) -> Identity:
        identity = Identity(f"opencart:{len(self.users) + 1}", username.title(), role)
        self.users[username] = (password, identity)
        return identity

    async def authenticate(self, username: str, password: str) -> Identity | None:
        self.asked.append(username)
        if self.is_down:
            raise ShopUnavailable("The shop's database cannot be reached.")
        known, identity = self.users.get(username, (None, None))
        if identity is None or known != password:
            return None
        if username in self.second_factor:
            raise SecondFactorRequired
        return identity

    async def knows(self, username: str) -> bool:
        if self.is_down:
            raise ShopUnavailable("The shop's database cannot be reached.")
        return username in self.users

    async def current(self, user_id: str) -> Identity | None:
        if not user_id.startswith("opencart:"):
            return None
        if self.is_down:
            raise ShopUnavailable("The shop's database cannot be reached.")
        return next((identity for _, identity in self.users.values() if identity.user_id == user_id), None)


@dataclass
class Journal:
    """A `LoginJournal` to read."""

    entries: list[str] = field(default_factory=list)
    refusals: list[tuple[str, str, str]] = field(default_factory=list)

    async def logged_in(self, identity: Identity, address: str) -> None:
        self.entries.append(f"in {identity.name}")

    async def refused(self, username: str, address: str, reason: str) -> None:
        self.refusals.append((username, address, reason))

    async def logged_out(self, identity: Identity) -> None:
        self.entries.append(f"out {identity.name}")


class Rig:
    """Log-in put together as the application does it, on a real database, with a clock that stands still."""

    def __init__(
        self,
        database: Database,
        *,
        issuers: Sequence[TokenIssuer] = (),
        secrets: Secrets | None = None,
        failures_per_user: int = 3,
        failures_per_address: int = 6,
    ) -> None:
        self.clock = FakeClock()
        self.hasher = CountingHasher()
        self.passwords = Passwords(self.hasher)
        self.store = SqlAccountStore(database)
        self.sessions = SqlLoginSessionStore(database)
        self.accounts = AccountAdministration(self.store, self.sessions, self.passwords, self.clock)
        self.own = OwnAccounts(self.store, self.passwords)
        self.shop = ShopUsers()
        self.journal = Journal()
        self.tokens = LoginTokens((secrets or Secrets(SECRET)).keys(LOGIN_KEYS), self.clock)
        self.external = ExternalTokens(issuers, self.clock)
        self.throttle = LoginThrottle(
            SlidingLimit(failures_per_user, 300, self.clock.monotonic),
            SlidingLimit(failures_per_address, 300, self.clock.monotonic),
        )
        checks = (self.own, self.shop)
        self.bearers = Bearers(self.tokens, self.external, self.sessions, checks, self.clock)
        self.service = LoginService(
            checks,
            self.sessions,
            self.tokens,
            self.throttle,
            self.clock,
            token_seconds=900,
            session_seconds=3600,
            journal=self.journal,
            on_end=self._note_end,
        )
        self.ended: list[str] = []

    async def _note_end(self, session_id: str) -> None:
        self.ended.append(session_id)

    async def add(self, username: str, role: Role = Role.ADMIN, marketplaces: Sequence[str] = ()) -> str:
        """Make an own account with `PASSWORD` and return its user id."""
        account = await self.accounts.add(username, role, marketplaces, password=PASSWORD)
        return f"own:{account.id}"
