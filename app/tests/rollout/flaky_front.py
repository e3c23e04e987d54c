"""Stands before a service as a front does, and lets every second client down that negotiates, when told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count

_REFUSAL = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class FlakyFront:
    """Passes bytes on to a port, connection by connection."""

    def __init__(self) -> None:
        self.port = 0
        self.target_port = 0
        self.first_failure: datetime | None = None
        """Of those since `begin_to_fail`."""
        self._is_flaky = False
        self._negotiations = count()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def begin_to_fail(self) -> None:
        self._is_flaky, self.first_failure = True, None

    def be_well(self) -> None:
        self._is_flaky = False

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[FlakyFront]:
        server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if self._is_flaky and b"/client/negotiate" in head.splitlines()[0] and next(self._negotiations) % 2:
                self.first_failure = self.first_failure or datetime.now(UTC)
                writer.write(_REFUSAL)
                await writer.drain()
                return
            there, back = await asyncio.open_connection("127.0.0.1", self.target_port)
            back.write(head)
            try:
                await asyncio.gather(_copy(reader, back), _copy(there, writer))
            finally:
                back.close()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()
