"""Ends the connections of processes that ended without a word: they hold none any more. Knows no hub.

Each process that holds connections says that it lives by a lease (`services.connections`).
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from meschain.services.connections import node_lease
from meschain.services.options import PresenceOptions
from meschain.services.ports import Clock, LeaseStore, WrittenConnections

SERVICE_HOURS: Final = 1.0
"""A service that is used is asked for each of its connections more often than that (`hubs.stale_connections`)."""

_log = logging.getLogger(__name__)


class StaleNodes:
    """Looks after what processes wrote down.

    What a service held, before the shop's processes held their connections themselves, is ended once nobody asks the
    service for it any more.
    """

    def __init__(
        self, connections: WrittenConnections, leases: LeaseStore, clock: Clock, options: PresenceOptions | None = None
    ) -> None:
        self._connections = connections
        self._leases = leases
        self._clock = clock
        self._options = options or PresenceOptions()

    async def run(self) -> None:
        """Look at every interval, for ever."""
        while True:
            await self.step()
            await self._clock.sleep(self._options.node_seconds / 4)

    async def step(self) -> None:
        """End what is held by nobody who lives."""
        for node in await self._connections.nodes():
            if not node:
                await self._connections.end_node(node, self._clock.now() - timedelta(hours=SERVICE_HOURS))
                continue
            lease = await self._leases.look(node_lease(node))
            if lease is not None and lease.holder == node and lease.left_seconds > 0:
                continue
            ended = await self._connections.end_node(node)
            await self._leases.forget(node_lease(node))
            _log.warning("%d connections of the process %s have ended with it", ended, node)
