"""The store of watchers' positions on our own database."""

from __future__ import annotations

from sqlalchemy import select, update

from meschain.state.database import Database
from meschain.state.inserting import insert_new
from meschain.state.tables import cursors


class SqlCursorStore:
    """`services.ports.CursorStore` in the table of cursors."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, name: str) -> str | None:
        async with self._database.connect() as connection:
            position: str | None = await connection.scalar(select(cursors.c.position).where(cursors.c.name == name))
        return position

    async def save(self, name: str, position: str) -> None:
        # The row is there at all calls but the first. MySQL may count an update to the same value as no row, so the
        # count cannot tell whether it is missing.
        if await self.load(name) is None and await insert_new(
            self._database, cursors, {"name": name, "position": position}
        ):
            return
        async with self._database.begin() as connection:
            await connection.execute(update(cursors).where(cursors.c.name == name).values(position=position))
