"""The database of our own state: one async engine by address, its tables brought up to date when it opens.

Knows no table and no query; the stores beside it do. Usage: `async with database.begin() as connection` to write,
`async with database.connect() as connection` to read only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import alembic.command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from meschain.database_url import async_url, without_password

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_SQLITE_BUSY_SECONDS: Final = 10.0
_SQLITE_CONNECTIONS: Final = 5
"""Open at once; further work waits its turn. A connection beyond the pool costs a thread and four statements to set up,
which a thousand clients that connect at once pay again and again."""
_READ_ONLY: Final = "meschain_read_only"
_MIGRATION_LOCK: Final = "meschain_state_migration"


class StateUnavailable(Exception):
    """Our own database cannot be opened or brought up to date; the text says what to do and holds no secret."""


class Database:
    """An open database of our own state."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._readers = engine.execution_options(**{_READ_ONLY: True})

    @classmethod
    async def open(cls, address: str) -> Database:
        """Open the database at this address and run the migrations that it lacks.

        Raises: StateUnavailable; BadDatabaseUrl.
        """
        url = async_url(address)
        database = cls(_engine(url))
        try:
            if url.get_backend_name() == "sqlite":
                await asyncio.to_thread(_make_private, url)
            await database._migrate()
        except BaseException as error:
            await database.close()
            if isinstance(error, CommandError):
                raise StateUnavailable(
                    f"The database {without_password(address)} was written by a newer version of this program "
                    f"({error}); run that version."
                ) from error
            if isinstance(error, DBAPIError | OSError):
                reason = error.orig if isinstance(error, DBAPIError) else error
                raise StateUnavailable(
                    f"The database {without_password(address)} cannot be opened ({reason}); "
                    "check MESCHAIN_DATABASE_URL, the server and the account's rights."
                ) from error
            raise
        return database

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may write; committed at the end of the block, rolled back by an exception.

        On SQLite it holds the one write lock from its first statement, so that what it has read stays true.
        """
        async with self.engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read with. What is written here is not kept."""
        async with self._readers.connect() as connection:
            yield connection

    async def probe(self) -> None:
        """Ask for one row. Raises: any exception of the driver."""
        async with self.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self.engine.dispose()

    async def _migrate(self) -> None:
        async with self.engine.begin() as connection:
            await _lock(connection)
            try:
                await connection.run_sync(_upgrade)
            finally:
                await _unlock(connection)


def _make_private(url: URL) -> None:
    """Make a SQLite file that only its owner may read: it holds hashes of passwords. SQLite's other files follow it."""
    if url.database and url.database != ":memory:" and not url.database.startswith("file:"):
        path = Path(url.database)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)


def _engine(url: URL) -> AsyncEngine:
    # Errors get into logs, and the values of statements are hashes of passwords among others: `hide_parameters`.
    if url.get_backend_name() != "sqlite":
        # Servers and the firewalls before them close idle connections; pre-ping finds those, recycle makes them few.
        return create_async_engine(url, pool_pre_ping=True, pool_recycle=1800, hide_parameters=True)
    engine = create_async_engine(
        url,
        connect_args={"timeout": _SQLITE_BUSY_SECONDS},
        hide_parameters=True,
        pool_size=_SQLITE_CONNECTIONS,
        max_overflow=0,
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(dbapi_connection: object, _record: object) -> None:
    # Without this the driver begins transactions on its own, and only before the first write: what was read before it
    # may then be out of date. We begin them ourselves, below.
    dbapi_connection.isolation_level = None  # type: ignore[attr-defined] # SQLAlchemy's adapter of aiosqlite
    cursor = dbapi_connection.cursor()  # type: ignore[attr-defined] # the same
    try:
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={int(_SQLITE_BUSY_SECONDS * 1000)}")
    finally:
        cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reads_only = connection.get_execution_options().get(_READ_ONLY, False)
    # One that reads and then writes fails at once, in spite of busy_timeout, when another one wrote meanwhile.
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


async def _lock(connection: AsyncConnection) -> None:
    """Let one process migrate at a time. SQLite needs nothing: the transaction is the lock."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": _MIGRATION_LOCK})
    elif connection.dialect.name == "mysql":
        locked = await connection.scalar(text("SELECT GET_LOCK(:name, 60)"), {"name": _MIGRATION_LOCK})
        if locked != 1:
            raise StateUnavailable("Another process has been migrating the database for a minute; start again later.")


async def _unlock(connection: AsyncConnection) -> None:
    if connection.dialect.name == "mysql":
        await connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": _MIGRATION_LOCK})


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")
