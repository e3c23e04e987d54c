"""One read for all who ask at the same time. Knows no table.

Whoever asks while a read is under way may not have its answer, which may be older than the question: all who come
meanwhile share the next one. Nobody waits for a clock.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Generic, TypeVar

from meschain.services.together import Take, Together

K = TypeVar("K")
V = TypeVar("V")

MOST_TOGETHER: Final = 500
"""Who share a read; SQLite takes some thousands of parameters at most."""


class SharedReads(Generic[K, V]):
    """Args: read: gives what belongs to each of these keys."""

    def __init__(self, read: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._read = read
        self._together: Together[K, V] = Together(self._read_taken, MOST_TOGETHER)

    async def get(self, key: K) -> V:
        """What is so now, or was so after this was called. Raises: as the read, for all who share it."""
        return await self._together.add(key)

    async def _read_taken(self, take: Take[K]) -> Sequence[V]:
        keys = take()
        answers = await self._read(list(dict.fromkeys(keys)))
        return [answers[key] for key in keys]


class SharedRead(Generic[V]):
    """The same of what has no key."""

    def __init__(self, read: Callable[[], Awaitable[V]]) -> None:
        async def read_it(keys: Sequence[None]) -> Mapping[None, V]:
            return dict.fromkeys(keys, await read())

        self._reads: SharedReads[None, V] = SharedReads(read_it)

    async def __call__(self) -> V:
        return await self._reads.get(None)
