"""The open connections whose events come to this process, and how all processes learn of them.

Knows no hub and no database. What is written down for all is what `services.who_is_online` and `services.attendance`
read; nobody who connects waits for it where this process holds the connection itself.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from meschain.services.options import PresenceOptions
from meschain.services.ports import (
    Clock,
    ConnectionKey,
    LeaseStore,
    OpenConnection,
    StoredConnections,
    WrittenConnections,
)

_log = logging.getLogger(__name__)


def node_lease(node: str) -> str:
    """Name of the lease by which a process says that it lives."""
    return f"node {node}"


class _Activity:
    """When connections were last active, until it is written down."""

    def __init__(self, store: WrittenConnections, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._moments: dict[ConnectionKey, datetime] = {}

    def note(self, key: ConnectionKey) -> None:
        self._moments[key] = self._clock.now()

    def drop(self, key: ConnectionKey) -> None:
        self._moments.pop(key, None)

    async def write(self) -> None:
        moments, self._moments = self._moments, {}
        try:
            await self._store.write_active(moments)
        except BaseException:
            self._moments = {**moments, **self._moments}
            raise


class ProcessConnections:
    """`ConnectionBook` of a process that holds its connections itself: in memory, and written down in crowds.

    By a lease it says that it lives; once that runs out, others end what it wrote (`services.stale_nodes`). What is
    written is compared with what is so every now and then, so that a mistake of either side mends itself.

    Args:
        node: names this process among all that write down connections.
    """

    def __init__(
        self,
        store: WrittenConnections,
        leases: LeaseStore,
        node: str,
        clock: Clock,
        options: PresenceOptions | None = None,
    ) -> None:
        self._store = store
        self._leases = leases
        self._node: Final = node
        self._clock = clock
        self._options = options or PresenceOptions()
        self._activity = _Activity(store, clock)
        self._open: dict[ConnectionKey, OpenConnection] = {}
        self._by_log_in: dict[str, dict[ConnectionKey, OpenConnection]] = {}
        self._coming: dict[ConnectionKey, OpenConnection] = {}
        """Not written yet."""
        self._going: set[ConnectionKey] = set()
        """Written as open, and ended since."""

    async def opened(self, connection: OpenConnection) -> None:
        key = (connection.hub, connection.connection_id)
        self._open[key] = self._coming[key] = connection
        if connection.log_in:
            self._by_log_in.setdefault(connection.log_in, {})[key] = connection

    async def ended(self, hub: str, connection_id: str) -> None:
        key = (hub, connection_id)
        connection = self._open.pop(key, None)
        if connection is None:
            return
        self._activity.drop(key)
        if self._coming.pop(key, None) is None:
            self._going.add(key)
        if connection.log_in:
            others = self._by_log_in[connection.log_in]
            others.pop(key)
            if not others:
                del self._by_log_in[connection.log_in]

    def active(self, hub: str, connection_id: str) -> None:
        if (hub, connection_id) in self._open:
            self._activity.note((hub, connection_id))

    async def of_log_in(self, log_in: str) -> Sequence[OpenConnection]:
        return list(self._by_log_in.get(log_in, {}).values())

    async def log_ins(self, after: str, limit: int) -> Sequence[str]:
        return sorted(log_in for log_in in self._by_log_in if log_in > after)[:limit]

    async def run(self) -> None:
        """Write at every interval; while the database is away what is new waits, at most as much as there is open."""
        lived = compared = was_active = float("-inf")
        while True:
            now = self._clock.monotonic()
            if now - lived >= self._options.node_seconds / 4:
                # Before anything is written: what nobody stands for is ended by others.
                await self._leases.take(node_lease(self._node), self._node, self._options.node_seconds)
                lived = now
            await self.write()
            if now - was_active >= self._options.active_seconds:
                await self._activity.write()
                was_active = now
            if now - compared >= self._options.compare_seconds:
                await self._compare()
                compared = now
            await self._clock.sleep(self._options.write_seconds)

    async def write(self) -> None:
        """Write down who came and who left since the last time."""
        if not self._coming and not self._going:
            return
        coming, self._coming = self._coming, {}
        going, self._going = self._going, set()
        try:
            await self._store.write(list(coming.values()), sorted(going))
        except BaseException:
            self._give_back(coming, going)
            raise

    async def close(self) -> None:
        """Write down what is left, and say that this process is no more."""
        try:
            await self.write()
            await self._activity.write()
            name = node_lease(self._node)
            await self._leases.release(name, self._node)
            await self._leases.forget(name)
        except Exception:  # noqa: BLE001 - boundary at a stop: others find out by the lease
            _log.warning("that this process's connections have ended could not be written down", exc_info=True)

    def _give_back(self, coming: Mapping[ConnectionKey, OpenConnection], going: set[ConnectionKey]) -> None:
        """They were not written, or perhaps they were; those that ended meanwhile have to be ended then."""
        for key, connection in coming.items():
            if key in self._open:
                self._coming[key] = connection
            else:
                self._going.add(key)
        self._going |= going

    async def _compare(self) -> None:
        written = set(await self._store.held_by(self._node))
        for key in written - self._open.keys():
            self._going.add(key)
        for key, connection in self._open.items():
            if key not in written and key not in self._coming:
                self._coming[key] = connection


class ServiceConnections:
    """`ConnectionBook` where a service holds the connections: any process may hear of any, so all is in the store.

    Only when they were last active is written later than it happens.
    """

    def __init__(
        self,
        store: StoredConnections,
        written: WrittenConnections,
        clock: Clock,
        options: PresenceOptions | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._options = options or PresenceOptions()
        self._activity = _Activity(written, clock)

    async def opened(self, connection: OpenConnection) -> None:
        await self._store.opened(connection)

    async def ended(self, hub: str, connection_id: str) -> None:
        self._activity.drop((hub, connection_id))
        await self._store.ended(hub, connection_id)

    def active(self, hub: str, connection_id: str) -> None:
        self._activity.note((hub, connection_id))

    async def of_log_in(self, log_in: str) -> Sequence[OpenConnection]:
        return await self._store.of_log_in(log_in)

    async def log_ins(self, after: str, limit: int) -> Sequence[str]:
        return await self._store.log_ins(after, limit)

    async def run(self) -> None:
        """Write at every interval."""
        while True:
            await self._clock.sleep(self._options.active_seconds)
            await self._activity.write()

    async def close(self) -> None:
        """Write when the last calls were."""
        try:
            await self._activity.write()
        except Exception:  # noqa: BLE001 - boundary at a stop: it is a detail of what pages show
            _log.warning("when connections were last active could not be written down", exc_info=True)
