"""OpenCart's tables by prefix and version, as far as we read them or the demo shop and the tests create them.

Column sets follow 3.0.4.1, 4.0.2.3 and 4.1.0.3. Keys are OpenCart's own: no index on dates or on order status. Defaults
stand on the server side so that a writer names only what it means. Knows no connection; which of these tables a given
database has is `detection`'s business.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from sqlalchemy import (
    CHAR,
    Column,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from meschain.opencart.column_types import Amount, StoreDay, StoreTime


class Version(enum.StrEnum):
    """The generations whose tables differ in what we read; checked against 3.0.4, 4.0.2 and 4.1.0."""

    V3_0 = "3.0"
    V4_0 = "4.0"
    V4_1 = "4.1"

    @property
    def is_4(self) -> bool:
        return self is not Version.V3_0


@dataclass(frozen=True, slots=True)
class ShopTables:
    """Every table that we know, named with the shop's prefix; which ones exist depends on version and shop."""

    version: Version
    prefix: str
    metadata: MetaData
    setting: Table
    language: Table
    currency: Table
    order: Table
    order_history: Table
    order_product: Table
    order_total: Table
    order_status: Table
    product: Table
    product_description: Table
    product_option_value: Table
    product_report: Table
    customer: Table
    customer_online: Table
    session: Table
    user: Table
    user_group: Table
    user_authorize: Table
    user_login: Table
    api: Table
    api_ip: Table
    meschain_marketplace: Table
    meschain_product: Table
    meschain_order: Table
    meschain_sync_log: Table


Default = Literal["", "0", "1"]


