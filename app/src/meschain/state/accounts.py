"""The account store on our own database. Knows no password check and no token."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from meschain.auth.ports import Account, AccountExists
from meschain.domain.roles import parse_role
from meschain.state.database import Database
from meschain.state.tables import accounts


def username_key(username: str) -> str:
    """The form in which user names are compared: without regard to case, and to how an accent was typed."""
    return unicodedata.normalize("NFKC", username).casefold().strip()


# Made once, as in `login_sessions`: each request asks it.
_BY_ID: Final = select(accounts).where(accounts.c.id == bindparam("key"))


class SqlAccountStore:
    """`auth.ports.AccountStore` in the table of accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, source: str, username: str) -> Account | None:
        query = select(accounts).where(accounts.c.source == source, accounts.c.username_key == username_key(username))
        async with self._database.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _account(row)

    async def get(self, account_id: str) -> Account | None:
        async with self._database.connect() as connection:
            row = (await connection.execute(_BY_ID, {"key": account_id})).one_or_none()
        return None if row is None else _account(row)

    async def add(self, account: Account) -> None:
        try:
            async with self._database.begin() as connection:
                await connection.execute(insert(accounts).values(id=account.id, **_values(account)))
        except IntegrityError:
            raise AccountExists(
                f"There is an account {account.username!r} already; choose another name or change that one."
            ) from None

    async def save(self, account: Account) -> None:
        async with self._database.begin() as connection:
            await connection.execute(update(accounts).where(accounts.c.id == account.id).values(**_values(account)))

    async def list(self) -> Sequence[Account]:
        query = select(accounts).order_by(accounts.c.source, accounts.c.username_key)
        async with self._database.connect() as connection:
            return [_account(row) for row in await connection.execute(query)]


def _values(account: Account) -> dict[str, object]:
    return {
        "source": account.source,
        "username": account.username,
        "username_key": username_key(account.username),
        "name": account.name,
        "role": account.role.value,
        "marketplaces": list(account.marketplaces),
        "disabled": account.disabled,
        "password_hash": account.password_hash,
        "created_at": account.created_at,
    }


def _account(row: Row[Any]) -> Account:
    return Account(
        id=row.id,
        source=row.source,
        username=row.username,
        name=row.name,
        role=parse_role(row.role),
        marketplaces=tuple(row.marketplaces),
        disabled=row.disabled,
        password_hash=row.password_hash,
        created_at=row.created_at,
    )
