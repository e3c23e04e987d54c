"""Server-Sent Events and long polling as a `Wire`: the client's own transports, read by a task. Knows no messages."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from hubwire.cli.bench.wire import OnData, OnEnd
from hubwire.client.errors import TransportFailed
from hubwire.client.timing import within
from hubwire.client.transport import Transport
from hubwire.clock import Clock

_FAREWELL_SECONDS = 1.0
"""How long our last words may take to be written."""


async def _finished(task: asyncio.Task[None]) -> None:
    await asyncio.wait((task,))


class PulledWire:
    """Implements `Wire` over a `Transport`."""

    __slots__ = (
        "_clock",
        "_has_ended",
        "_on_data",
        "_on_end",
        "_output",
        "_reading",
        "_sending",
        "_transport",
        "waiting_bytes",
    )

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._on_data: OnData | None = None
        self._on_end: OnEnd | None = None
        self._output: list[bytes] = []  # bounded by its owner, which asks for `waiting_bytes`
        self._reading: asyncio.Task[None] | None = None
        self._sending: asyncio.Task[None] | None = None
        self._has_ended = False
        self.waiting_bytes = 0

    @property
    def name(self) -> str:
        return self._transport.name

    @property
    def keeps_itself_alive(self) -> bool:
        return self._transport.keeps_itself_alive

    async def open(self, url: str, *, renews_token: bool = False) -> None:
        await self._transport.open(url, renews_token=renews_token)

    def attach(self, on_data: OnData, on_end: OnEnd) -> None:
        self._on_data = on_data
        self._on_end = on_end
        self._reading = asyncio.get_running_loop().create_task(self._read())

    def send(self, data: bytes, is_binary: bool) -> None:
        self._output.append(data)
        self.waiting_bytes += len(data)
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send(is_binary))

    async def close(self) -> None:
        self._has_ended = True
        if self._sending is not None:
            with suppress(TimeoutError):
                await within(self._clock, _FAREWELL_SECONDS, _finished(self._sending))
        await self._transport.close()
        await self._stop()

    async def abort(self) -> None:
        self._has_ended = True
        await self._transport.abort()
        await self._stop()

    async def _stop(self) -> None:
        tasks = [task for task in (self._reading, self._sending) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._on_data = self._on_end = self._reading = self._sending = None  # these hold each other

    async def _read(self) -> None:
        error: BaseException | None = None
        try:
            while (data := await self._transport.receive()) is not None:
                if self._on_data is not None and not self._has_ended:
                    self._on_data(data)
        except TransportFailed as failure:
            error = failure
        self._end(error)

    async def _send(self, is_binary: bool) -> None:
        try:
            while self._output:
                batch, self._output = b"".join(self._output), []
                await self._transport.send(batch, is_binary)
                self.waiting_bytes -= len(batch)
        except TransportFailed as error:
            self._end(error)
        finally:
            self._sending = None

    def _end(self, error: BaseException | None) -> None:
        if not self._has_ended:
            self._has_ended = True
            if self._on_end is not None:
                self._on_end(error)
