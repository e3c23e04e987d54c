"""Ends the hub connections of a log-in with the log-in: at once after a log-out, else at the next look.

Where processes hold connections themselves, each looks after its own and tells the others of log-outs; elsewhere all
know all of them. Knows neither tokens nor why a log-in ended. Connections of tokens without a log-in (services, other
issuers, the command line) are not closed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from hubwire import Audience, DataPlane
from meschain.auth.ports import LoginSessionStore
from meschain.hubs.unreachable import UNREACHABLE
from meschain.services.neighbours import NoNeighbours
from meschain.services.ports import Clock, LogInConnections, Neighbours, Topic

CHECK_SECONDS: Final = 10.0
"""Between two looks. 10 s: how long a disabled account may go on watching."""
BATCH: Final = 500
"""Log-ins asked for in one query; databases bound the number of parameters."""
REASON: Final = "The log-in has ended."
"""Stands in the Close, so that pages find out at once that they have to log in again."""

_log = logging.getLogger(__name__)


class LogIns:
    """Closes the open connections of log-ins.

    Args:
        plane_of: Gives the plane of a hub by its name.
        neighbours: May hold connections of the same log-in. None: there are none.
    """

    def __init__(
        self,
        sessions: LoginSessionStore,
        connections: LogInConnections,
        plane_of: Callable[[str], DataPlane],
        clock: Clock,
        neighbours: Neighbours | None = None,
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._plane_of = plane_of
        self._clock = clock
        self._neighbours = neighbours or NoNeighbours()

    async def end(self, session_id: str) -> None:
        """Close every connection of this log-in, here and in other processes."""
        self._neighbours.tell(Topic.LOG_IN_ENDED, session_id)
        await self.close(session_id)

    async def close(self, session_id: str) -> None:
        """Close the connections of this log-in that are known here."""
        for connection in await self._connections.of_log_in(session_id):
            try:
                plane = self._plane_of(connection.hub)
                await plane.close(Audience.connection(connection.connection_id), REASON)
            except UNREACHABLE as error:
                # Whoever holds it is asked again at the next look, and the next one is closed now.
                _log.warning("a connection of a log-in that has ended could not be closed: %s", error)

    async def run(self) -> None:
        """Look at every interval, for ever."""
        while True:
            await self._clock.sleep(CHECK_SECONDS)
            await self.check()

    async def check(self) -> None:
        """Close the connections of log-ins that have ended: logged out or disabled elsewhere, or expired."""
        after = ""
        while open_now := await self._connections.log_ins(after, BATCH):
            after = open_now[-1]
            for session_id in await self._sessions.ended(open_now, self._clock.now()):
                await self.close(session_id)
