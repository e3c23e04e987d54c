"""Our own accounts: as a source of dashboard users, and as what the command line administers.

Knows neither tokens nor SQL. Accounts of source `opencart` are rows that fix role and grants of a shop's admin; they
have no password here and do not log in here.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import uuid4

from meschain.auth.passwords import Passwords
from meschain.auth.ports import Account, AccountStore, Clock, LoginSessionStore
from meschain.domain.marketplaces import MARKETPLACES, is_marketplace
from meschain.domain.roles import LOGIN_ROLES, Identity, Role

OWN: Final = "own"
OPENCART: Final = "opencart"
PREFIX: Final = "own:"
"""Of the ids of our own users; the account's id follows."""
"""Of the ids of our own users, before that of the account."""
_USERNAME: Final = re.compile(r"[^\s:/\\\x00-\x1f\x7f](?:[^:/\\\x00-\x1f\x7f]{0,62}[^\s:/\\\x00-\x1f\x7f])?")


class AccountError(ValueError):
    """An account cannot be made or changed as asked; the text says why."""


class OwnAccounts:
    """`PasswordCheck` on our own store."""

    def __init__(self, store: AccountStore, passwords: Passwords) -> None:
        self._store = store
        self._passwords = passwords

    async def authenticate(self, username: str, password: str) -> Identity | None:
        account = await self._store.find(OWN, username)
        password_hash = account.password_hash if account else None
        fits = await self._passwords.verify(password_hash, password)
        if account is None or password_hash is None or not fits or account.disabled:
            return None
        if self._passwords.is_outdated(password_hash):
            account = dataclasses.replace(account, password_hash=await self._passwords.hash(password))
            await self._store.save(account)
        return _identity(account)

    async def knows(self, username: str) -> bool:
        return await self._store.find(OWN, username) is not None

    async def current(self, user_id: str) -> Identity | None:
        if not user_id.startswith(PREFIX):
            return None
        account = await self._store.get(user_id.removeprefix(PREFIX))
        if account is None or account.source != OWN or account.disabled:
            return None
        return _identity(account)


class AccountAdministration:
    """What an operator does with accounts. Raises AccountError with a sentence for people."""

    def __init__(self, store: AccountStore, sessions: LoginSessionStore, passwords: Passwords, clock: Clock) -> None:
        self._store = store
        self._sessions = sessions
        self._passwords = passwords
        self._clock = clock

    async def add(
        self,
        username: str,
        role: Role,
        marketplaces: Iterable[str] = (),
        *,
        password: str | None = None,
        name: str | None = None,
        source: str = OWN,
    ) -> Account:
        """Make an account; one of source `own` needs a password, one of source `opencart` has none.

        Raises: AccountError; AccountExists; WeakPassword.
        """
        if not _USERNAME.fullmatch(username):
            raise AccountError("A user name has 1 to 64 characters and none of : / \\; choose another.")
        if source not in {OWN, OPENCART}:
            raise AccountError(f"{source!r} is no source of users; they are {OWN} and {OPENCART}.")
        if (password is None) != (source == OPENCART):
            raise AccountError("Own accounts need a password; the shop's have theirs in the shop.")
        account = Account(
            id=uuid4().hex,
            source=source,
            username=username,
            name=name or username,
            role=_login_role(role),
            marketplaces=checked_marketplaces(marketplaces),
            disabled=False,
            password_hash=None if password is None else await self._passwords.hash(password),
            created_at=self._clock.now(),
        )
        await self._store.add(account)
        return account

    async def list(self) -> Sequence[Account]:
        return await self._store.list()

    async def set_role(self, username: str, role: Role, source: str = OWN) -> Account:
        """Counts from the next request on. One that is not higher ends the log-ins: open pages hold the old rights."""
        account = await self.get(username, source)
        if _login_role(role) is not account.role and role.level <= account.role.level:
            await self._sessions.revoke_all(own_identity(account).user_id)
        return await self._save(dataclasses.replace(account, role=role))

    async def grant(self, username: str, marketplaces: Iterable[str], source: str = OWN) -> Account:
        """Give exactly these marketplaces, instead of those that it has; taking one away ends the log-ins."""
        account = await self.get(username, source)
        granted = checked_marketplaces(marketplaces)
        if not set(account.marketplaces) <= set(granted):
            await self._sessions.revoke_all(own_identity(account).user_id)
        return await self._save(dataclasses.replace(account, marketplaces=granted))

    async def set_disabled(self, username: str, disabled: bool, source: str = OWN) -> Account:
        """Takes effect at the next request that the user makes with a token; disabling an own account ends its log-ins.

        A shop's admin is known by the shop's number for it, which is not kept here: each of its log-ins ends at its
        next refresh.
        """
        account = await self.get(username, source)
        if disabled:
            await self._sessions.revoke_all(own_identity(account).user_id)
        return await self._save(dataclasses.replace(account, disabled=disabled))

    async def set_password(self, username: str, password: str) -> Account:
        """Ends every log-in of the user: whoever knew the old password may hold one."""
        account = await self.get(username, OWN)
        password_hash = await self._passwords.hash(password)
        await self._sessions.revoke_all(own_identity(account).user_id)
        return await self._save(dataclasses.replace(account, password_hash=password_hash))

    async def get(self, username: str, source: str = OWN) -> Account:
        """The account of that name. Raises: AccountError."""
        account = await self._store.find(source, username)
        if account is None:
            raise AccountError(f"There is no account {username!r}; `meschain user list` shows those there are.")
        return account

    async def _save(self, account: Account) -> Account:
        await self._store.save(account)
        return account


def own_identity(account: Account) -> Identity:
    """The identity that an own account gives, whatever its state; for tokens that an operator issues."""
    return _identity(account)


def checked_marketplaces(codes: Iterable[str]) -> tuple[str, ...]:
    """The codes without doubles in the product's order; `all` stands for every one. Raises: AccountError."""
    wanted = set(codes)
    if "all" in wanted:
        return tuple(MARKETPLACES)
    unknown = sorted(code for code in wanted if not is_marketplace(code))
    if unknown:
        raise AccountError(f"{', '.join(unknown)}: no such marketplace; they are {', '.join(MARKETPLACES)}, or all.")
    return tuple(code for code in MARKETPLACES if code in wanted)


def _login_role(role: Role) -> Role:
    if role not in LOGIN_ROLES:
        raise AccountError(f"The role {role} is not for accounts; `meschain token --service NAME` issues its tokens.")
    return role


def _identity(account: Account) -> Identity:
    return Identity(f"{PREFIX}{account.id}", account.name, account.role, account.marketplaces)
