"""What a transport has taken and could not send yet, where sends must be awaited. Knows no protocol and sends nothing.

It is small: the bounded outbox behind it is the connection's, which is told by the same `pause_writing` as by a socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from hubwire.ports import Receiver

HIGH_WATER_BYTES = 64 * 1024
"""Unsent bytes above which writers are paused; the same as asyncio's sockets, and the reference server's pipes."""

_LOW_WATER_BYTES = HIGH_WATER_BYTES // 4


class Backlog:
    """Messages in their order, until they are sent. What is being sent still counts."""

    __slots__ = ("_is_paused", "_receiver", "_waiting", "unsent_bytes")

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._receiver: Receiver | None = None
        self._is_paused = False
        self.unsent_bytes = 0

    def __bool__(self) -> bool:
        """Whether something waits to be taken."""
        return bool(self._waiting)

    def attach(self, receiver: Receiver | None) -> None:
        """Name who is to be paused; None: nobody any more."""
        self._receiver = receiver
        if receiver is not None and self._is_paused:  # by what was written before
            receiver.pause_writing()

    def add(self, data: bytes) -> None:
        """Take a message."""
        self._waiting.append(data)
        self.unsent_bytes += len(data)
        if self.unsent_bytes > HIGH_WATER_BYTES:
            self._pause()

    def take(self) -> list[bytes]:
        """Return everything that waits, to be sent now."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def put_back(self, messages: list[bytes]) -> None:
        """These could not be sent: they count once more, since `deliver` is going to count them as sent."""
        self._waiting[:0] = messages
        self.unsent_bytes += sum(map(len, messages))

    async def deliver(self, sending: Awaitable[object], size_bytes: int) -> None:
        """Await a send of that many of the unsent bytes.

        One that does not return within a turn of the loop pauses writers too, however little it sends: so the time that
        the connection gives slow clients also counts for those that nobody has much to tell.
        """
        pausing = asyncio.get_running_loop().call_soon(self._pause)
        try:
            await sending
        finally:
            pausing.cancel()
            self.unsent_bytes -= size_bytes
        if self._is_paused and self.unsent_bytes <= _LOW_WATER_BYTES:
            self._is_paused = False
            if self._receiver is not None:
                self._receiver.resume_writing()

    def clear(self) -> None:
        """Drop what waits."""
        self._waiting.clear()

    def _pause(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            if self._receiver is not None:
                self._receiver.pause_writing()
