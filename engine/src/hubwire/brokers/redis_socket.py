"""One connection to Redis: its address, and how it is read, looked after and cut. Knows no commands.

redis-py makes it, with TLS and log-in; what it has no public way for stands here, once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from redis.asyncio.connection import Connection, parse_url
from redis.exceptions import RedisError

from hubwire.clock import Clock
from hubwire.options import BrokerOptions

_READ_BYTES = 64 * 1024
"""What is read at a time."""
_LATE = 1.5
"""Times what is between two looks: less than an answer may take, by the defaults."""


def parsed(url: str, options: BrokerOptions) -> tuple[dict[str, Any], type[Connection]]:
    """Return with what to make a connection. Raises: ValueError for an address that cannot be one."""
    try:
        settings: dict[str, Any] = dict(parse_url(url))
    except ValueError:
        # Without the cause, whose text holds the address and so maybe a password.
        raise ValueError(
            "The address of Redis cannot be read: give redis://host:6379/0, rediss:// for TLS, or unix:///path."
        ) from None
    kind = settings.pop("connection_class", Connection)
    settings.update(
        protocol=2,
        socket_timeout=None,  # a connection is silent most of the time; whoever uses it looks after it
        socket_connect_timeout=options.dial_timeout_seconds,
        driver_info=None,  # two more commands per connection
    )
    return settings, kind


def shown(settings: Mapping[str, Any]) -> str:
    """Where it is, without user and password."""
    path = settings.get("path")
    return str(path) if path else f"{settings.get('host', 'localhost')}:{settings.get('port', 6379)}"


def stream(connection: Connection) -> asyncio.StreamReader:
    """What a connection that stands reads from. There is no public way; see `resp` for why it is taken."""
    reader = connection._reader
    if reader is None:
        raise ConnectionError("it was closed before it was used")
    return reader


async def received(reader: asyncio.StreamReader) -> bytes:
    """Return what came in next. Raises: ConnectionError at the end."""
    data = await reader.read(_READ_BYTES)
    if not data:
        raise ConnectionError("it closed the connection")
    return data


class Looks:
    """When a connection is looked after: so many seconds apart.

    One that comes far too late is left out: this process stood still, and what Redis answered meanwhile is not read
    yet. The next one counts, or a process that is always late would never notice anything.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds

    async def next(self) -> float:
        """Return at the next one, with the time."""
        begun = self._clock.monotonic()
        await self._clock.sleep(self._seconds)
        if self._clock.monotonic() - begun > _LATE * self._seconds:
            await self._clock.sleep(self._seconds)
        return self._clock.monotonic()


async def cut(connection: Connection) -> None:
    """End a connection at once."""
    # There is no public way to drop unsent data; without it a peer that takes nothing keeps the socket.
    writer = connection._writer
    if writer is not None:
        writer.transport.abort()
    await connection.disconnect(nowait=True)


def reason(error: Exception) -> str:
    """Why it failed, without a full stop."""
    return str(error).rstrip(".") or type(error).__name__


async def guard(work: Coroutine[object, object, None], fail: Callable[[str], None]) -> None:
    """Do one part of what uses a connection; let its failure be that of the whole."""
    try:
        await work
    except (OSError, RedisError) as error:
        fail(reason(error))
    except Exception as error:
        fail(f"{type(error).__name__}: {error}")
        raise
