"""One stream from a client, as hub code iterates over it. Knows no session, which counts how full it may get."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable


class Upload(AsyncIterator[object]):
    """Items as decoded, each as soon as it is there."""

    __slots__ = ("_error", "_has_ended", "_items", "_news", "_on_close", "_on_read", "stream_id")

    def __init__(self, stream_id: str, on_read: Callable[[str], None], on_close: Callable[[str], None]) -> None:
        """Wait for items.

        Args:
            on_read: called for each item taken out.
            on_close: called when the reader wants no more.
        """
        self.stream_id = stream_id
        self._on_read = on_read
        self._on_close = on_close
        self._items: deque[object] = deque()
        self._news = asyncio.Event()
        self._has_ended = False
        self._error: BaseException | None = None

    def put(self, item: object) -> None:
        """One more item has come."""
        self._items.append(item)
        self._news.set()

    def end(self, error: BaseException | None = None) -> None:
        """No more will come; the reader gets what is there, then the error or the end."""
        if not self._has_ended:
            self._has_ended = True
            self._error = error
            self._news.set()

    async def __anext__(self) -> object:
        while not self._items:
            if self._has_ended:
                error, self._error = self._error, None
                raise StopAsyncIteration if error is None else error
            self._news.clear()
            await self._news.wait()
        item = self._items.popleft()
        self._on_read(self.stream_id)
        return item

    async def aclose(self) -> None:
        """Read no more: what is there and what still comes is dropped."""
        self.drop()
        self._on_close(self.stream_id)

    def drop(self) -> None:
        """Keep nothing any more: whoever still reads finds the end."""
        self._items.clear()
        self._error = None
        self.end()
