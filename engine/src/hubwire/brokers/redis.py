"""A broker over Redis or Valkey: publish and subscribe, and nothing is stored there. Knows no messages, only bytes.

`RedisBroker` lives through outages; each time that it is connected is one `Link`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Sequence

from redis.asyncio.connection import Connection
from redis.exceptions import RedisError

from hubwire.brokers import redis_socket
from hubwire.brokers.redis_link import Link
from hubwire.clock import Clock, SystemClock
from hubwire.errors import BrokerUnavailable, LocalProtocolError
from hubwire.options import BrokerOptions
from hubwire.ports import BrokerListener

_FIRST_BACKOFF_SECONDS = 0.1
_STOPPED = "this broker was stopped"

_log = logging.getLogger("hubwire.brokers")


class RedisBroker:
    """Implements `Broker`. Two connections: one publishes, one is subscribed; when one fails, both are made anew."""

    def __init__(self, url: str, options: BrokerOptions | None = None, *, clock: Clock | None = None) -> None:
        """Prepare a broker; it connects when its server starts.

        Args:
            url: `redis://[user:password@]host[:port][/database]`, `rediss://` for TLS, `unix://` for a socket. It is
                never logged.

        Raises: ValueError for an address that cannot be one.
        """
        self._options = options or BrokerOptions()
        self._clock: Clock = clock or SystemClock()
        self._settings, self._kind = redis_socket.parsed(url, self._options)
        self._wanted: set[bytes] = set()
        self._link: Link | None = None
        self._is_available = False
        self._life: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"RedisBroker({self.address})"

    @property
    def address(self) -> str:
        """Where it is, without user and password."""
        return redis_socket.shown(self._settings)

    @property
    def is_available(self) -> bool:
        # A link that has just failed is none, though nobody was told yet.
        return self._is_available and self._link is not None and not self._link.has_failed

    async def start(self, listener: BrokerListener) -> None:
        if self._life is not None:
            raise LocalProtocolError("This broker runs already; give each server one of its own.")
        try:
            link = await self._connect(listener)
        except (OSError, RedisError) as error:
            raise BrokerUnavailable(f"{self.address}: {_text(error)}", may_have_arrived=False) from None
        self._is_available = True
        self._life = asyncio.create_task(self._live(listener, link))

    async def stop(self) -> None:
        link, life = self._link, self._life
        if life is None:
            return
        if link is not None and self._is_available:
            self._is_available = False  # nothing more is taken
            await link.flush()
        self._is_available = False
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
        if link is not None:
            await link.close(_STOPPED)  # a task that was cancelled before its first step did not do it
        self._link = None
        self._life = None
        self._wanted.clear()

    def publish(self, subjects: Sequence[bytes], payload: bytes) -> Awaitable[int]:
        if self._link is None or not self.is_available:
            raise BrokerUnavailable(f"{self.address} is away", may_have_arrived=False)
        return self._link.publish(subjects, payload)

    def subscribe(self, subject: bytes) -> None:
        self._wanted.add(subject)
        if self._link is not None:
            self._link.wish(subject, True)

    def unsubscribe(self, subject: bytes) -> None:
        self._wanted.discard(subject)
        if self._link is not None:
            self._link.wish(subject, False)

    def settled(self) -> Awaitable[None] | None:
        return self._link.settled() if self._link is not None and self.is_available else None

    async def _live(self, listener: BrokerListener, link: Link) -> None:
        try:
            while True:
                reason = await link.until_failed()
                self._is_available = False
                self._link = None
                lost_at = self._clock.monotonic()
                listener.lost()
                await link.close(reason)
                _log.warning("The broker %s is lost: %s. Connecting again", self.address, reason)
                link = await self._come_back(listener)
                self._is_available = True
                seconds = self._clock.monotonic() - lost_at
                _log.warning("The broker %s is back after %.1f s; what came between was missed", self.address, seconds)
                listener.restored(seconds)
        finally:
            self._is_available = False
            self._link = None
            await link.close(_STOPPED)

    async def _come_back(self, listener: BrokerListener) -> Link:
        """Connect and subscribe everything again, however long that takes."""
        longest = _FIRST_BACKOFF_SECONDS
        told = ""
        while True:
            # A random part, so that many processes do not all come at once.
            await self._clock.sleep(longest * random.random())  # noqa: S311 - no secret
            longest = min(longest * 2, self._options.maximum_backoff_seconds)
            try:
                return await self._connect(listener)
            except (OSError, RedisError) as error:
                if _text(error) != told:  # attempts are many, reasons few
                    told = _text(error)
                    _log.warning("The broker %s is still away: %s", self.address, told)

    async def _connect(self, listener: BrokerListener) -> Link:
        """Return a link on which everything wanted is subscribed. Raises: OSError, RedisError."""
        connections: list[Connection] = []
        try:
            async with asyncio.timeout(self._options.dial_timeout_seconds):
                for _ in range(2):
                    connection = self._kind(**self._settings)
                    connections.append(connection)
                    await connection.connect()  # type: ignore[no-untyped-call] # redis-py types most of its own
        except BaseException:
            for connection in connections:
                await connection.disconnect(nowait=True)
            raise
        link = Link(connections[0], connections[1], listener, self._options, self._clock)
        link.start()
        for subject in self._wanted:
            link.wish(subject, True)
        self._link = link
        try:
            waiting = link.settled()
            if waiting is not None:
                await waiting
        except BaseException:
            self._link = None
            await link.close("the wait for its subscriptions was cancelled")
            raise
        if link.has_failed:
            self._link = None
            reason = await link.until_failed()
            await link.close(reason)
            raise ConnectionError(reason)
        return link


def _text(error: Exception) -> str:
    return str(error).rstrip(".") or "it did not answer in time"
