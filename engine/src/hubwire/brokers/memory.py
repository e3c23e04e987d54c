"""A broker between servers of one process, for tests and trials. Knows no messages, only bytes."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Sequence

from hubwire.errors import BrokerUnavailable
from hubwire.options import BrokerOptions
from hubwire.ports import BrokerListener

_TURN = 100
"""Messages handed over between two yields."""

_log = logging.getLogger("hubwire.brokers")


class MemoryExchange:
    """Where brokers meet. Goes away and comes back as told, to see what an outage does."""

    def __init__(self, options: BrokerOptions | None = None) -> None:
        self.limit_bytes = (options or BrokerOptions()).publish_buffer_bytes
        self.waiting_bytes = 0
        """What was published and not handed over yet, to all together."""
        self.is_available = True
        self.subscribers: dict[bytes, dict[MemoryBroker, None]] = {}
        """By subject; one without subscribers is not there."""
        self._brokers: set[MemoryBroker] = set()

    def lose(self) -> None:
        """Go away: what was not handed over yet is lost, and everybody is told."""
        self.is_available = False
        for broker in list(self._brokers):
            broker.lose()

    def restore(self, seconds: float = 1.0) -> None:
        """Come back, after so many seconds as everybody is told."""
        self.is_available = True
        for broker in list(self._brokers):
            broker.restore(seconds)

    def join(self, broker: MemoryBroker) -> None:
        """Let a broker hear of outages."""
        self._brokers.add(broker)

    def leave(self, broker: MemoryBroker) -> None:
        """Forget it."""
        self._brokers.discard(broker)


class MemoryBroker:
    """Implements `Broker` between all that are given the same exchange."""

    def __init__(self, exchange: MemoryExchange | None = None) -> None:
        self._exchange = exchange or MemoryExchange()
        self._listener: BrokerListener | None = None
        self._wanted: set[bytes] = set()
        self._waiting: deque[tuple[bytes, bytes]] = deque()
        self._something_waits = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None

    @property
    def is_available(self) -> bool:
        return self._listener is not None and self._exchange.is_available

    async def start(self, listener: BrokerListener) -> None:
        if not self._exchange.is_available:
            raise BrokerUnavailable("the exchange was told to be away", may_have_arrived=False)
        self._listener = listener
        self._exchange.join(self)
        self._pump = asyncio.create_task(self._hand_over(listener))
        for subject in self._wanted:
            self._exchange.subscribers.setdefault(subject, {})[self] = None

    async def stop(self) -> None:
        self._listener = None
        self._exchange.leave(self)
        for subject in list(self._wanted):
            self.unsubscribe(subject)
        self._drop_waiting()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
            self._pump = None

    def publish(self, subjects: Sequence[bytes], payload: bytes) -> Awaitable[int]:
        exchange = self._exchange
        if not self.is_available:
            raise BrokerUnavailable("the exchange is away, or this broker does not run", may_have_arrived=False)
        size = len(payload)
        receivers = [(subject, broker) for subject in subjects for broker in exchange.subscribers.get(subject, ())]
        if exchange.waiting_bytes + size * len(receivers) > exchange.limit_bytes:
            raise BrokerUnavailable(f"more than {exchange.limit_bytes} bytes wait", may_have_arrived=False)
        for subject, broker in receivers:
            broker.put(subject, payload)
        count: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        count.set_result(len(receivers))
        return count

    def subscribe(self, subject: bytes) -> None:
        self._wanted.add(subject)
        if self.is_available:
            self._exchange.subscribers.setdefault(subject, {})[self] = None

    def unsubscribe(self, subject: bytes) -> None:
        self._wanted.discard(subject)
        subscribers = self._exchange.subscribers.get(subject)
        if subscribers is not None:
            subscribers.pop(self, None)
            if not subscribers:
                del self._exchange.subscribers[subject]

    def settled(self) -> Awaitable[None] | None:
        return None

    # For the exchange

    def put(self, subject: bytes, payload: bytes) -> None:
        """Let a message wait for this process."""
        self._exchange.waiting_bytes += len(payload)
        self._waiting.append((subject, payload))
        self._something_waits.set()

    def lose(self) -> None:
        """The exchange is away."""
        self._drop_waiting()
        for subject in self._wanted:
            self._exchange.subscribers.pop(subject, None)
        if self._listener is not None:
            self._listener.lost()

    def restore(self, seconds: float) -> None:
        """The exchange is back."""
        for subject in self._wanted:
            self._exchange.subscribers.setdefault(subject, {})[self] = None
        if self._listener is not None:
            self._listener.restored(seconds)

    def _drop_waiting(self) -> None:
        while self._waiting:
            self._exchange.waiting_bytes -= len(self._waiting.popleft()[1])

    async def _hand_over(self, listener: BrokerListener) -> None:
        while True:
            self._something_waits.clear()
            for _ in range(min(len(self._waiting), _TURN)):
                if not self._waiting:  # dropped meanwhile
                    break
                subject, payload = self._waiting.popleft()
                self._exchange.waiting_bytes -= len(payload)
                try:
                    work = listener.received(subject, payload)
                    if work is not None:
                        await work
                except Exception:  # noqa: BLE001 - the boundary between messages: a listener must not raise
                    _log.exception("A message from another server failed; the next ones are worked off")
            if self._waiting:
                await asyncio.sleep(0)
            else:
                await self._something_waits.wait()
