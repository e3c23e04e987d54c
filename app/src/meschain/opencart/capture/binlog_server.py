"""What a database server offers to those who follow its binary log, and what is missing. Reads settings only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.opencart.capture.binlog_position import BinlogPosition
from meschain.opencart.connection import ShopDatabase
from meschain.services.ports import CaptureImpossible, ShopUnavailable

_WANTED: Final[Mapping[str, tuple[str, str]]] = {
    "log_bin": ("ON", "the binary log is off; start the server with log_bin"),
    "binlog_format": ("ROW", "set binlog_format = ROW"),
    "binlog_row_image": ("FULL", "set binlog_row_image = FULL"),
    "binlog_row_metadata": ("FULL", "set binlog_row_metadata = FULL (MariaDB 10.5, MySQL 8.0.14 and later have it)"),
}
_RIGHTS: Final = ("REPLICATION SLAVE", "ALL PRIVILEGES")


@dataclass(frozen=True, slots=True)
class BinlogServer:
    """A server whose binary log can be followed."""

    is_mariadb: bool
    """By transaction ids; others by file and offset."""
    position: BinlogPosition
    """The end of the log."""


async def read_server(database: ShopDatabase) -> BinlogServer:
    """Look whether the log can be followed, and where it ends.

    Raises:
        CaptureImpossible: it cannot; the text says what to change.
        ShopUnavailable: the database cannot be reached.
    """
    if database.is_sqlite:
        raise CaptureImpossible("SQLite has no binary log; set capture to polling.")
    async with database.connect() as connection:
        names = ", ".join(f"'{name}'" for name in _WANTED)
        found = await connection.execute(text(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})"))
        values = {name.lower(): str(value).upper() for name, value in found}
        missing = [advice for name, (wanted, advice) in _WANTED.items() if values.get(name) != wanted]
        if not await _may_follow(connection):
            missing.append("GRANT REPLICATION SLAVE ON *.* to the account (on MySQL also REPLICATION CLIENT)")
        if missing:
            raise CaptureImpossible(f"The binary log of {database.place} cannot be followed: {'; '.join(missing)}.")
        version = str(await connection.scalar(text("SELECT VERSION()")))
        is_mariadb = "mariadb" in version.lower()
        if is_mariadb:
            gtids = await connection.scalar(text("SELECT @@gtid_binlog_pos"))
            return BinlogServer(is_mariadb, BinlogPosition.of_transactions(str(gtids or "")))
    return BinlogServer(is_mariadb, await _end(database))


async def _may_follow(connection: AsyncConnection) -> bool:
    grants = (await connection.scalars(text("SHOW GRANTS"))).all()
    everywhere = [grant.upper().partition(" TO ")[0] for grant in grants if " ON *.* " in grant]
    return any(right in grant for grant in everywhere for right in _RIGHTS)


async def _end(database: ShopDatabase) -> BinlogPosition:
    """File and offset; MySQL 8.4 has another statement for it than those before."""
    error: ShopUnavailable | None = None
    for statement in ("SHOW BINARY LOG STATUS", "SHOW MASTER STATUS"):
        try:
            async with database.connect() as connection:
                row = (await connection.execute(text(statement))).first()
        except ShopUnavailable as refused:
            error = refused
            continue
        if row is not None:
            return BinlogPosition(file=str(row[0]), offset=int(row[1]))
    raise CaptureImpossible(
        f"The server at {database.place} does not say where its binary log ends;"
        " GRANT REPLICATION CLIENT ON *.* to the account."
    ) from error
