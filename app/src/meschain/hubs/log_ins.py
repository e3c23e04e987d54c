"""Ends the hub connections of a log-in with the log-in: at once after a log-out here, else at the next look.

Knows the log-in behind each connection of this process by a claim of its token, and neither tokens nor why a log-in
ended. Connections of tokens without a log-in (services, other issuers, the command line) are not looked after.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hubwire import Audience, DataPlane, HubCallerContext, HubFilter
from hubwire.hub.filters import ConnectedNext, DisconnectedNext
from meschain.auth.claims import session_of
from meschain.auth.ports import LoginSessionStore
from meschain.services.ports import Clock

CHECK_SECONDS: Final = 10.0
"""Between two looks. 10 s: how long a disabled account may go on watching."""
BATCH: Final = 500
"""Log-ins asked for in one query; databases bound the number of parameters."""
REASON: Final = "The log-in has ended."
"""Stands in the Close, so that pages find out at once that they have to log in again."""


class LogIns(HubFilter):
    """Knows the open connections of each log-in.

    Args:
        plane_of: Gives the plane of a hub by its name.
    """

    def __init__(self, sessions: LoginSessionStore, plane_of: Callable[[str], DataPlane], clock: Clock) -> None:
        self._sessions = sessions
        self._plane_of = plane_of
        self._clock = clock
        self._open: dict[str, set[tuple[str, str]]] = {}

    async def connected(self, context: HubCallerContext, proceed: ConnectedNext, /) -> None:
        await proceed(context)
        session_id = session_of(context.claims)
        if session_id is not None:
            self._open.setdefault(session_id, set()).add((context.caller.hub, context.connection_id))

    async def disconnected(
        self, context: HubCallerContext, error: BaseException | None, proceed: DisconnectedNext, /
    ) -> None:
        session_id = session_of(context.claims)
        if session_id in self._open:
            self._open[session_id].discard((context.caller.hub, context.connection_id))
            if not self._open[session_id]:
                del self._open[session_id]
        await proceed(context, error)

    async def end(self, session_id: str) -> None:
        """Close every connection of this log-in."""
        for hub, connection_id in self._open.pop(session_id, set()):
            await self._plane_of(hub).close(Audience.connection(connection_id), REASON)

    async def run(self) -> None:
        """Look at every interval, for ever."""
        while True:
            await self._clock.sleep(CHECK_SECONDS)
            await self.check()

    async def check(self) -> None:
        """Close the connections of log-ins that have ended: logged out or disabled elsewhere, or expired."""
        open_now = list(self._open)
        for start in range(0, len(open_now), BATCH):
            for session_id in await self._sessions.ended(open_now[start : start + BATCH], self._clock.now()):
                await self.end(session_id)
