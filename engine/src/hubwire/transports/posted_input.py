"""What clients POST to a connection that is no WebSocket: the bodies of many requests, made one stream of bytes.

Implements the reading half of `Transport` for Server-Sent Events and long polling. Knows no hub message, no connection
table and no status code.
"""

from __future__ import annotations

import asyncio
import enum

from hubwire.clock import Clock, Timer
from hubwire.ports import Receiver
from hubwire.transports.asgi import AsgiMessage, AsgiReceive
from hubwire.transports.backlog import HIGH_WATER_BYTES
from hubwire.transports.slices import slices


class Posted(enum.Enum):
    """How the body of a POST ended."""

    TAKEN = "taken"
    """All of it was handed over."""
    ENDED = "ended"
    """The connection is over; the rest of it has nowhere to go."""
    BROKEN = "broken"
    """The client left in the middle of it, or sent nothing more for too long."""


class PostedInput:
    """Takes one body after the other, in the order in which they came, and pushes them into a receiver.

    Bodies may come before there is one (some clients send the handshake before they open the way back). Up to 64 KiB
    wait here then, as in the reference server; what is more waits in its request.

    A client that has lost its network in the middle of a body sends the next by another socket, and nobody tells us
    about the first: a body that brings nothing for some seconds gives its turn up.
    """

    __slots__ = (
        "_clock",
        "_early",
        "_has_ended",
        "_is_held",
        "_may_push",
        "_reading",
        "_receiver",
        "_silence_seconds",
        "_timer",
        "_turn",
        "wheel_slot",
    )

    def __init__(self, clock: Clock, timer: Timer, silence_seconds: float) -> None:
        self.wheel_slot = -1
        self._clock = clock
        self._timer = timer
        self._silence_seconds = silence_seconds
        self._reading: asyncio.Timeout | None = None  # ends the wait for the next piece
        self._receiver: Receiver | None = None
        self._early = bytearray()
        self._is_held = False  # whether the receiver wants no more for now
        self._has_ended = False
        self._may_push = asyncio.Event()
        self._may_push.set()
        self._turn = asyncio.Lock()

    @property
    def has_ended(self) -> bool:
        """Whether nothing is taken any more."""
        return self._has_ended

    async def take(self, receive: AsgiReceive) -> Posted:
        """Hand a whole body over, however large, as fast as the receiver wants it."""
        async with self._turn:
            while not self._has_ended:
                message = await self._next(receive)
                if message["type"] != "http.request":
                    return Posted.ENDED if self.has_ended else Posted.BROKEN
                body: bytes = message.get("body", b"")
                for number, piece in enumerate(slices(body)):
                    if number:
                        await asyncio.sleep(0)
                    if not await self._push(piece):
                        return Posted.ENDED
                if not message.get("more_body", False):
                    return Posted.TAKEN  # also when it was this that ended the connection, as a good-bye does
            return Posted.ENDED

    def attach(self, receiver: Receiver) -> None:
        """Begin to push, first what came early."""
        self._receiver = receiver
        early, self._early = bytes(self._early), bytearray()
        if early and not self._has_ended:
            receiver.feed(early)
        self._update()

    def hold(self) -> None:
        """The receiver wants no more for now."""
        self._is_held = True
        self._update()

    def release(self) -> None:
        """It does again."""
        self._is_held = False
        self._update()

    def end(self) -> None:
        """The connection is over: requests that wait or come later find no taker."""
        self._has_ended = True
        self._early.clear()
        self._update()
        self._stop_reading()

    def tick(self, now: float) -> None:
        """The body has brought nothing for too long."""
        self._stop_reading()

    async def _next(self, receive: AsgiReceive) -> AsgiMessage:
        """Return the next piece, or the end of a client that has gone silent."""
        self._timer.schedule(self, self._clock.monotonic() + self._silence_seconds)
        try:
            async with asyncio.timeout(None) as self._reading:
                return await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        finally:
            self._reading = None
            self._timer.cancel(self)

    def _stop_reading(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.reschedule(0.0)

    async def _push(self, data: bytes) -> bool:
        """Hand data over and return when more is wanted; False: there is nobody to take it."""
        await self._may_push.wait()
        if self._has_ended:
            return False
        if self._receiver is not None:
            self._receiver.feed(data)
            await self._may_push.wait()
            return True
        self._early += data
        self._update()
        await self._may_push.wait()
        return not self._has_ended

    def _update(self) -> None:
        if self._has_ended or not (self._is_held or len(self._early) > HIGH_WATER_BYTES):
            self._may_push.set()
        else:
            self._may_push.clear()
