"""The books of connections of both sides as one. Knows neither who writes into them nor where a side is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from meschain.services.ports import ConnectionBooks, OpenConnection


class SidedBooks:
    """`services.ports.ConnectionBooks` over those of each side. One side's may know connections of the other."""

    def __init__(self, books: Sequence[ConnectionBooks]) -> None:
        self._books = books

    async def of_log_in(self, log_in: str) -> Sequence[OpenConnection]:
        found: dict[tuple[str, str], OpenConnection] = {}
        for book in self._books:
            found |= {(each.hub, each.connection_id): each for each in await book.of_log_in(log_in)}
        return list(found.values())

    async def log_ins(self, after: str, limit: int) -> Sequence[str]:
        found = {each for book in self._books for each in await book.log_ins(after, limit)}
        return sorted(found)[:limit]

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for book in self._books:
                group.create_task(book.run())

    async def close(self) -> None:
        for book in self._books:
            await book.close()
