"""Both ends of a transport over ASGI: a receiver that notes what it is told, a server that waits or fails on demand."""

from __future__ import annotations

import asyncio
from typing import Any

from hubwire.clock import Timed
from hubwire.testing import FakeClock
from hubwire.transports.posted_input import PostedInput


class Listener:
    """Implements `Receiver`; notes what it is told."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.times_gone = 0

    def feed(self, data: bytes) -> None:
        self.events.append(data)

    def pause_writing(self) -> None:
        self.events.append("pause")

    def resume_writing(self) -> None:
        self.events.append("resume")

    def lost(self, error: BaseException | None) -> None:
        self.events.append("lost" if error is None else type(error))

    def gone(self) -> None:
        self.times_gone += 1

    def stop(self) -> None:
        self.events.append("stop")


class Alarm:
    """Implements `Timer` for one member."""

    def __init__(self) -> None:
        self.member: Timed | None = None
        self.due: float | None = None

    def schedule(self, member: Timed, due: float) -> None:
        self.member, self.due = member, due

    def cancel(self, member: Timed) -> None:
        self.member = self.due = None

    def ring(self, clock: FakeClock) -> None:
        """Let the time come that was asked for."""
        assert self.member is not None
        assert self.due is not None
        clock.advance(self.due - clock.monotonic())
        member, self.member, self.due = self.member, None, None
        member.tick(clock.monotonic())


SILENCE_SECONDS = 15.0


def posted_input(clock: FakeClock | None = None, alarm: Alarm | None = None) -> PostedInput:
    """An input with a clock of its own, unless told otherwise."""
    return PostedInput(clock or FakeClock(), alarm or Alarm(), SILENCE_SECONDS)


class Server:
    """The server's side of one call: messages to receive, and sends that wait or fail on demand."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for message in messages:
            self.incoming.put_nowait(message)
        self.sent: list[Any] = []
        self.may_send = asyncio.Event()
        self.may_send.set()
        self.failure: Exception | None = None
        self.sent_something = asyncio.Event()
        self.times_aborted = 0

    async def receive(self) -> dict[str, Any]:
        return await self.incoming.get()

    async def send(self, message: Any) -> None:
        await self.may_send.wait()
        if self.failure is not None:
            raise self.failure
        self.sent.append(message)
        self.sent_something.set()

    def abort(self) -> None:
        self.times_aborted += 1

    @property
    def status(self) -> int | None:
        """Of the answer, None: there is none yet."""
        return self.sent[0]["status"] if self.sent else None

    @property
    def body(self) -> bytes:
        """Of the answer, as far as it is sent."""
        return b"".join(message["body"] for message in self.sent[1:])

    @property
    def content_type(self) -> bytes | None:
        return dict(self.sent[0]["headers"]).get(b"content-type")


REQUEST = {"type": "http.request", "body": b"", "more_body": False}
GONE = {"type": "http.disconnect"}


async def turns(count: int = 10) -> None:
    """Let everything happen that needs no time."""
    for _ in range(count):
        await asyncio.sleep(0)
