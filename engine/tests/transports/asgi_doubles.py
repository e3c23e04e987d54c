"""Both ends of a transport over ASGI: a receiver that notes what it is told, a server that waits or fails on demand."""

from __future__ import annotations

import asyncio
from typing import Any


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
