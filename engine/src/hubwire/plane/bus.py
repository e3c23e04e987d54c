"""What the hubs of one node have in common: its name and its broker. Hands what arrives to whom it belongs.

Knows no lines and no messages; composed by the server, used by `ClusterDataPlane` and `NodeDirectory`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Protocol

from hubwire.clock import Clock
from hubwire.errors import BrokerUnavailable
from hubwire.options import ClusterOptions
from hubwire.plane import subjects
from hubwire.plane.envelope import Envelope, EnvelopeError, pack, unpack
from hubwire.ports import Broker

_log = logging.getLogger("hubwire.cluster")


class BusMember(Protocol):
    """Whom a bus tells: the data plane of a hub, the directory, the server."""

    def joined(self) -> None:
        """The bus is about to start: subscribe what is always wanted."""

    def received(self, kind: bytes, name: bytes, envelope: Envelope) -> Awaitable[None] | None:
        """An envelope for one of its subjects; as `BrokerListener.received`."""

    def lost(self) -> None:
        """The broker is away."""

    def restored(self, seconds: float) -> None:
        """It is back after that long."""

    def node_gone(self, node_id: str) -> None:
        """A node ended, or fell silent."""


class Bus:
    """Implements `BrokerListener`. Members may come and go while it runs."""

    def __init__(self, broker: Broker, node_id: str, options: ClusterOptions, clock: Clock) -> None:
        self.broker = broker
        self.node_id = node_id
        self.options = options
        self.clock = clock
        self._members: dict[bytes, BusMember] = {}
        self._has_started = False
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, hub: bytes, member: BusMember) -> None:
        """Let it have what comes in for this hub, as subjects write it; it joins at once where the bus has started.

        Raises: ValueError for one that is taken.
        """
        if hub in self._members:
            raise ValueError(f"Hub {hub.decode()!r} has a data plane on this bus already; give it another name.")
        self._members[hub] = member
        if self._has_started:
            member.joined()

    def remove(self, hub: bytes) -> None:
        """Nothing that comes in for this hub concerns anybody here any more."""
        del self._members[hub]

    def publish(self, to: Sequence[bytes], envelope: Envelope) -> Awaitable[int]:
        """As `Broker.publish`."""
        return self.broker.publish(to, pack(envelope))

    def tell(self, to: Sequence[bytes], envelope: Envelope) -> None:
        """Publish something that is only worth a try."""
        try:
            self.publish(to, envelope)
        except BrokerUnavailable as error:
            _log.debug("Not told: %s", error)

    async def start(self) -> None:
        """Connect, and return when all members hear what is for them. Raises: BrokerUnavailable."""
        for member in self._members.values():
            member.joined()
        self._has_started = True
        await self.broker.start(self)
        waiting = self.broker.settled()
        try:
            if waiting is not None:
                await waiting
        except BaseException:  # cancelled: whoever did not see it start will not stop it
            await self.broker.stop()
            raise

    async def stop(self) -> None:
        """Cancel what members have started, and disconnect."""
        self._has_started = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.broker.stop()

    def run(self, work: Coroutine[object, None, None]) -> asyncio.Task[None]:
        """Run work of a member in a task of its own; it ends with the bus."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def node_gone(self, node_id: str) -> None:
        """Tell all members."""
        for member in self._members.values():
            member.node_gone(node_id)

    # BrokerListener

    def received(self, subject: bytes, payload: bytes) -> Awaitable[None] | None:
        try:
            hub, kind, name = subjects.split(subject)
            envelope = unpack(payload)
        except EnvelopeError as error:
            _log.warning("%s", error)
            return None
        member = self._members.get(hub)
        return None if member is None else member.received(kind, name, envelope)

    def lost(self) -> None:
        for member in self._members.values():
            member.lost()

    def restored(self, seconds: float) -> None:
        for member in self._members.values():
            member.restored(seconds)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("Work for another node failed; the next goes on", exc_info=error)
