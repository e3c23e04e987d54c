"""The way to a shop's database: URL -> engine, read-only where the database can, time-outs, errors in plain words.

`ShopUnavailable` texts name host and database and say what to do; they never hold the password. Knows no OpenCart table
but those that `detection` looks for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias, TypeVar

from asyncmy.connection import Connection
from asyncmy.errors import MySQLError
from sqlalchemy import URL, Row, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from meschain.opencart.detection import ShopSchema, read_schema
from meschain.services.ports import ShopUnavailable
from meschain.sqlite_driver import connect as connect_sqlite
from meschain.sqlite_driver import give_back_when_cancelled

_DRIVERS: Final = {
    "mysql": "mysql+asyncmy",
    "mariadb": "mysql+asyncmy",
    "mysql+asyncmy": "mysql+asyncmy",
    "mariadb+asyncmy": "mysql+asyncmy",
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
}

_T = TypeVar("_T")

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
"""A row whose columns are read by name."""

CONNECT_SECONDS: Final = 5
"""A database that does not answer in this time counts as gone; the dashboard waits for nobody longer."""
QUERY_SECONDS: Final = 15
"""The longest statement we let a shop's database work on for us, cut off on both sides."""
POOL_SIZE: Final = 3
"""Figures, watcher and one request at a time; a shop's own PHP needs the other connections."""


