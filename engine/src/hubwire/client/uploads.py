"""Streams of the application's to the server, beside the call that they belong to (signalr-protocol 4.6).

Knows neither transports nor what the server makes of the items.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from types import TracebackType
from typing import Protocol

from hubwire.client.errors import ClientError
from hubwire.wire.messages import Completion, Message, StreamItem


class Sender(Protocol):
    """Where uploads go."""

    def next_id(self) -> str:
        """Return a new id."""

    async def send(self, message: Message) -> None:
        """Raises: ClientError when the connection is gone; TypeError, ValueError for an item that cannot be written."""


class Uploads:
    """The streams among the arguments of one call. As a context manager: none outlives it."""

    __slots__ = ("_sender", "_streams", "_tasks", "arguments", "stream_ids")

    def __init__(self, sender: Sender, arguments: Sequence[object]) -> None:
        self._sender = sender
        self._tasks: list[asyncio.Task[None]] = []
        streams = [argument for argument in arguments if isinstance(argument, AsyncIterable)]
        self.arguments = [argument for argument in arguments if not isinstance(argument, AsyncIterable)]
        """What is no stream."""
        self._streams = {sender.next_id(): stream for stream in streams}
        self.stream_ids = tuple(self._streams)

    def start(self) -> None:
        """Begin to send items; the call has been sent."""
        for stream_id, stream in self._streams.items():
            self._tasks.append(asyncio.create_task(self._send_all(stream_id, aiter(stream))))

    async def finished(self) -> None:
        """Return when all items are sent. Raises: what one of the streams raised, or ClientError."""
        for task in self._tasks:
            await asyncio.shield(task)

    async def __aenter__(self) -> Uploads:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for task in self._tasks:
            if not task.cancelled():
                task.exception()  # seen: the server has told what came of it

    async def _send_all(self, stream_id: str, items: AsyncIterator[object]) -> None:
        is_gone = False
        try:
            async for item in items:
                try:
                    await self._sender.send(StreamItem(stream_id, item))
                except ClientError:
                    is_gone = True
                    raise
        except Exception as error:
            if not is_gone:  # the stream's own, or an item that cannot be written
                with contextlib.suppress(ClientError):
                    await self._sender.send(Completion(stream_id, error=str(error) or type(error).__name__))
            raise
        else:
            await self._sender.send(Completion(stream_id))
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:  # it may still hold something, or wait to be told that nobody listens
                await close()
