"""What the transports that live as long as one ASGI call have in common: unsent data, its writer, their end.

An ASGI send must be awaited, so a task sends while there is something to send; at rest there is none. Knows no ASGI
message: that is what the transports differ in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hubwire.ports import Receiver
from hubwire.transports.backlog import Backlog


class BufferedTransport:
    """The writing half of `Transport`."""

    __slots__ = ("_close_code", "_receiver", "_stopped", "_tasks", "_unsent", "_writer", "is_binary")

    def __init__(self) -> None:
        self.is_binary = False
        self._receiver: Receiver | None = None
        self._unsent = Backlog()
        self._close_code: int | None = None
        self._stopped = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None  # while both ways are open
        self._writer: asyncio.Task[None] | None = None

    # To be written by each transport

    async def _read(self, receiver: Receiver) -> None:
        """Push what the client sends into the receiver until it leaves."""
        raise NotImplementedError

    async def _send_all(self, messages: list[bytes]) -> None:
        """Send these, through `Backlog.deliver`."""
        raise NotImplementedError

    async def _send_close(self, code: int) -> None:
        """Say that nothing more follows."""
        raise NotImplementedError

    # Transport

    @property
    def direct_write(self) -> Callable[[bytes], object]:
        return self.write

    def write(self, data: bytes) -> None:
        if self._close_code is None and not self._stopped.is_set():
            self._unsent.add(data)
            self._begin_to_write()

    def close(self, code: int) -> None:
        if self._close_code is None:
            self._close_code = code
            self._begin_to_write()

    def abort(self) -> None:
        self._unsent.clear()
        self._stopped.set()

    # Inside

    async def _carry(self, receiver: Receiver) -> None:
        """Move bytes both ways until the peer is gone, a send has failed, or `abort`."""
        self._receiver = receiver
        self._unsent.attach(receiver)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                reader = tasks.create_task(self._read_until_gone(receiver))
                self._begin_to_write()
                await self._stopped.wait()
                self._tasks = None
                reader.cancel()
                if self._writer is not None:
                    self._writer.cancel()
        finally:
            self._tasks = None
            self._stopped.set()
            self._unsent.attach(None)

    def _begin_to_write(self) -> None:
        if self._writer is None and self._tasks is not None and (self._unsent or self._close_code is not None):
            self._writer = self._tasks.create_task(self._write_unsent())

    async def _read_until_gone(self, receiver: Receiver) -> None:
        await self._read(receiver)
        self._stopped.set()

    async def _write_unsent(self) -> None:
        try:
            while self._unsent:
                await self._send_all(self._unsent.take())
            if self._close_code is not None:
                await self._send_close(self._close_code)
                return  # and stay known as the writer: nothing follows
        except Exception as error:  # noqa: BLE001 - boundary to the ASGI server: any exception of its send means "gone"
            if self._receiver is not None:
                self._receiver.lost(error)
            self._stopped.set()
        self._writer = None
