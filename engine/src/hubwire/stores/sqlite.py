"""User-group memberships in one SQLite file: for a service of one process, or of a few on one machine.

SQLite blocks, so one thread does all of it. Whatever is asked for while the thread is busy goes into one transaction
together and is answered once that is on disk: thousands of changes a second cost a few hundred writes. What was
answered outlives a kill of the process and a failure of power.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from hubwire.errors import LocalProtocolError, StoreUnavailable

MAXIMUM_WAITING = 20_000
"""Calls that wait for the thread; above it they are refused. 20,000: as many connections as one process has, all at
once after a restart, with half a kilobyte each."""
EXPIRED_KEPT_SECONDS = 3_600.0
"""How long what expired is known; see the port."""

_BATCH = 2_000
"""Calls in one transaction, so that none waits long for its answer: some 10 ms."""
_BUSY_SECONDS = 5.0
"""How long another process may hold the file."""
_PURGED = 100
"""Forgotten with each change at most: more than can have been put with one, so that they do not pile up."""

_LAYOUT = 1
_SCHEMA = """
CREATE TABLE memberships (
  hub BLOB NOT NULL, user_id BLOB NOT NULL, group_name BLOB NOT NULL,
  expires_at REAL NOT NULL,
  number INTEGER,  -- counts those that are kept up to a number of them, in the order of their updates
  PRIMARY KEY (hub, user_id, group_name)
) WITHOUT ROWID;
CREATE INDEX memberships_by_expiry ON memberships (expires_at);
CREATE INDEX memberships_kept ON memberships (hub, user_id, number) WHERE number IS NOT NULL;
"""

_Work = Callable[[sqlite3.Connection], object]
_T = TypeVar("_T")


class SqliteMembershipStore:
    """Implements `MembershipStore`."""

    def __init__(self, path: Path | None = None) -> None:
        """Prepare a store; its file is made when it starts.

        Args:
            path: None: in memory, so that nothing outlives the process.
        """
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._waiting: list[tuple[_Work, asyncio.Future[object]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._thread is not None:
            raise LocalProtocolError("This store runs already; start it once, where the service starts.")
        thread = ThreadPoolExecutor(1, "hubwire-memberships")
        try:
            self._connection = await asyncio.get_running_loop().run_in_executor(thread, self._open)
        except (sqlite3.Error, OSError) as error:
            thread.shutdown()
            raise self._failure(error) from None
        except BaseException:
            thread.shutdown()
            raise
        self._thread = thread

    async def stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._worker is not None:
            await self._worker  # what was asked for before is still done
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.get_running_loop().run_in_executor(thread, connection.close)
        thread.shutdown()

    async def put(
        self, hub: str, user_id: str, group: str, *, now: float, expires_at: float, kept: int | None = None
    ) -> None:
        user = (_bytes(hub), _bytes(user_id))

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "DELETE FROM memberships WHERE (hub, user_id, group_name) IN (SELECT hub, user_id, group_name"
                " FROM memberships WHERE expires_at < ? ORDER BY expires_at LIMIT ?)",
                (now - EXPIRED_KEPT_SECONDS, _PURGED),
            )
            number = None
            if kept is not None:
                (number,) = connection.execute(
                    "SELECT coalesce(max(number), 0) + 1 FROM memberships"
                    " WHERE hub = ? AND user_id = ? AND number IS NOT NULL",
                    user,
                ).fetchone()
            connection.execute(
                "INSERT INTO memberships (hub, user_id, group_name, expires_at, number) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at, number = excluded.number",
                (*user, _bytes(group), expires_at, number),
            )
            if kept is not None:
                connection.execute(
                    "UPDATE memberships SET expires_at = min(expires_at, ?), number = NULL"
                    " WHERE hub = ? AND user_id = ? AND number <= ("
                    "SELECT number FROM memberships WHERE hub = ? AND user_id = ?"
                    " AND number IS NOT NULL ORDER BY number DESC LIMIT 1 OFFSET ?)",
                    (now, *user, *user, kept),
                )

        await self._do(work)

    async def remove(self, hub: str, user_id: str, group: str) -> None:
        key = (_bytes(hub), _bytes(user_id), _bytes(group))

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM memberships WHERE hub = ? AND user_id = ? AND group_name = ?", key)

        await self._do(work)

    async def remove_all(self, hub: str, user_id: str) -> None:
        user = (_bytes(hub), _bytes(user_id))

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM memberships WHERE hub = ? AND user_id = ?", user)

        await self._do(work)

    async def find(self, hub: str, user_id: str, group: str) -> float | None:
        key = (_bytes(hub), _bytes(user_id), _bytes(group))

        def work(connection: sqlite3.Connection) -> float | None:
            row: tuple[float] | None = connection.execute(
                "SELECT expires_at FROM memberships WHERE hub = ? AND user_id = ? AND group_name = ?", key
            ).fetchone()
            return None if row is None else row[0]

        return await self._do(work)

    async def of_user(self, hub: str, user_id: str) -> dict[str, float]:
        user = (_bytes(hub), _bytes(user_id))

        def work(connection: sqlite3.Connection) -> list[tuple[bytes, float]]:
            return connection.execute(
                "SELECT group_name, expires_at FROM memberships WHERE hub = ? AND user_id = ?", user
            ).fetchall()

        return {group.decode("utf-8", "surrogatepass"): expires_at for group, expires_at in await self._do(work)}

    # The loop's side

    async def _do(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        if self._thread is None:
            raise StoreUnavailable("it does not run", "Start it before the service takes calls")
        if len(self._waiting) >= MAXIMUM_WAITING:
            raise StoreUnavailable(f"{MAXIMUM_WAITING} calls wait for it", "Try again, more slowly")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_T] = loop.create_future()
        self._waiting.append((work, answer))  # type: ignore[arg-type] # a future of what this work returns
        if self._worker is None:
            self._worker = loop.create_task(self._work_off(self._thread))
        return await answer

    async def _work_off(self, thread: ThreadPoolExecutor) -> None:
        """Give the thread one batch after the other, until nothing waits."""
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
                try:
                    results = await loop.run_in_executor(thread, self._transact, [work for work, _ in batch])
                except (sqlite3.Error, OSError) as error:
                    for _, answer in batch:
                        if not answer.done():
                            answer.set_exception(self._failure(error))
                else:
                    for (_, answer), result in zip(batch, results, strict=True):
                        if not answer.done():  # its caller may have been cancelled
                            answer.set_result(result)
        finally:
            self._worker = None

    def _failure(self, error: Exception) -> StoreUnavailable:
        where = "memory" if self._path is None else str(self._path)
        return StoreUnavailable(
            f"SQLite in {where}: {error}", "See that the file is there, readable, and has room on its disk"
        )

    # The thread's side

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path or ":memory:", timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            (layout,) = connection.execute("PRAGMA user_version").fetchone()
            if layout == 0:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_LAYOUT}")
            elif layout != _LAYOUT:
                raise sqlite3.DatabaseError(f"it has layout {layout}, this release reads {_LAYOUT}")
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    def _transact(self, batch: list[_Work]) -> list[object]:
        connection = self._connection
        if connection is None:
            raise sqlite3.ProgrammingError("it is closed")
        connection.execute("BEGIN IMMEDIATE")
        try:
            results = [work(connection) for work in batch]
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return results


def _bytes(text: str) -> bytes:
    """Any text, also halves of surrogate pairs, compared byte by byte."""
    return text.encode("utf-8", "surrogatepass")
