"""How many clients all processes may send to a side in a second, on our own database and by its clock."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.domain.permits import give
from meschain.state.database import Database
from meschain.state.inserting import insert_new
from meschain.state.server_time import server_now
from meschain.state.tables import rollout_reports

_NAME: Final = "permits"


class SqlConnectPermits:
    """`services.rollout_ports.ConnectPermits` in a row of the table of reports, locked while they are given."""

    def __init__(self, database: Database, window_seconds: float = 1.0) -> None:
        self._database = database
        self._window_seconds = window_seconds

    async def take(self, wanted: int, limit: int) -> int:
        async def work(connection: AsyncConnection) -> int | None:
            """None: there is no row."""
            row = (await connection.execute(_read(connection))).one_or_none()
            if row is None:
                return None
            given = [(tick, number) for tick, number in row.content["given"]]
            count, remembered = give(given, float(row.now), wanted, limit, self._window_seconds)
            if count:
                content = {"given": [list(each) for each in remembered]}
                await connection.execute(_ROW.values(content=content))
            return count

        while (count := await self._database.run(work)) is None:
            await insert_new(self._database, rollout_reports, {"name": _NAME, "content": {"given": []}})
        return count


_ROW: Final = update(rollout_reports).where(rollout_reports.c.name == _NAME)


def _read(connection: AsyncConnection) -> Select[Any]:
    query = select(rollout_reports.c.content, server_now(connection).label("now"))
    return query.where(rollout_reports.c.name == _NAME).with_for_update()
