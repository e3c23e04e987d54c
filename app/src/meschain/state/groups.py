"""The store of groups that users joined on request, on our own database. Bounded: group names are the product's own."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from meschain.services.ports import Clock
from meschain.state.database import Database
from meschain.state.inserting import insert_new
from meschain.state.tables import user_groups


class SqlGroupStore:
    """`services.ports.GroupStore` in the table of user groups."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, hub: str, user_id: str, groups: Sequence[str]) -> None:
        known = set(await self.groups(hub, user_id))
        for group in dict.fromkeys(groups):
            if group not in known:
                values = {"hub": hub, "user_id": user_id, "group_name": group, "joined_at": self._clock.now()}
                await insert_new(self._database, user_groups, values)

    async def groups(self, hub: str, user_id: str) -> Sequence[str]:
        query = (
            select(user_groups.c.group_name)
            .where(user_groups.c.hub == hub, user_groups.c.user_id == user_id)
            .order_by(user_groups.c.group_name)
        )
        async with self._database.connect() as connection:
            return list((await connection.scalars(query)).all())
