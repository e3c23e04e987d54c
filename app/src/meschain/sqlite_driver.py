"""SQLite by aiosqlite, with one visit to its thread for each statement where that makes four.

It makes a cursor, executes, fetches and closes in a visit each, and on a busy event loop every visit waits for its turn
to come back. A transaction of a dozen statements held the one write lock for a hundred milliseconds, nearly all of it
waiting. And its write lock is given back by whoever is cancelled while holding it. Knows no table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final

import aiosqlite
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

_ROWS_AT_ONCE: Final = 64
"""aiosqlite's default; our cursors fetch all."""


def connect(database: str, **options: Any) -> OneVisitConnection:
    """For SQLAlchemy, as its `async_creator_fn`: to be awaited. Options are those of `sqlite3.connect`."""
    connection = OneVisitConnection(lambda: sqlite3.connect(database, **options), _ROWS_AT_ONCE)
    connection._thread.daemon = True  # as SQLAlchemy does with its own: a program that ends waits for none
    return connection


def give_back_when_cancelled(engine: AsyncEngine) -> None:
    """Have a connection rolled back before it is thrown away, as SQLAlchemy does with one whose work is cancelled.

    Closing alone does not end its transaction while a cursor still refers to it, as that of a cancelled statement does
    from the traceback: until that is collected every other writer waited its ten seconds in vain, and a stop took half
    a minute.
    """
    event.listen(engine.sync_engine, "invalidate", _roll_back)


def _roll_back(connection: Any, _record: object, _error: BaseException | None) -> None:
    # Once asked for it is done in the connection's thread, also when we are cancelled again while we wait.
    with suppress(sqlite3.Error, ValueError):  # it is closed already
        connection.rollback()


class OneVisitConnection(aiosqlite.Connection):
    """A connection whose cursors are those below."""

    def cursor(self) -> OneVisitCursor:  # type: ignore[override] # SQLAlchemy enters it, and asks for nothing else
        """A cursor for one statement."""
        return OneVisitCursor(self)

    async def visit(self, statement: Callable[[sqlite3.Cursor], object]) -> tuple[sqlite3.Cursor, list[Any]]:
        """Execute in the thread; the cursor, which is closed, and its rows."""
        return await self._execute(self._run, statement)  # type: ignore[no-any-return,no-untyped-call] # aiosqlite says no types of it

    def _run(self, statement: Callable[[sqlite3.Cursor], object]) -> tuple[sqlite3.Cursor, list[Any]]:
        cursor = self._conn.cursor()
        try:
            statement(cursor)
            return cursor, cursor.fetchall() if cursor.description else []
        finally:
            cursor.close()


class OneVisitCursor:
    """What SQLAlchemy asks of an asynchronous cursor that is not of the server's side."""

    arraysize = 1

    def __init__(self, connection: OneVisitConnection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> OneVisitCursor:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        """As the DB-API's."""
        await self._take(lambda cursor: cursor.execute(sql, parameters))

    async def executemany(self, sql: str, parameters: Iterable[Sequence[object]]) -> None:
        """As the DB-API's."""
        await self._take(lambda cursor: cursor.executemany(sql, parameters))

    async def fetchall(self) -> list[Any]:
        """The rows of the last statement."""
        return self._rows

    async def close(self) -> None:
        """There is nothing left to close."""

    async def _take(self, statement: Callable[[sqlite3.Cursor], object]) -> None:
        cursor, self._rows = await self._connection.visit(statement)
        self.description, self.rowcount, self.lastrowid = cursor.description, cursor.rowcount, cursor.lastrowid
