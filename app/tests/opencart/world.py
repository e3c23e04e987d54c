"""A shop under test: its tables on a database, filled by hand-written SQL, read by `OpenCartShop`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from app.tests.opencart.clock import ManualClock
from app.tests.opencart.raw import Raw

from meschain.opencart.connection import ShopDatabase
from meschain.opencart.options import ShopOptions
from meschain.opencart.schema import Version
from meschain.opencart.store import OpenCartShop

TODAY = "2026-06-15"
"""The store's date while the clock of these tests stands at noon UTC of that day."""


@dataclass
class World:
    """One shop. Dates are store-local strings as OpenCart writes them."""

    version: Version
    prefix: str
    url: str
    raw: Raw
    clock: ManualClock = field(default_factory=ManualClock)
    opened: list[ShopDatabase] = field(default_factory=list)

    def sql(self, text: str) -> str:
        """SQL with `{name}` replaced by the shop's table of that name, quoted."""
        return re.sub(r"\{(\w+)\}", lambda found: f"`{self.prefix}{found[1]}`", text)

    async def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return await self.raw.rows(self.sql(sql), *values)

    async def run(self, sql: str, *values: object) -> None:
        await self.raw.run(self.sql(sql), *values)

    async def insert(self, sql: str, *values: object) -> int:
        return await self.raw.insert(self.sql(sql), *values)

    def database(self, **changes: object) -> ShopDatabase:
        url = str(changes.get("url", self.url))
        version = str(changes.get("version", "auto"))
        database = ShopDatabase(url, prefix=self.prefix, version=version)
        self.opened.append(database)
        return database

    def shop(self, options: ShopOptions | None = None, url: str | None = None) -> OpenCartShop:
        """A new adapter that has cached nothing."""
        chosen = replace(options or ShopOptions(), settings_seconds=0.0)
        return OpenCartShop(self.database(url=url or self.url), self.clock, chosen)

    async def set(self, key: str, value: str) -> None:
        await self.run("DELETE FROM {setting} WHERE `key` = ?", key)
        await self.run(
            "INSERT INTO {setting} (store_id, code, `key`, value, serialized) VALUES (0, 'config', ?, ?, 0)",
            key,
            value,
        )

    async def basics(self) -> None:
        """Settings, currencies and statuses of a Turkish shop."""
        for key, value in {
            "config_name": "Deneme",
            "config_timezone": "Europe/Istanbul",
            "config_currency": "TRY",
            "config_complete_status": '["5","3"]',
            "config_processing_status": '["5","1","2","12","3"]',
            "config_void_status_id": "16",
        }.items():
            await self.set(key, value)
        for code, places, value in (("TRY", 2, "1"), ("USD", 2, "0.02380952"), ("JPY", 0, "3.5")):
            await self.run(
                "INSERT INTO {currency} (title, code, symbol_left, symbol_right, decimal_place, value, status,"
                " date_modified) VALUES (?, ?, '', '', ?, ?, 1, '2026-01-01 00:00:00')",
                code,
                code,
                places,
                value,
            )
        for status, english, turkish in (
            (1, "Pending", "Beklemede"),
            (5, "Complete", "Tamamlandı"),
            (16, "Voided", "X"),
        ):
            for language, name in ((1, english), (2, turkish)):
                await self.run(
                    "INSERT INTO {order_status} (order_status_id, language_id, name) VALUES (?, ?, ?)",
                    status,
                    language,
                    name,
                )

    async def order(
        self,
        status: int,
        total: str = "100.0000",
        date: str = f"{TODAY} 10:00:00",
        *,
        currency: str = "TRY",
        rate: str = "1.00000000",
        email: str = "a@example.com",
        ip: str = "198.18.0.1",
        items: tuple[int, ...] = (1,),
    ) -> int:
        order_id = await self.insert(
            "INSERT INTO {order} (firstname, lastname, email, ip, comment, total, order_status_id,"
            " currency_code, currency_value, date_added, date_modified)"
            " VALUES ('Ayşe', 'Yılmaz', ?, ?, 'trendyol n11', ?, ?, ?, ?, ?, ?)",
            email,
            ip,
            total,
            status,
            currency,
            rate,
            date,
            date,
        )
        for quantity in items:
            await self.run(
                "INSERT INTO {order_product} (order_id, product_id, name, model, quantity, price, total)"
                " VALUES (?, 1, 'x', 'x', ?, '1', '1')",
                order_id,
                quantity,
            )
        return order_id

    async def history(self, order_id: int, status: int, date: str = f"{TODAY} 10:00:30", *, update: bool = True) -> int:
        """What OpenCart's addHistory does: the row, and the order's status."""
        if update:
            await self.run("UPDATE {order} SET order_status_id = ? WHERE order_id = ?", status, order_id)
        return await self.insert(
            "INSERT INTO {order_history} (order_id, order_status_id, notify, comment, date_added)"
            " VALUES (?, ?, 0, '', ?)",
            order_id,
            status,
            date,
        )

    async def product(
        self, quantity: int, *, subtract: int = 1, status: int = 1, available: str = "2020-01-01", sku: str = "S"
    ) -> int:
        return await self.insert(
            "INSERT INTO {product} (model, sku, quantity, price, subtract, date_available, status,"
            " date_added, date_modified)"
            " VALUES ('M', ?, ?, '1', ?, ?, ?, '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
            sku,
            quantity,
            subtract,
            available,
            status,
        )

    async def session(self, session_id: str, expire: str) -> None:
        await self.run("INSERT INTO {session} (session_id, data, expire) VALUES (?, '{}', ?)", session_id, expire)

    async def online(self, ip: str, date: str) -> None:
        await self.run(
            "INSERT INTO {customer_online} (ip, customer_id, url, referer, date_added) VALUES (?, 0, '', '', ?)",
            ip,
            date,
        )

    async def report(self, ip: str, date: str) -> None:
        await self.run(
            "INSERT INTO {product_report} (product_id, store_id, ip, country, date_added) VALUES (1, 0, ?, 'TR', ?)",
            ip,
            date,
        )

    async def marketplace(self, code: str) -> int:
        return await self.insert(
            "INSERT INTO {meschain_marketplace} (name, code, settings, status, sort_order, date_added,"
            " date_modified) VALUES (?, ?, '{}', 1, 0, '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
            code,
            code,
        )

    async def link(self, order_id: int, marketplace_id: int, number: str) -> None:
        await self.run(
            "INSERT INTO {meschain_order} (order_id, marketplace_id, marketplace_order_id, status, total,"
            " currency_code, date_added, date_modified)"
            " VALUES (?, ?, ?, 'imported', '1', 'TRY', '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
            order_id,
            marketplace_id,
            number,
        )

    async def listing(
        self, product_id: int, marketplace_id: int, quantity: int, last_sync: str | None = None, status: str = "success"
    ) -> None:
        await self.run(
            "INSERT INTO {meschain_product} (product_id, marketplace_id, marketplace_product_id, status,"
            " price, quantity, sync_status, last_sync, date_added, date_modified)"
            " VALUES (?, ?, 'x', 1, '1', ?, ?, ?, '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
            product_id,
            marketplace_id,
            quantity,
            status,
            last_sync,
        )
