"""Closes connections on which nobody called anything for long, and lets their clients come again.

Whoever is there does so at once, with a token that was looked at anew; an open end that nobody is behind does not. That
a socket is alive is another matter, which keep-alives look after. Knows the plane of each hub, and neither tokens nor
tables.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from hubwire import Audience, DataPlane
from meschain.hubs.unreachable import UNREACHABLE
from meschain.services.options import PresenceOptions
from meschain.services.ports import Clock, WrittenConnections

REASON: Final = "Nothing was called for long; connect again to go on."

_log = logging.getLogger(__name__)


class IdleConnections:
    """Closes what is idle.

    Args:
        plane_of: Gives the plane of a hub by its name.
    """

    def __init__(
        self,
        connections: WrittenConnections,
        plane_of: Callable[[str], DataPlane],
        clock: Clock,
        options: PresenceOptions | None = None,
    ) -> None:
        self._connections = connections
        self._plane_of = plane_of
        self._clock = clock
        self._options = options or PresenceOptions()

    async def run(self) -> None:
        """Look at every interval, for ever."""
        while True:
            await self._clock.sleep(self._options.idle_interval_seconds)
            await self.step()

    async def step(self) -> None:
        """Close some of those that were idle for the longest time."""
        if not self._options.idle_hours:
            return
        before = self._clock.now() - timedelta(hours=self._options.idle_hours)
        try:
            for connection in await self._connections.idle(before, self._options.idle_closed):
                plane = self._plane_of(connection.hub)
                await plane.close(Audience.connection(connection.connection_id), REASON, allow_reconnect=True)
        except UNREACHABLE as error:
            _log.warning("idle connections could not be closed now: %s", error)
