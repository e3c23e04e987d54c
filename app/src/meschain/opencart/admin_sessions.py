"""The sessions of the shop's administration, as OpenCart itself believes them. Reads, writes nothing; knows no tokens.

A session counts when its row has not run out, holds the user token that was given, and names a user who may log in.
Where the shop asks for a second factor the browser must be one that it trusts, too: between password and second factor
OpenCart has such a session already. Where sessions are kept in files or in Redis there is nothing to read.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
from datetime import UTC
from typing import Final

from sqlalchemy import select

from meschain.auth.ports import SecondFactorRequired
from meschain.auth.shop_sign_in import ShopSession
from meschain.domain.roles import Identity
from meschain.opencart.accounts import OpenCartAccounts
from meschain.opencart.connection import ShopDatabase
from meschain.opencart.settings_table import SettingsTable, ShopSettings
from meschain.services.ports import Clock

_log = logging.getLogger(__name__)

_SESSION_ID: Final = re.compile(r"[A-Za-z0-9,-]{22,52}")
_LONGEST_TOKEN: Final = 96
"""Characters; OpenCart's have 32, and the column of trusted browsers takes 96."""
_LARGEST_DATA_BYTES: Final = 1 << 20
"""Of a session that we parse; OpenCart's have some hundred."""


class OpenCartSessions:
    """`auth.shop_sign_in.ShopSessions` on a shop's tables."""

    def __init__(
        self, database: ShopDatabase, settings: SettingsTable, accounts: OpenCartAccounts, clock: Clock
    ) -> None:
        self._database = database
        self._settings = settings
        self._accounts = accounts
        self._clock = clock

    async def identity(self, session: ShopSession) -> Identity | None:
        """Whose it is. Raises: SecondFactorRequired; ShopUnavailable."""
        if not _SESSION_ID.fullmatch(session.session_id) or not 0 < len(session.user_token) <= _LONGEST_TOKEN:
            return None
        user_id = await self._user_of(session)
        identity = None if user_id is None else await self._accounts.current(f"opencart:{user_id}")
        if identity is None or user_id is None:
            return None
        settings = await self._settings.read()
        if settings.asks_second_factor and not await self._trusts(user_id, session.device_token, settings):
            raise SecondFactorRequired(
                "The shop asks this user for a second factor; finish logging in to the shop, then try again."
            )
        return identity

    async def _user_of(self, session: ShopSession) -> int | None:
        schema = await self._database.schema()
        if not schema.has("session", "expire"):
            return None
        table = schema.tables.session
        # UTC, whatever the store's zone is (the product's domain sheet, 5.1).
        now = self._clock.now().astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        query = select(table.c.session_id, table.c.data).where(
            table.c.session_id == session.session_id, table.c.expire > now
        )
        async with self._database.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        # The collation of the column takes upper case for lower: only the very id counts.
        if row is None or not _equal(str(row.session_id), session.session_id):
            return None
        if len(row.data) > _LARGEST_DATA_BYTES:
            _log.warning("a session of the shop has more than %d characters and is not believed", _LARGEST_DATA_BYTES)
            return None
        try:
            data = json.loads(row.data or "{}")
        except (ValueError, RecursionError):
            return None
        if not isinstance(data, dict):
            return None
        token, user_id = data.get("user_token"), data.get("user_id")
        if not isinstance(token, str) or not _equal(token, session.user_token):
            return None
        # OpenCart stores a number or, as its drivers read it, a text.
        number = str(user_id) if isinstance(user_id, int | str) and not isinstance(user_id, bool) else ""
        return int(number) if number.isascii() and number.isdigit() and len(number) <= 10 else None

    async def _trusts(self, user_id: int, device_token: str, settings: ShopSettings) -> bool:
        schema = await self._database.schema()
        if not 0 < len(device_token) <= _LONGEST_TOKEN or not schema.has("user_authorize", "token"):
            return False
        table = schema.tables.user_authorize
        query = select(table.c.token).where(
            table.c.user_id == user_id, table.c.token == device_token, table.c.status == 1
        )
        if schema.has("user_authorize", "date_expire"):
            local = self._clock.now().astimezone(settings.zone).strftime("%Y-%m-%d %H:%M:%S")
            query = query.where(table.c.date_expire > local)
        async with self._database.connect() as connection:
            tokens = (await connection.scalars(query)).all()
        return any(_equal(str(token), device_token) for token in tokens)


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
