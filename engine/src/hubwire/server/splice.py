"""A WebSocket of the fast lane that belongs to another node: two sockets whose bytes are passed on as they come.

What one side cannot take stops the reading of the other. Nothing is parsed: the peer answers the upgrade, and whatever
ends one socket ends the other, without a close frame of ours, so that a connection that may be resumed can be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

from hubwire.clock import Clock, Timer
from hubwire.server.keep_alive import keep_alive
from hubwire.server.peers import STAMP_HEADER

_FLUSH_SECONDS = 10.0
"""How long the one that is left may take for what it was sent. 10 s: as long as a client may take nothing otherwise."""

_HTTP = 80
_STAMP_LINE = STAMP_HEADER.encode() + b":"


class _End(asyncio.Protocol):
    """One of the two sockets."""

    __slots__ = ("_splice", "transport")

    transport: asyncio.Transport

    def __init__(self, splice: Splice) -> None:
        self._splice = splice

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # of a stream socket

    def data_received(self, data: bytes) -> None:
        other = self._splice.other(self).transport
        if not other.is_closing():
            other.write(data)

    def pause_writing(self) -> None:
        other = self._splice.other(self).transport
        if not other.is_closing():
            other.pause_reading()

    def resume_writing(self) -> None:
        other = self._splice.other(self).transport
        if not other.is_closing():
            other.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._splice.lost(self)

    def shutdown(self) -> None:
        """uvicorn stops, and calls this on those that it knows."""
        self._splice.stop()


class Splice:
    """Both of them."""

    __slots__ = ("_clock", "_on_end", "_open", "_timer", "far", "near", "wheel_slot")

    def __init__(self, clock: Clock, timer: Timer, on_end: Callable[[Splice], None]) -> None:
        self.wheel_slot = -1
        self._clock = clock
        self._timer = timer
        self._on_end = on_end
        self.near = _End(self)
        """The client's, from `join` on."""
        self.far = _End(self)
        self._open: list[_End] = []

    async def dial(self, address: str, timeout_seconds: float) -> None:
        """Connect to the peer. Raises: OSError, TimeoutError."""
        url = urlsplit(address)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout_seconds):
            transport, _ = await loop.create_connection(lambda: self.far, url.hostname or "", url.port or _HTTP)
        self._open.append(self.far)
        keep_alive(transport.get_extra_info("socket"))

    def join(self, client: asyncio.Transport, sent: bytes) -> None:
        """Begin: what the client has sent so far goes out, and from now on everything."""
        self.near.connection_made(client)
        client.set_protocol(self.near)
        self._open.append(self.near)
        if self.far.transport.is_closing():
            client.close()
            return
        client.resume_reading()
        self.far.transport.write(sent)  # which may pause the client at once

    def other(self, end: _End) -> _End:
        """The one to which it is joined."""
        return self.far if end is self.near else self.near

    def stop(self) -> None:
        """This node stops: end it; the client may come back through another."""
        for end in self._open:
            end.transport.close()

    def lost(self, end: _End) -> None:
        """One is gone, and with it the other, once it has got what it was sent."""
        self._open.remove(end)
        if not self._open:
            self._timer.cancel(self)
            self._on_end(self)
        else:
            self.stop()
            self._timer.schedule(self, self._clock.monotonic() + _FLUSH_SECONDS)

    def tick(self, now: float) -> None:
        """Who is left has not taken what it was sent."""
        for end in self._open:
            end.transport.abort()


def stamped(head: bytes, stamp: str) -> bytes:
    """Return the head of a request with our stamp, and no other."""
    lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith(_STAMP_LINE)]
    return b"\r\n".join([*kept, _STAMP_LINE + b" " + stamp.encode("ascii"), b"", b""])
