"""The audiences of granted marketplaces, on our own database. Bounded: there are at most as many as sets of codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, select, update

from meschain.services.audiences import joined, parted
from meschain.services.ports import Clock
from meschain.state.database import Database
from meschain.state.inserting import insert_new
from meschain.state.tables import audiences


class SqlAudienceStore:
    """`services.ports.AudienceStore` in the table of audiences."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def watch(self, marketplaces: Sequence[str]) -> None:
        values = {"marketplaces": joined(marketplaces), "watched_at": self._clock.now()}
        if not await insert_new(self._database, audiences, values):
            command = update(audiences).where(audiences.c.marketplaces == joined(marketplaces))
            async with self._database.begin() as connection:
                await connection.execute(command.values(watched_at=values["watched_at"]))

    async def watched(self) -> Mapping[tuple[str, ...], datetime]:
        async with self._database.connect() as connection:
            rows = await connection.execute(select(audiences))
            return {parted(row.marketplaces): row.watched_at for row in rows}

    async def forget(self, marketplaces: Sequence[str], watched_at: datetime) -> None:
        command = delete(audiences).where(
            audiences.c.marketplaces == joined(marketplaces), audiences.c.watched_at == watched_at
        )
        async with self._database.begin() as connection:
            await connection.execute(command)
