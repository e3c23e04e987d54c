"""Leases on our own database, by its clock. Knows nothing of what is done under a lease.

What a lease lasts is written and compared by the database in seconds since 1970, so the clocks of the machines that
compete for it need not agree.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.services.ports import Lease
from meschain.state.database import Database
from meschain.state.inserting import insert_new
from meschain.state.server_time import SLACK_SECONDS, server_now
from meschain.state.tables import leases


class _Standing(NamedTuple):
    """A row, and what time it was in the database when it was read."""

    holder: str
    term: int
    expires_at: float
    now: float

    @property
    def left_seconds(self) -> float:
        return self.expires_at - self.now

    def is_anothers(self, holder: str, seconds: float) -> bool:
        """Whether somebody else has it.

        One that lasts longer than anybody takes it for was taken before the clock was set back, and would keep all
        others out for that time: it has run out.
        """
        return self.holder not in {"", holder} and 0 < self.left_seconds <= seconds + SLACK_SECONDS


class SqlLeaseStore:
    """`services.ports.LeaseStore` in the table of leases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, name: str, holder: str, seconds: float) -> Lease:
        async with self._database.connect() as connection:
            seen = await _read(connection, name)
        if seen is not None and seen.is_anothers(holder, seconds):
            # Without a write: those who wait look often, and SQLite has one writer at a time.
            return Lease(name, seen.holder, seen.term, seen.left_seconds)
        while (taken := await self._take(name, holder, seconds)) is None:
            await insert_new(self._database, leases, {"name": name, "holder": "", "term": 0, "expires_at": 0.0})
        return taken

    async def _take(self, name: str, holder: str, seconds: float) -> Lease | None:
        """None: there is no row, or it was forgotten just now.

        MariaDB locks the place of a row that is missing, so those who find none together are in each other's way.
        """

        async def take(connection: AsyncConnection) -> Lease | None:
            row = await _read(connection, name, lock=True)
            if row is None:
                return None
            if row.is_anothers(holder, seconds):
                return Lease(name, row.holder, row.term, row.left_seconds)
            is_renewed = row.holder == holder and row.left_seconds > 0
            term = row.term if is_renewed else row.term + 1
            values = {"holder": holder, "term": term, "expires_at": row.now + seconds}
            await connection.execute(update(leases).where(leases.c.name == name).values(**values))
            return Lease(name, holder, term, seconds)

        return await self._database.run(take)

    async def release(self, name: str, holder: str) -> None:
        command = update(leases).where(leases.c.name == name, leases.c.holder == holder)
        async with self._database.begin() as connection:
            await connection.execute(command.values(holder="", expires_at=0.0))

    async def look(self, name: str) -> Lease | None:
        async with self._database.connect() as connection:
            row = await _read(connection, name)
        if row is None:
            return None
        return Lease(name, row.holder, row.term, row.left_seconds)

    async def forget(self, name: str) -> None:
        async with self._database.begin() as connection:
            row = await _read(connection, name, lock=True)
            if row is not None and (row.holder == "" or row.left_seconds <= 0):
                await connection.execute(delete(leases).where(leases.c.name == name))


async def _read(connection: AsyncConnection, name: str, *, lock: bool = False) -> _Standing | None:
    now = server_now(connection).label("now")
    query = select(leases.c.holder, leases.c.term, leases.c.expires_at, now).where(leases.c.name == name)
    if lock:
        query = query.with_for_update()  # which SQLite does without: its transaction holds the one write lock
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _Standing(row.holder, int(row.term), float(row.expires_at), float(row.now))
