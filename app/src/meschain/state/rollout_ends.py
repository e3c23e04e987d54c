"""Ends of connections that a roll-out had placed and whose process died before it could tell, on our own database."""

from __future__ import annotations

from typing import Final

from sqlalchemy import and_, delete, select

from meschain.state.database import Database
from meschain.state.keys import one_of
from meschain.state.pruning import STEP
from meschain.state.tables import connections, rollout_connections

_KEY: Final = (rollout_connections.c.hub, rollout_connections.c.connection_id)
_ENDED: Final = (
    select(*_KEY)
    .join(connections, and_(connections.c.hub == _KEY[0], connections.c.connection_id == _KEY[1]))
    .where(connections.c.ended_at.is_not(None))
    .limit(STEP)
)


class SqlPlacedEnds:
    """`services.rollout_ports.PlacedEnds`, as the table of all connections tells them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take_over(self) -> int:
        async with self._database.connect() as connection:
            ended = sorted((row.hub, row.connection_id) for row in await connection.execute(_ENDED))
        if ended:
            command = delete(rollout_connections).where(one_of(_KEY, ended))
            await self._database.run(lambda connection: connection.execute(command))
        return len(ended)
