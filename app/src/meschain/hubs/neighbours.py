"""The `Neighbours` of the services over the engine's broker: one subject that every process of the service hears.

Knows the words of no topic: who hears one registers for it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from hubwire import Broker, BrokerUnavailable
from meschain.services.ports import NeighboursUnreachable

Hear = Callable[[str], Awaitable[None] | None]
"""Takes a message of its topic."""

_log = logging.getLogger(__name__)


class BrokerNeighbours:
    """Processes that talk over a broker; open within `lifespan`.

    Args:
        broker: of its own: a broker tells one listener.
        node: names this process, which does not hear itself.
        subject: of this service alone.
    """

    def __init__(self, broker: Broker, node: str, subject: bytes) -> None:
        self._broker = broker
        self._node = node
        self._subject = subject
        self._hear: dict[str, Hear] = {}
        self._restored: Callable[[], None] = lambda: None

    @property
    def is_available(self) -> bool:
        """Whether others can be told something now, and are heard."""
        return self._broker.is_available

    def hear(self, topic: str, hear: Hear) -> None:
        """Give what others tell on this topic to `hear`, which may raise: that is logged."""
        self._hear[topic] = hear

    def call_when_restored(self, restored: Callable[[], None]) -> None:
        """Call this after an outage, in which others may have told something."""
        self._restored = restored

    def tell(self, topic: str, message: str) -> None:
        try:
            self._broker.publish([self._subject], self._words(topic, message))
        except BrokerUnavailable:
            _log.warning("other processes could not be told of: %s", topic)

    def tell_all(self, topic: str) -> None:
        """Tell the others that, and this process too."""
        self.tell(topic, "")
        hear = self._hear.get(topic)
        if hear is not None:
            hear("")

    async def reach(self, topic: str, message: str) -> bool:
        try:
            return await self._broker.publish([self._subject], self._words(topic, message)) > 1  # we are one of them
        except BrokerUnavailable as error:
            raise NeighboursUnreachable(str(error)) from error

    def _words(self, topic: str, message: str) -> bytes:
        return json.dumps([self._node, topic, message]).encode()

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Talk and hear while the block is open. Raises: BrokerUnavailable."""
        await self._broker.start(self)
        try:
            self._broker.subscribe(self._subject)
            settled = self._broker.settled()
            if settled is not None:
                await settled
            yield
        finally:
            await self._broker.stop()

    # The broker's listener

    def received(self, subject: bytes, payload: bytes) -> Awaitable[None] | None:
        try:
            node, topic, message = json.loads(payload)
        except ValueError:
            _log.warning("something that is no message came in over the broker; another program uses its subject")
            return None
        hear = self._hear.get(topic)
        return None if node == self._node or hear is None else self._give(hear, topic, message)

    async def _give(self, hear: Hear, topic: str, message: str) -> None:
        try:
            work = hear(message)
            if work is not None:
                await work
        except Exception:  # noqa: BLE001 - boundary between processes: what one tells does not stop the other's ears
            _log.exception("what another process told could not be made use of: %s", topic)

    def lost(self) -> None:
        """Others are not heard now; the engine's own broker says so in the log."""

    def restored(self, seconds: float) -> None:
        self._restored()
