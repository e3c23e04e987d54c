"""A connection of the tests' own, past everything under test: the driver, hand-written SQL, and tuples."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import asyncmy
from app.tests.opencart.mariadb import MariaDB


class Raw(Protocol):
    """Runs SQL with `?` for parameters; backquotes quote names on both databases."""

    async def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]: ...

    async def insert(self, sql: str, *values: object) -> int:
        """The id of the new row."""

    async def run(self, sql: str, *values: object) -> None: ...

    async def close(self) -> None: ...


class RawSQLite:
    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=10)

    async def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, values).fetchall()

    async def insert(self, sql: str, *values: object) -> int:
        return self._connection.execute(sql, values).lastrowid or 0

    async def run(self, sql: str, *values: object) -> None:
        self._connection.execute(sql, values)

    async def close(self) -> None:
        self._connection.close()


class RawMariaDB:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, server: MariaDB, database: str | None = None) -> RawMariaDB:
        connection = await asyncmy.connect(
            host="127.0.0.1",
            port=server.port,
            user=server.user,
            password=server.password,
            database=database,
            charset="utf8mb4",
            autocommit=True,
        )
        raw = cls(connection)
        # As OpenCart 4 sets it: zero dates are allowed.
        await raw.run("SET SESSION sql_mode = 'NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION'")
        return raw

    async def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        async with self._connection.cursor() as cursor:
            await cursor.execute(sql.replace("%", "%%").replace("?", "%s"), tuple(values) or None)
            found: Sequence[tuple[Any, ...]] = await cursor.fetchall()
            return list(found)

    async def insert(self, sql: str, *values: object) -> int:
        async with self._connection.cursor() as cursor:
            await cursor.execute(sql.replace("?", "%s"), tuple(values))
            identity: int = cursor.lastrowid
            return identity

    async def run(self, sql: str, *values: object) -> None:
        async with self._connection.cursor() as cursor:
            await cursor.execute(sql.replace("?", "%s"), tuple(values) or None)

    async def close(self) -> None:
        self._connection.close()
        await asyncio.sleep(0)
