"""Finds out which connections that a service holds for us are gone although nobody told: asks for a few at a time.

The event of an end comes at most once from some services, and not at all while this application is away. Knows the
plane of each hub, and neither tokens nor hubs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from hubwire import Audience, DataPlane
from meschain.hubs.unreachable import UNREACHABLE
from meschain.services.ports import Clock, OpenConnection

INTERVAL_SECONDS: Final = 5.0
"""Between two steps."""
STEP: Final = 50
"""Connections asked for in one step: ten a second at most, which costs no service anything."""
QUIET_SECONDS: Final = 120.0
"""A connection is asked for when nothing was heard of it for so long. 2 minutes: who left shows no longer than that,
as far as the steps keep up."""

_log = logging.getLogger(__name__)


class SeenConnections(Protocol):
    """What is asked of a store of connections."""

    async def unseen(self, before: datetime, limit: int) -> Sequence[OpenConnection]: ...

    async def seen(self, connection: OpenConnection) -> None: ...

    async def ended(self, hub: str, connection_id: str) -> None: ...


class StaleConnections:
    """Ends what is gone, in the store.

    Args:
        plane_of: Gives the plane of a hub by its name.
    """

    def __init__(self, connections: SeenConnections, plane_of: Callable[[str], DataPlane], clock: Clock) -> None:
        self._connections = connections
        self._plane_of = plane_of
        self._clock = clock

    async def run(self) -> None:
        """Take a step at every interval, for ever."""
        while True:
            await self._clock.sleep(INTERVAL_SECONDS)
            await self.step()

    async def step(self) -> None:
        """Ask for those that were not heard of for the longest time; where nobody answers, the next step asks again."""
        before = self._clock.now() - timedelta(seconds=QUIET_SECONDS)
        try:
            for connection in await self._connections.unseen(before, STEP):
                audience = Audience.connection(connection.connection_id)
                if await self._plane_of(connection.hub).exists(audience):
                    await self._connections.seen(connection)
                else:
                    await self._connections.ended(connection.hub, connection.connection_id)
        except UNREACHABLE as error:
            _log.warning("whether connections are still open is not known: %s", error)
