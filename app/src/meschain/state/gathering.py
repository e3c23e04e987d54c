"""Writes of many callers in one transaction. Knows no table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.services.together import Take, Together
from meschain.state.database import Database

T = TypeVar("T")

MOST_TOGETHER: Final = 500
"""Of one transaction; SQLite takes some thousands of parameters at most."""


class GatheredWrites(Generic[T]):
    """Args: write: writes all of these, in their order; may be called again for what it has not written."""

    def __init__(self, database: Database, write: Callable[[AsyncConnection, Sequence[T]], Awaitable[None]]) -> None:
        self._database = database
        self._write = write
        self._together = Together(self._write_taken, MOST_TOGETHER)

    async def add(self, item: T) -> None:
        """Returns when it is stored. Raises: what the transaction failed by; all that were in it are told the same."""
        await self._together.add(item)

    async def _write_taken(self, take: Take[T]) -> Sequence[None]:
        take()

        async def work(connection: AsyncConnection) -> Sequence[None]:
            items = take()  # who came while we waited for the database goes with us
            await self._write(connection, items)
            return [None] * len(items)

        try:
            return await self._database.run(work)
        except IntegrityError:
            # Another process wrote one of them between our look and our write; now it is seen.
            return await self._database.run(work)