# To make them takes 8 ms, and whoever opens the shop asks for them.
@cache
def shop_tables(prefix: str, version: Version) -> ShopTables:
    """The tables of one shop; nobody may change them.

    Args:
        prefix: what OpenCart's `DB_PREFIX` holds; may be empty.
    """
    metadata = MetaData()

    def key(name: str) -> Column[int]:
        return Column(name, Integer, primary_key=True, autoincrement=True)

    def number(name: str, default: Default = "0") -> Column[int]:
        return Column(name, Integer, nullable=False, server_default=text(f"'{default}'"))

    def flag(name: str, default: Default = "0") -> Column[int]:
        return Column(name, SmallInteger, nullable=False, server_default=text(f"'{default}'"))

    def word(name: str, length: int, default: str = "") -> Column[str]:
        return Column(name, String(length), nullable=False, server_default=text(f"'{default}'"))

    def prose(name: str) -> Column[str]:
        return Column(name, Text, nullable=False)

    def time(name: str) -> Column[str]:
        return Column(name, StoreTime, nullable=False)

    def amount(name: str, places: int = 4) -> Column[object]:
        return Column(name, Amount(places), nullable=False, server_default=text("'0'"))

    def table(name: str, *columns: Column[object] | Column[int] | Column[str] | Index) -> Table:
        # InnoDB whatever the version: 3.x ships MyISAM, and no statement of ours tells the difference.
        return Table(prefix + name, metadata, *columns, mysql_engine="InnoDB", mysql_charset="utf8mb4")

    is_4 = version.is_4
    master = [number("master_id")] if is_4 else []
    order_extra = (
        [
            number("subscription_id"),
            word("transaction_id", 100),
            word("language_code", 5),
            Column("payment_method", Text, nullable=True),
            Column("shipping_method", Text, nullable=True),
        ]
        if is_4
        else [
            word("payment_method", 128),
            word("payment_code", 128),
            word("shipping_method", 128),
            word("shipping_code", 128),
        ]
    )
    if version is Version.V3_0:
        user_extra = [word("salt", 9), word("code", 40)]
    else:
        user_extra = [word("code", 40)] if version is Version.V4_0 else []

    return ShopTables(
        version=version,
        prefix=prefix,
        metadata=metadata,
        setting=table(
            "setting",
            key("setting_id"),
            number("store_id"),
            word("code", 128),
            word("key", 128),
            prose("value"),
            flag("serialized"),
        ),
        language=table("language", key("language_id"), word("name", 32), word("code", 5), flag("status", "1")),
        currency=table(
            "currency",
            key("currency_id"),
            word("title", 32),
            word("code", 3),
            word("symbol_left", 12),
            word("symbol_right", 12),
            number("decimal_place"),
            amount("value", 8),
            flag("status", "1"),
            time("date_modified"),
        ),
        order=table(
            "order",
            key("order_id"),
            number("store_id"),
            word("store_name", 64),
            number("customer_id"),
            word("firstname", 32),
            word("lastname", 32),
            word("email", 96),
            word("telephone", 32),
            *order_extra,
            prose("comment"),
            amount("total"),
            number("order_status_id"),
            number("language_id", "1"),
            number("currency_id"),
            Column("currency_code", CHAR(3), nullable=False, server_default=text("''")),
            amount("currency_value", 8),
            word("ip", 40),
            time("date_added"),
            time("date_modified"),
        ),
        order_history=table(
            "order_history",
            key("order_history_id"),
            number("order_id"),
            number("order_status_id"),
            flag("notify"),
            prose("comment"),
            time("date_added"),
        ),
        order_product=table(
            "order_product",
            key("order_product_id"),
            number("order_id"),
            number("product_id"),
            *master,
            word("name", 255),
            word("model", 64),
            number("quantity"),
            amount("price"),
            amount("total"),
            amount("tax"),
            number("reward"),
            Index(f"{prefix}order_product_order", "order_id"),
        ),
        order_total=table(
            "order_total",
            key("order_total_id"),
            number("order_id"),
            *([word("extension", 255)] if is_4 else []),
            word("code", 32),
            word("title", 255),
            amount("value"),
            number("sort_order"),
            Index(f"{prefix}order_total_order", "order_id"),
        ),
        order_status=table(
            "order_status",
            Column("order_status_id", Integer, primary_key=True, autoincrement=False),
            Column("language_id", Integer, primary_key=True, autoincrement=False),
            word("name", 32),
        ),
        product=table(
            "product",
            key("product_id"),
            *([number("master_id")] if is_4 else []),
            word("model", 64),
            word("sku", 64),
            number("quantity"),
            amount("price"),
            flag("subtract", "1"),
            Column("date_available", StoreDay, nullable=False),
            flag("status"),
            *([] if is_4 else [number("viewed")]),
            time("date_added"),
            time("date_modified"),
        ),
        product_description=table(
            "product_description",
            Column("product_id", Integer, primary_key=True, autoincrement=False),
            Column("language_id", Integer, primary_key=True, autoincrement=False),
            word("name", 255),
        ),
        product_option_value=table(
            "product_option_value",
            key("product_option_value_id"),
            number("product_option_id"),
            number("product_id"),
            number("option_id"),
            number("option_value_id"),
            number("quantity"),
            flag("subtract"),
        ),
        product_report=table(
            "product_report",
            key("product_report_id"),
            number("product_id"),
            number("store_id"),
            word("ip", 40),
            word("country", 2),
            time("date_added"),
        ),
        customer=table(
            "customer",
            key("customer_id"),
            word("firstname", 32),
            word("lastname", 32),
            word("email", 96),
            word("telephone", 32),
            flag("status", "1"),
            time("date_added"),
        ),
        customer_online=table(
            "customer_online",
            Column("ip", String(40), primary_key=True),
            number("customer_id"),
            prose("url"),
            prose("referer"),
            time("date_added"),
        ),
        session=table(
            "session",
            Column("session_id", String(32), primary_key=True),
            prose("data"),
            Column("expire", StoreTime, nullable=False, index=is_4),
        ),
        user=table(
            "user",
            key("user_id"),
            number("user_group_id"),
            word("username", 20),
            word("password", 40 if version is Version.V3_0 else 255),
            *user_extra,
            word("firstname", 32),
            word("lastname", 32),
            word("email", 96),
            word("image", 255),
            word("ip", 40),
            flag("status"),
            time("date_added"),
        ),
        user_group=table("user_group", key("user_group_id"), word("name", 64), prose("permission")),
        user_authorize=table(
            "user_authorize",
            key("user_authorize_id"),
            number("user_id"),
            word("token", 96),
            number("total"),
            word("ip", 40),
            word("user_agent", 255),
            flag("status"),
            time("date_added"),
            *([time("date_expire")] if version is Version.V4_1 else []),
        ),
        user_login=table(
            "user_login",
            key("user_login_id"),
            number("user_id"),
            word("ip", 40),
            word("user_agent", 255),
            time("date_added"),
        ),
        api=table("api", key("api_id"), word("username", 64), prose("key"), flag("status"), time("date_added")),
        api_ip=table("api_ip", key("api_ip_id"), number("api_id"), word("ip", 40)),
        meschain_marketplace=table(
            "meschain_marketplace",
            key("marketplace_id"),
            word("name", 64),
            word("code", 32),
            prose("settings"),
            flag("status"),
            number("sort_order"),
            time("date_added"),
            time("date_modified"),
        ),
        meschain_product=table(
            "meschain_product",
            key("meschain_product_id"),
            number("product_id"),
            number("marketplace_id"),
            word("marketplace_product_id", 64),
            flag("status"),
            amount("price"),
            number("quantity"),
            word("sync_status", 32),
            Column("last_sync", StoreTime, nullable=True),
            time("date_added"),
            time("date_modified"),
        ),
        meschain_order=table(
            "meschain_order",
            key("meschain_order_id"),
            number("order_id"),
            number("marketplace_id"),
            word("marketplace_order_id", 64),
            word("status", 32),
            amount("total"),
            word("currency_code", 3),
            time("date_added"),
            time("date_modified"),
        ),
        meschain_sync_log=table(
            "meschain_sync_log",
            key("log_id"),
            word("marketplace", 50),
            word("operation", 50),
            Column("product_id", Integer, nullable=True),
            Column("product_sku", String(100), nullable=True),
            word("status", 20),
            Column("message", Text, nullable=True),
            Column("response_data", Text, nullable=True),
            time("created_at"),
        ),
    )


_ONLY_4: Final = frozenset({"product_report", "user_authorize", "user_login"})
_OURS: Final = frozenset({"meschain_marketplace", "meschain_product", "meschain_order", "meschain_sync_log"})


def created_tables(tables: ShopTables, *, with_meschain: bool) -> list[Table]:
    """What a fresh shop of that version has: for the demo shop and the tests."""
    left_out = set() if with_meschain else set(_OURS)
    if not tables.version.is_4:
        left_out |= _ONLY_4
    unwanted = {tables.prefix + name for name in left_out}
    return [table for name, table in tables.metadata.tables.items() if name not in unwanted]
