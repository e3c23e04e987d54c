"""Raw connections: bytes both ways over any transport, without hub, handshake or pings; what a handler is given.

The counterpart of the reference server's `ConnectionHandler`. Knows no lane and no transport: `RawPump` does the work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hubwire.model import Caller
    from hubwire.server.raw_pump import RawPump

RawHandler = Callable[["RawConnection"], Awaitable[None]]
"""Runs once for each connection, which is closed when it returns."""


class RawConnection:
    """One client, as a handler of raw connections sees it: a stream of bytes each way.

    Received pieces are cut anywhere, as on TCP. A piece that is written arrives as one WebSocket message or server-sent
    event, whose line ends become LF; on long polling, pieces that wait for the next poll arrive as one.
    """

    __slots__ = ("_pump",)

    def __init__(self, pump: RawPump) -> None:
        self._pump = pump

    @property
    def caller(self) -> Caller:
        """Who is connected: connection id, principal, request, transport. `caller.hub` is the handler's name."""
        return self._pump.caller

    @property
    def is_open(self) -> bool:
        """Whether `write` may still be called."""
        return self._pump.is_open

    @property
    def error(self) -> BaseException | None:
        """Why the client went away; None while it is there, and when it was closed properly by either side.

        Some ASGI servers, such as Hypercorn, tell a closed WebSocket as a lost one.
        """
        return self._pump.error

    @property
    def allows_binary(self) -> bool:
        """Whether the transport can carry bytes that are no text; server-sent events cannot."""
        return self._pump.allows_binary

    @property
    def is_binary(self) -> bool:
        """Whether what is written goes out as binary rather than text (UTF-8). Text until set, as in the reference."""
        return self._pump.is_binary

    @is_binary.setter
    def is_binary(self, value: bool) -> None:
        """Raises: ValueError where the transport carries text only."""
        self._pump.is_binary = value

    async def read(self) -> bytes:
        """Return what has arrived, waiting for the first byte; empty: nothing more will come.

        It ends when the client leaves, however it does (`error` tells), when the connection is closed on this side, and
        when the server stops.

        Raises: LocalProtocolError when another task is reading.
        """
        return await self._pump.read()

    def __aiter__(self) -> RawConnection:
        return self

    async def __anext__(self) -> bytes:
        data = await self._pump.read()
        if not data:
            raise StopAsyncIteration
        return data

    async def write(self, data: bytes | str) -> None:
        """Send; waits while the client is slow.

        While one task waits, what others want to write is bounded by `ConnectionOptions.outbox_limit_bytes`, and the
        client's slowness by `write_timeout_seconds`; beyond either it is cut off. Text that ends inside of a character
        is held until the next write brings the rest.

        Raises:
            ConnectionResetError: the connection is closed. A handler may let it pass.
            UnicodeDecodeError: the bytes are no text; set `is_binary` first.
        """
        await self._pump.write(data)

    async def close(self) -> None:
        """Begin to close properly, behind everything written; reading ends, writing is over. May be called twice."""
        self._pump.close()

    async def wait_closed(self) -> None:
        """Return when the client is gone: for a handler that waits for something else than its bytes."""
        await self._pump.wait_closed()
