"""Log-ins to the shop's own administration as events. Addresses stay in the shop: nobody needs them here."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from meschain.domain.events import NewEvent
from meschain.domain.new_events import activity_event
from meschain.domain.payloads import UserActivity
from meschain.opencart.capture.rows import LoginRow
from meschain.opencart.connection import ShopDatabase
from meschain.opencart.settings_table import SettingsTable
from meschain.opencart.store_time import iso_utc, parse_local
from meschain.services.ports import Clock


class LoginEvents:
    """Describes them by the table of administrators."""

    def __init__(self, database: ShopDatabase, settings: SettingsTable, clock: Clock) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    async def make(self, rows: Sequence[LoginRow]) -> list[NewEvent]:
        """In their order; an administrator who is gone has none. Raises: ShopUnavailable."""
        zone = (await self._settings.read()).zone
        user = (await self._database.schema()).tables.user
        wanted = sorted({row.user_id for row in rows})
        columns = (user.c.user_id, user.c.firstname, user.c.lastname, user.c.username)
        async with self._database.connect() as connection:
            found = await connection.execute(select(*columns).where(user.c.user_id.in_(wanted)))
            users = {row.user_id: row for row in found}
        events = []
        for row in rows:
            if row.user_id not in users:
                continue
            who = users[row.user_id]
            name = f"{who.firstname} {who.lastname}".strip() or who.username
            activity = UserActivity(
                event_id=f"opencart:user_login:{row.login_id}",
                kind="shop_login",
                user=name,
                text=f"{name} logged in to the shop.",
                details={"username": who.username},
                occurred_at=iso_utc(parse_local(row.date, zone) or self._clock.now()),
            )
            events.append(activity_event(activity))
        return events