def engine_url(url: str) -> URL:
    """The URL with our driver and utf8mb4.

    Raises: ShopUnavailable when it is no URL or names another kind of database.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ShopUnavailable(
            "opencart_url is not a database URL; write mysql://user:password@host:3306/database."
        ) from None
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise ShopUnavailable(
            f"opencart_url names {parsed.drivername!r}; use mysql://, mariadb:// or sqlite:// instead."
        )
    parsed = parsed.set(drivername=driver)
    if driver.startswith("mysql"):
        parsed = parsed.update_query_dict({"charset": "utf8mb4"})
    return parsed


class ShopDatabase:
    """One shop's database. Connections are made when first needed and again after an outage."""

    def __init__(self, url: str, *, prefix: str = "oc_", version: str = "auto", read_only: bool = True) -> None:
        """
        Args:
            version: `auto`, or a value of `schema.Version`.
            read_only: False for the demo shop's own writers alone.
        """
        self._url = engine_url(url)
        self._prefix = prefix
        self._version = version
        self._schema: ShopSchema | None = None
        self._engine = _make_engine(self._url, read_only=read_only)
        self._background: set[asyncio.Task[Any]] = set()

    def __repr__(self) -> str:
        return f"ShopDatabase({self.place})"

    @property
    def place(self) -> str:
        """Where the database is, for people; without user and password."""
        if self._url.host is None:
            return str(self._url.database)
        return f"{self._url.host}:{self._url.port or 3306}/{self._url.database}"

    @property
    def name(self) -> str:
        """Of the database on its server."""
        return self._url.database or ""

    def blocking_connection(self) -> dict[str, Any]:
        """How PyMySQL connects to the same server by the same account, to read its binary log. Holds the password."""
        return {
            "host": self._url.host or "127.0.0.1",
            "port": self._url.port or 3306,
            "user": self._url.username or "",
            "password": self._url.password or "",
            "charset": "utf8mb4",
            "connect_timeout": CONNECT_SECONDS,
        }

    @property
    def is_sqlite(self) -> bool:
        """The demo shop's database, and one of a test's."""
        return self._engine.dialect.name == "sqlite"

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """A connection for a few reads; every statement sees the newest committed rows.

        Raises: ShopUnavailable for whatever the database or the network does wrong inside the block.
        """
        try:
            async with asyncio.timeout(QUERY_SECONDS), self._connection() as connection:
                yield connection
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            self._schema = None  # after an outage the shop may have been upgraded: look again
            raise ShopUnavailable(self._explain(error)) from _without_statement(error)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, for the demo shop's writers. Raises: ShopUnavailable."""
        try:
            async with self._connection() as connection:
                await connection.execution_options(isolation_level="SERIALIZABLE")
                async with connection.begin():
                    if self.is_sqlite:
                        # Take the write lock first: who reads before it writes could find itself outdated.
                        await connection.exec_driver_sql("BEGIN IMMEDIATE")
                    yield connection
        except (SQLAlchemyError, OSError) as error:
            raise ShopUnavailable(self._explain(error)) from _without_statement(error)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """A pooled connection that finds its way back whenever we are cancelled.

        SQLAlchemy loses one that is cancelled while it is opened or returned, so both run in tasks of their own, which
        `close` waits for.
        """
        opening = self._in_background(self._engine.connect().start())
        try:
            connection = await asyncio.shield(opening)
        except asyncio.CancelledError:
            self._in_background(_abandon(opening))
            raise
        try:
            yield connection
        finally:
            await asyncio.shield(self._in_background(connection.close()))

    def _in_background(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def schema(self) -> ShopSchema:
        """Tables and version, probed once per outage. Raises: ShopUnavailable."""
        if self._schema is None:
            async with self.connect() as connection:
                schema = await read_schema(connection, self._prefix, self._version)
            self._schema = schema
        return self._schema

    async def close(self) -> None:
        """Wait for connections that are being opened or returned, and close all."""
        while self._background:
            await asyncio.wait(self._background)
        await self._engine.dispose()

    def _explain(self, error: BaseException) -> str:
        if isinstance(error, TimeoutError):
            return f"The shop's database at {self.place} did not answer in time; look at its load and at the network."
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        code = cause.args[0] if cause.args and isinstance(cause.args[0], int) else None
        if code in {1044, 1045, 1698}:
            return (
                f"The shop's database at {self.place} refuses user {self._url.username!r}; "
                "check user, password and host rights in opencart_url."
            )
        if code == 1049:
            return f"There is no database {self._url.database!r} on {self._url.host}; correct opencart_url."
        if code in {1142, 1143}:
            return (
                f"User {self._url.username!r} lacks SELECT on a table of the shop at {self.place}; "
                "the documentation's page 'Run on a real shop' lists what to grant."
            )
        if code in {1146, 1054} or "no such table" in str(cause) or "no such column" in str(cause):
            return (
                f"A table or column of the shop at {self.place} is missing; check opencart_prefix and opencart_version."
            )
        if code in {1290, 1792} or "readonly" in str(cause):
            return f"The shop's database at {self.place} is open for reading only."
        return (
            f"Cannot reach the shop's database at {self.place} ({type(cause).__name__}); "
            "check that it runs and that opencart_url is right."
        )


async def _abandon(opening: asyncio.Task[AsyncConnection]) -> None:
    """Return a connection that nobody waits for any more."""
    with contextlib.suppress(SQLAlchemyError, OSError):
        connection = await opening
        await connection.close()


def _without_statement(error: BaseException) -> BaseException | None:
    """What the log may show: the driver's error, not the statement with its parameters."""
    return error.orig if isinstance(error, DBAPIError) else None


def _make_engine(url: URL, *, read_only: bool) -> AsyncEngine:
    is_sqlite = url.drivername.startswith("sqlite")
    arguments: dict[str, Any] = {"async_creator_fn": connect_sqlite if is_sqlite else _open_mysql}
    if is_sqlite:
        arguments["timeout"] = CONNECT_SECONDS
    options: dict[str, Any] = {} if is_sqlite else {"pool_recycle": 1800, "pool_pre_ping": True}
    engine = create_async_engine(
        url,
        connect_args=arguments,
        # No transaction around reads: each statement sees what is committed, and two round trips per read are saved.
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        pool_timeout=CONNECT_SECONDS,
        hide_parameters=True,
        **options,
    )

    def prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        try:
            for statement in _sqlite_settings(read_only) if is_sqlite else _mysql_settings(read_only):
                cursor.execute(statement)
            if not is_sqlite:
                _limit_statements(cursor)
        finally:
            cursor.close()

    event.listen(engine.sync_engine, "connect", prepare)
    if is_sqlite:
        give_back_when_cancelled(engine)
    return engine


async def _open_mysql(**settings: Any) -> Connection:
    """As `asyncmy.connect`, whose time-out ends before the server's greeting and which leaves its socket open."""
    connection = Connection(**settings)  # type: ignore[no-untyped-call]  # its stub names the class alone
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await connection.connect()
    except BaseException:
        connection.close()
        raise
    return connection


def _sqlite_settings(read_only: bool) -> tuple[str, ...]:
    return ("PRAGMA query_only = ON",) if read_only else ("PRAGMA synchronous = NORMAL",)


def _mysql_settings(read_only: bool) -> tuple[str, ...]:
    # READ ONLY refuses our own mistakes; the account's missing rights refuse everything else.
    return ("SET SESSION TRANSACTION READ ONLY",) if read_only else ()


def _limit_statements(cursor: Any) -> None:
    """Tell the server to stop a long statement of ours; MariaDB and MySQL name that setting differently."""
    for statement in (
        f"SET SESSION max_statement_time = {QUERY_SECONDS}",
        f"SET SESSION max_execution_time = {QUERY_SECONDS * 1000}",
    ):
        try:
            cursor.execute(statement)
        except MySQLError:
            continue  # a server that knows neither setting still serves; our own time-out remains
        return
