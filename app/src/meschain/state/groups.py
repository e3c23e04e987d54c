"""The store of groups that users joined on request, on our own database. Bounded: group names are the product's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from meschain.services.ports import Clock
from meschain.state.database import Database
from meschain.state.inserting import insert_new
from meschain.state.keys import by_first
from meschain.state.sharing import SharedReads
from meschain.state.tables import user_groups

_C: Final = user_groups.c
# Made once, as in `login_sessions`.
_OF_USERS: Final = (
    select(user_groups)
    .where(_C.hub == bindparam("of_hub"), _C.user_id.in_(bindparam("users", expanding=True)))
    .order_by(_C.group_name)
)

_User = tuple[str, str]
"""Hub and user id."""


class SqlGroupStore:
    """`services.ports.GroupStore` in the table of user groups."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        # Most connects ask it.
        self._groups = SharedReads(self._read)

    async def add(self, hub: str, user_id: str, groups: Sequence[str]) -> None:
        known = set(await self.groups(hub, user_id))
        now = self._clock.now()
        new: list[dict[str, object]] = [
            {"hub": hub, "user_id": user_id, "group_name": group, "joined_at": now}
            for group in dict.fromkeys(groups)
            if group not in known
        ]
        if not new:
            return
        try:
            await self._database.run(lambda connection: connection.execute(insert(user_groups), new))
        except IntegrityError:  # another connection of the user joined some of them meanwhile
            for values in new:
                await insert_new(self._database, user_groups, values)

    async def groups(self, hub: str, user_id: str) -> Sequence[str]:
        return await self._groups.get((hub, user_id))

    async def _read(self, users: Sequence[_User]) -> Mapping[_User, Sequence[str]]:
        found: dict[_User, list[str]] = {user: [] for user in users}
        async with self._database.connect() as connection:
            for hub, some in by_first(users).items():
                for row in await connection.execute(_OF_USERS, {"of_hub": hub, "users": some}):
                    if (row.hub, row.user_id) in found:  # MySQL takes a name with a space behind it for the same
                        found[row.hub, row.user_id].append(row.group_name)
        return found
