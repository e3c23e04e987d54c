"""What a given database holds: which tables and columns, and which version of OpenCart wrote them.

A read-only account sees only what it was granted, so the version is told from columns of tables that it may read
anyway. Knows no figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.opencart.schema import ShopTables, Version, shop_tables
from meschain.services.ports import ShopUnavailable

REQUIRED: Final = ("setting", "order", "order_history", "order_product", "order_status", "product", "currency")
"""Without these there is no figure to show."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Tables of the database with their columns, key columns first."""

    columns: Mapping[str, Sequence[str]]
    keys: Mapping[str, str]
    """The first primary-key column of a table."""

    def has(self, table: str, *columns: str) -> bool:
        """Whether the table exists and has all of these columns."""
        present = self.columns.get(table)
        return present is not None and all(column in present for column in columns)


@dataclass(frozen=True, slots=True)
class ShopSchema:
    """The tables of this shop and what of them exists."""

    tables: ShopTables
    catalogue: Catalogue

    @property
    def version(self) -> Version:
        return self.tables.version

    def has(self, name: str, *columns: str) -> bool:
        """Whether the shop has that table (named without prefix) with these columns."""
        return self.catalogue.has(self.tables.prefix + name, *columns)

    def extension_table(self, name: str, *columns: str) -> str | None:
        """A table of the old extension: with the shop's prefix, else with the literal `oc_` that its SQL carried."""
        for candidate in dict.fromkeys((self.tables.prefix + name, f"oc_{name}")):
            if self.catalogue.has(candidate, *columns):
                return candidate
        return None


async def read_schema(connection: AsyncConnection, prefix: str, version: str) -> ShopSchema:
    """Probe the database once.

    Args:
        version: `auto`, or a value of `Version` to skip detection.
    Raises: ShopUnavailable when the prefix fits no OpenCart tables.
    """
    catalogue = await _read_catalogue(connection)
    missing = [prefix + name for name in REQUIRED if not catalogue.has(prefix + name)]
    if missing:
        raise ShopUnavailable(_missing_text(prefix, missing, catalogue))
    found = _detect(catalogue, prefix) if version == "auto" else Version(version)
    return ShopSchema(tables=shop_tables(prefix, found), catalogue=catalogue)


def _detect(catalogue: Catalogue, prefix: str) -> Version:
    if not catalogue.has(prefix + "order_product", "master_id"):
        return Version.V3_0
    # An upgraded shop may keep old tables (api_session), so only what 4.1 adds counts.
    is_4_1 = (
        catalogue.has(prefix + "user_authorize", "date_expire")
        or catalogue.has(prefix + "user_token")
        or catalogue.has(prefix + "product_code")
        or catalogue.has(prefix + "api_history")
    )
    return Version.V4_1 if is_4_1 else Version.V4_0


def _missing_text(prefix: str, missing: Sequence[str], catalogue: Catalogue) -> str:
    guesses = sorted(name.removesuffix("order_history") for name in catalogue.columns if name.endswith("order_history"))
    hint = f"There are tables with prefix {guesses[0]!r}: set opencart_prefix to that." if guesses else ""
    if not hint:
        hint = (
            "Set opencart_prefix to DB_PREFIX of the shop's config.php, and grant SELECT on its tables to this account."
        )
    return f"The shop's database shows no table {missing[0]!r} to this account. {hint}"


async def _read_catalogue(connection: AsyncConnection) -> Catalogue:
    if connection.dialect.name == "sqlite":
        statement = text(
            "SELECT m.name, p.name, p.pk FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p"
            " WHERE m.type IN ('table', 'view') ORDER BY m.name, p.cid"
        )
    else:
        statement = text(
            "SELECT table_name, column_name, column_key = 'PRI' FROM information_schema.columns"
            " WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position"
        )
    columns: dict[str, list[str]] = {}
    keys: dict[str, str] = {}
    for table, column, is_key in await connection.execute(statement):
        columns.setdefault(table, []).append(column)
        if is_key:
            keys.setdefault(table, column)
    return Catalogue(columns=columns, keys=keys)
