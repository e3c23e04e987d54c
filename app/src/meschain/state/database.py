"""The database of our own state: one async engine by address, its tables brought up to date when it opens.

Knows no table and no query; the stores beside it do. Usage: `async with database.begin() as connection` to write,
`async with database.connect() as connection` to read only.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, nullcontext
from pathlib import Path
from typing import Final, TypeVar

import alembic.command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from meschain.database_url import async_url, without_password
from meschain.sqlite_driver import connect as connect_sqlite
from meschain.sqlite_driver import give_back_when_cancelled

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_SQLITE_BUSY_SECONDS: Final = 10.0
_SQLITE_CONNECTIONS: Final = 5
"""Open at once; further work waits its turn. A connection beyond the pool costs a thread and four statements to set up,
which a thousand clients that connect at once pay again and again."""
_MAKING_ATTEMPTS: Final = 200
"""With the pauses between them ten seconds, as everything else waits for a lock."""
_MAKING_PAUSE_SECONDS: Final = 0.05
_MIGRATION_LOCK: Final = "meschain_state_migration"
_DEADLOCK_ATTEMPTS: Final = 10
_DEADLOCKS: Final = {"40001", "40P01"}
"""SQLSTATE of a transaction that was given up so that another one could go on: MariaDB's and PostgreSQL's."""

_T = TypeVar("_T")


class StateUnavailable(Exception):
    """Our own database cannot be opened or brought up to date; the text says what to do and holds no secret."""


class Database:
    """An open database of our own state."""

    def __init__(self, engine: AsyncEngine, readers: AsyncEngine | None = None) -> None:
        """Args:
        readers: for what only reads; None: the same engine.
        """
        self.engine = engine
        self._readers = readers or engine
        # SQLite has one writer at a time, and lets those who wait look again at growing intervals, in no order: beside
        # two that write without pause, a third one may look for its ten seconds in vain, and lose its lease by that.
        # Those of this process come in turn, and while they wait they hold no connection.
        self._turn = asyncio.Lock() if engine.dialect.name == "sqlite" else nullcontext()

    @classmethod
    async def open(cls, address: str, *, migrate: bool = True) -> Database:
        """Open the database at this address and run the migrations that it lacks.

        Args:
            migrate: False: they were run before, by the process that started this one.

        Raises: StateUnavailable; BadDatabaseUrl.
        """
        url = async_url(address)
        database = cls(_engine(url), _sqlite_readers(url) if url.get_backend_name() == "sqlite" else None)
        try:
            if url.get_backend_name() == "sqlite":
                await _make_file(url)
            if migrate:
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

        On SQLite it holds the one write lock from its first statement, so that what it has read stays true; those of a
        process get it in the order in which they ask. Not to be opened within another one.
        """
        async with self._turn, self.engine.begin() as connection:
            yield connection

    async def run(self, work: Callable[[AsyncConnection], Awaitable[_T]]) -> _T:
        """Do the work in a transaction, again where the server gave it up to resolve a deadlock.

        For rows that several processes write at once; the work must be fit to be done again.
        """
        for _ in range(_DEADLOCK_ATTEMPTS - 1):
            try:
                async with self.begin() as connection:
                    return await work(connection)
            except DBAPIError as error:
                if not _is_deadlock(error):
                    raise
        async with self.begin() as connection:
            return await work(connection)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read with. On SQLite each statement sees what is committed when it begins."""
        async with self._readers.connect() as connection:
            yield connection

    async def probe(self) -> None:
        """Ask for one row. Raises: any exception of the driver."""
        async with self.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self._readers.dispose()
        await self.engine.dispose()

    async def _migrate(self) -> None:
        async with self.engine.connect() as connection:
            await connection.begin()
            await _lock(connection)
            try:
                await connection.run_sync(_upgrade)
                # Before the lock is given back: whoever has it next would make what is not known to be made once more.
                await connection.commit()
            finally:
                await _unlock(connection)


def _is_deadlock(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in _DEADLOCKS


async def _make_file(url: URL) -> None:
    """Make a SQLite file that only its owner may read: it holds hashes of passwords. SQLite's other files follow it.

    Of several processes that make it at once one changes how it keeps its log, and the others hear that it is locked,
    at once: for this lock `busy_timeout` does not wait.
    """
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        return
    for _ in range(_MAKING_ATTEMPTS):
        if await asyncio.to_thread(_try_to_make, Path(url.database)):
            return
        await asyncio.sleep(_MAKING_PAUSE_SECONDS)


def _try_to_make(path: Path) -> bool:
    """False: another process holds it, try again. What is wrong beside that, the first real connection says."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)
    try:
        with closing(sqlite3.connect(path, timeout=_SQLITE_BUSY_SECONDS, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.Error as error:
        return getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY
    return True


def _engine(url: URL) -> AsyncEngine:
    # Errors get into logs, and the values of statements are hashes of passwords among others: `hide_parameters`.
    if url.get_backend_name() != "sqlite":
        # Servers and the firewalls before them close idle connections; pre-ping finds those, recycle makes them few.
        return create_async_engine(url, pool_pre_ping=True, pool_recycle=1800, hide_parameters=True)
    engine = create_async_engine(
        url,
        connect_args={"timeout": _SQLITE_BUSY_SECONDS, "async_creator_fn": connect_sqlite},
        hide_parameters=True,
        pool_size=_SQLITE_CONNECTIONS,
        max_overflow=0,
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    give_back_when_cancelled(engine)
    return engine


def _sqlite_readers(url: URL) -> AsyncEngine:
    """Connections without transactions, for reads of one statement each.

    Every call of the driver is a visit to its thread, and so are beginning and ending a transaction. Without these, and
    with queries built once, a read costs less than half (bench/results/sign_on.json; neither was measured alone).
    """
    readers = create_async_engine(
        url,
        connect_args={"timeout": _SQLITE_BUSY_SECONDS, "async_creator_fn": connect_sqlite},
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        pool_size=_SQLITE_CONNECTIONS,
        max_overflow=0,
    )
    event.listen(readers.sync_engine, "connect", _prepare_sqlite_reader)
    return readers


def _prepare_sqlite(dbapi_connection: object, _record: object) -> None:
    # Without this the driver begins transactions on its own, and only before the first write: what was read before it
    # may then be out of date. We begin them ourselves, below.
    dbapi_connection.isolation_level = None  # type: ignore[attr-defined] # SQLAlchemy's adapter of aiosqlite
    cursor = dbapi_connection.cursor()  # type: ignore[attr-defined] # the same
    try:
        cursor.execute(f"PRAGMA busy_timeout={int(_SQLITE_BUSY_SECONDS * 1000)}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
    finally:
        cursor.close()


def _prepare_sqlite_reader(dbapi_connection: object, record: object) -> None:
    _prepare_sqlite(dbapi_connection, record)
    cursor = dbapi_connection.cursor()  # type: ignore[attr-defined] # the same
    try:
        cursor.execute("PRAGMA query_only=ON")  # refuses our own mistakes
    finally:
        cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # One that reads and then writes fails at once, in spite of busy_timeout, when another one wrote meanwhile.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


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
