"""Log-ins to the shop's own administration, from `user_login` (4.x). Knows no hub.

3.x keeps no such table, and a read-only account need not see it: then there is simply nothing to tell.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select

from meschain.opencart.connection import ShopDatabase
from meschain.opencart.settings_table import SettingsTable
from meschain.opencart.store_time import parse_local
from meschain.services.ports import Clock, ShopUnavailable

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 5.0
_BATCH: Final = 50


@dataclass(frozen=True, slots=True)
class ShopLogin:
    """One log-in."""

    login_id: int
    user: str
    username: str
    ip: str
    at: datetime | None


class ShopLogins:
    """Watches the audit trail of log-ins from now on."""

    def __init__(
        self, database: ShopDatabase, settings: SettingsTable, clock: Clock, *, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._poll_seconds = poll_seconds

    async def new(self) -> AsyncIterator[Sequence[ShopLogin]]:
        """Batches of log-ins that happen after the first one was asked for; never empty, oldest first."""
        cursor: int | None = None
        while True:
            try:
                if cursor is None:
                    cursor = await self._newest()
                found = await self._behind(cursor)
            except ShopUnavailable as error:
                log.warning("Log-ins to the shop cannot be read: %s", error)
                found = []
            if found:
                cursor = found[-1].login_id
                yield found
            await self._clock.sleep(self._poll_seconds)

    async def _newest(self) -> int:
        schema = await self._database.schema()
        if not schema.has("user_login", "user_login_id"):
            return 0
        async with self._database.connect() as connection:
            return int(await connection.scalar(select(func.max(schema.tables.user_login.c.user_login_id))) or 0)

    async def _behind(self, cursor: int) -> list[ShopLogin]:
        schema = await self._database.schema()
        if not schema.has("user_login", "user_login_id"):
            return []
        zone = (await self._settings.read()).zone
        login, user = schema.tables.user_login, schema.tables.user
        async with self._database.connect() as connection:
            rows = await connection.execute(
                select(
                    login.c.user_login_id,
                    user.c.firstname,
                    user.c.lastname,
                    user.c.username,
                    login.c.ip,
                    login.c.date_added,
                )
                .select_from(login.join(user, user.c.user_id == login.c.user_id))
                .where(login.c.user_login_id > cursor)
                .order_by(login.c.user_login_id)
                .limit(_BATCH)
            )
            return [
                ShopLogin(
                    login_id=login_id,
                    user=f"{first} {last}".strip() or username,
                    username=username,
                    ip=ip,
                    at=parse_local(date, zone),
                )
                for login_id, first, last, username, ip, date in rows
            ]
