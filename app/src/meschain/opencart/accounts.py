"""OpenCart's admin users as dashboard users. Reads `user` and `user_group`, writes nothing; knows no tokens.

Passwords are verified by `password_hashes`; where the shop asks for a second factor a password alone is not enough, and
we cannot see the browser that the shop trusts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from sqlalchemy import ColumnElement, String, column, func, literal, select
from sqlalchemy.sql.selectable import Select

from meschain.auth.ports import AccountStore, SecondFactorRequired
from meschain.domain.roles import Identity, Role
from meschain.opencart.connection import AnyRow, ShopDatabase
from meschain.opencart.detection import ShopSchema
from meschain.opencart.group_roles import group_role, lowered
from meschain.opencart.password_hashes import SlowCheck, decoy_like, slow_check, verify
from meschain.opencart.settings_table import SettingsTable

SOURCE: Final = "opencart"
"""Of own rows that fix role and grants of a shop's admin."""
_PREFIX: Final = "opencart:"
_PARALLEL_CHECKS: Final = 2
"""Hashes computed at once; each takes a core for tens to hundreds of milliseconds."""
_DECOY_SAMPLE: Final = 20
"""Users whose hashes say how slow the shop's hashes are."""


class OpenCartAccounts:
    """`auth.ports.PasswordCheck` on a shop's admin users."""

    def __init__(
        self,
        database: ShopDatabase,
        settings: SettingsTable,
        accounts: AccountStore,
        *,
        group_roles: Mapping[int, Role] | None = None,
        check: SlowCheck = slow_check,
    ) -> None:
        """
        Args:
            accounts: our own store, whose rows of source `opencart` win within what the group allows.
            group_roles: by `user_group_id`; groups that are not in it are judged by their rights.
        """
        self._database = database
        self._settings = settings
        self._accounts = accounts
        self._group_roles = dict(group_roles or {})
        self._check = check
        self._slots = asyncio.Semaphore(_PARALLEL_CHECKS)

    async def authenticate(self, username: str, password: str) -> Identity | None:
        """The identity, or None. Raises: SecondFactorRequired; ShopUnavailable."""
        settings = await self._settings.read()
        schema = await self._database.schema()
        user = schema.tables.user
        async with self._database.connect() as connection:
            # Lower-cased on both sides for SQLite; MariaDB's collation does the same, and more, by itself.
            rows = (
                await connection.execute(
                    _users(schema)
                    .where(func.lower(user.c.username) == func.lower(username), user.c.status == 1)
                    .order_by(user.c.user_id)
                    .limit(1)
                )
            ).all()
            sample = await connection.scalars(
                select(user.c.password).where(user.c.status == 1).order_by(user.c.user_id).limit(_DECOY_SAMPLE)
            )
            decoy = decoy_like(sample.all())
        row = rows[0] if rows else None
        stored = None if row is None else str(row.password)
        salt = None if row is None else row.salt
        async with self._slots:
            fits = await asyncio.to_thread(verify, password, stored, salt, decoy, self._check)
        if row is None or not fits:
            return None
        identity = await self._identity(row)
        if identity is not None and settings.asks_second_factor:
            raise SecondFactorRequired(
                "The shop asks its administrators for a second factor; log in with an account of this service instead."
            )
        return identity

    async def knows(self, username: str) -> bool:
        """Whether there is such a user. Raises: ShopUnavailable."""
        user = (await self._database.schema()).tables.user
        query = select(user.c.user_id).where(func.lower(user.c.username) == func.lower(username)).limit(1)
        async with self._database.connect() as connection:
            return (await connection.execute(query)).one_or_none() is not None

    async def current(self, user_id: str) -> Identity | None:
        """The identity as of now. Raises: ShopUnavailable."""
        number = user_id.removeprefix(_PREFIX)
        if not user_id.startswith(_PREFIX) or not number.isascii() or not number.isdigit() or len(number) > 10:
            return None
        schema = await self._database.schema()
        user = schema.tables.user
        async with self._database.connect() as connection:
            row = (
                await connection.execute(_users(schema).where(user.c.user_id == int(number), user.c.status == 1))
            ).one_or_none()
        return None if row is None else await self._identity(row)

    async def _identity(self, row: AnyRow) -> Identity | None:
        role = group_role(row.user_group_id, row.permission, self._group_roles)
        marketplaces: tuple[str, ...] = ()
        # By the name as the shop has it: a collation lets other spellings in, which are the same user.
        account = await self._accounts.find(SOURCE, row.username)
        if account is not None:
            if account.disabled:
                return None
            role = lowered(role, account.role)
            marketplaces = account.marketplaces
        name = f"{row.firstname} {row.lastname}".strip() or row.username
        return Identity(f"{_PREFIX}{row.user_id}", name, role, marketplaces)


def _users(schema: ShopSchema) -> Select[*tuple[object, ...]]:
    user, group = schema.tables.user, schema.tables.user_group
    # A shop upgraded from 3.x keeps the column, and old hashes, until each user has logged in once.
    salt: ColumnElement[str | None] = column("salt", String) if schema.has("user", "salt") else literal(None)
    return select(
        user.c.user_id,
        user.c.user_group_id,
        user.c.username,
        user.c.password,
        user.c.firstname,
        user.c.lastname,
        salt.label("salt"),
        group.c.permission,
    ).select_from(user.outerjoin(group, group.c.user_group_id == user.c.user_group_id))
