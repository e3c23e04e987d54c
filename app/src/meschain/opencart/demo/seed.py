"""Fills the demo shop's tables: static rows once, and the past up to now at every start. Knows no driver.

Everything comes from the `random.Random` and the moment passed in: the same arguments give the same shop.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from random import Random
from typing import Any, Final

import bcrypt
from sqlalchemy import Table, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.domain.marketplaces import MARKETPLACES
from meschain.opencart.connection import ShopDatabase
from meschain.opencart.demo.catalogue import CURRENCIES, OPENING_STOCK, PRODUCTS, SHOP_NAME, STATUS_NAMES
from meschain.opencart.demo.drafts import CUSTOMERS, customer, draft_order, marketplace_id, order_rows, visitor_ip
from meschain.opencart.demo.rhythm import CONFIRMED_SHARE, VISITORS_PER_CHECKOUT, YEAR, checkout_times
from meschain.opencart.schema import ShopTables, created_tables
from meschain.opencart.store_time import FORMAT, local_text, parse_local, store_day, zone_of

PAST: Final = YEAR
"""How far the demo's past reaches back."""
TIMEZONE: Final = "Europe/Istanbul"
ZONE: Final[tzinfo] = zone_of(TIMEZONE) or UTC
SHORT_STOP: Final = timedelta(minutes=20)
SESSION_SECONDS: Final = 86400
VOID: Final = 16
_BATCH: Final = 2000

SETTINGS: Final[Mapping[str, str]] = {
    "config_name": SHOP_NAME,
    "config_timezone": TIMEZONE,
    "config_currency": "TRY",
    "config_language_admin": "en-gb",
    "config_complete_status": '["5","3"]',
    "config_processing_status": '["5","1","2","12","3"]',
    "config_void_status_id": str(VOID),
    "config_fraud_status_id": "8",
    "config_session_expire": str(SESSION_SECONDS),
    "config_customer_online": "1",
    "config_customer_online_expire": "1",
    "config_product_report_status": "1",
    "config_user_2fa": "0",
}

ALL_RIGHTS: Final = (
    "catalog/product",
    "catalog/category",
    "customer/customer",
    "sale/order",
    "sale/returns",
    "report/online",
    "report/report",
    "setting/setting",
    "user/user",
    "user/user_permission",
)
GROUPS: Final[tuple[tuple[str, Sequence[str], Sequence[str]], ...]] = (
    ("Administrator", ALL_RIGHTS, ALL_RIGHTS),
    ("Demonstration", ALL_RIGHTS, ()),
    ("Marketing", ("customer/customer", "report/report"), ("customer/customer",)),
    ("Product Data Entry", ("catalog/product", "catalog/category"), ("catalog/product", "catalog/category")),
    (
        "Order Processing",
        ("sale/order", "sale/returns", "catalog/product"),
        ("sale/order", "sale/returns", "catalog/product"),
    ),
    ("Accounting", ("sale/order", "report/report"), ()),
    ("Customer Service", ("sale/order", "sale/returns", "customer/customer"), ("sale/returns",)),
)
"""OpenCart's own groups: name, access, modify."""
ADMINS: Final[tuple[tuple[str, int, str, str, int], ...]] = (
    ("admin", 1, "Selma", "Aydın", 1),
    ("depo", 5, "Hakan", "Bulut", 1),
    ("muhasebe", 6, "Nazlı", "Koç", 1),
    ("destek", 7, "Umut", "Toprak", 1),
    ("stajyer", 4, "Melis", "Ergin", 0),
)
"""Admin users of the demo shop: name, group, given and family name, status; the last one is disabled."""


async def create_shop(
    database: ShopDatabase, tables: ShopTables, now: datetime, random: Random, passwords: Mapping[str, str]
) -> None:
    """Create the tables and everything that does not change by itself.

    Args:
        passwords: by admin user name; a user without one cannot log in by password.
    """
    text = local_text(now - PAST, ZONE)
    async with database.begin() as connection:
        await connection.run_sync(tables.metadata.create_all, created_tables(tables, with_meschain=True))
        await _write(
            connection,
            tables.setting,
            [
                {"code": "config", "key": key, "value": value, "serialized": value[:1] == "["}
                for key, value in SETTINGS.items()
            ],
        )
        await _write(
            connection,
            tables.language,
            [
                {"language_id": 1, "name": "English", "code": "en-gb"},
                {"language_id": 2, "name": "Türkçe", "code": "tr-tr"},
            ],
        )
        await _write(
            connection,
            tables.currency,
            [
                {
                    "title": title,
                    "code": code,
                    "symbol_left": left,
                    "symbol_right": right,
                    "decimal_place": places,
                    "value": value,
                    "date_modified": text,
                }
                for code, (title, left, right, places, value) in CURRENCIES.items()
            ],
        )
        await _write(
            connection,
            tables.order_status,
            [
                {"order_status_id": status, "language_id": language, "name": name}
                for status, names in STATUS_NAMES.items()
                for language, name in enumerate(names, start=1)
            ],
        )
        await _write_catalogue(connection, tables, now, random)
        await _write_people(connection, tables, text, passwords)


async def _write_catalogue(connection: AsyncConnection, tables: ShopTables, now: datetime, random: Random) -> None:
    date = local_text(now - PAST, ZONE)
    stock = [OPENING_STOCK.get(each.sku, each.stock) for each in PRODUCTS]
    await _write(
        connection,
        tables.product,
        [
            {
                "product_id": number,
                "model": each.sku,
                "sku": each.sku,
                "quantity": stock[number - 1],
                "price": each.price,
                "subtract": 1,
                "date_available": "2024-01-01",
                "status": 1,
                "date_added": date,
                "date_modified": date,
            }
            for number, each in enumerate(PRODUCTS, start=1)
        ],
    )
    await _write(
        connection,
        tables.product_description,
        [
            {"product_id": number, "language_id": language, "name": name}
            for number, each in enumerate(PRODUCTS, start=1)
            for language, name in ((1, each.english), (2, each.turkish))
        ],
    )
    await _write(
        connection,
        tables.meschain_marketplace,
        [
            {
                "marketplace_id": marketplace_id(code),
                "name": name,
                "code": code,
                "settings": "{}",
                "status": 1,
                "sort_order": marketplace_id(code),
                "date_added": date,
                "date_modified": date,
            }
            for code, name in MARKETPLACES.items()
        ],
    )
    listings = []
    for code in MARKETPLACES:
        # Each marketplace lists most of the catalogue, always the same part of it.
        listed = sorted(random.sample(range(1, len(PRODUCTS) + 1), k=random.randrange(34, len(PRODUCTS) - 4)))
        last_sync = local_text(now - timedelta(minutes=random.randrange(12, 240)), ZONE)
        for product_id in listed:
            drift = random.choice((-3, -2, -1, 1, 2, 4, 6)) if random.random() < 0.12 else 0
            listings.append(
                {
                    "product_id": product_id,
                    "marketplace_id": marketplace_id(code),
                    "marketplace_product_id": f"{code[:2].upper()}{random.randrange(10**8):08d}",
                    "status": 1,
                    "price": PRODUCTS[product_id - 1].price * Decimal("1.08"),
                    "quantity": max(0, stock[product_id - 1] + drift),
                    "sync_status": "success",
                    "last_sync": last_sync,
                    "date_added": date,
                    "date_modified": date,
                }
            )
    await _write(connection, tables.meschain_product, listings)


async def _write_people(
    connection: AsyncConnection, tables: ShopTables, date: str, passwords: Mapping[str, str]
) -> None:
    await _write(
        connection,
        tables.customer,
        [
            {
                "customer_id": number,
                "firstname": customer(number).given_name,
                "lastname": customer(number).family_name,
                "email": customer(number).email,
                "telephone": "",
                "date_added": date,
            }
            for number in range(1, CUSTOMERS + 1)
        ],
    )
    await _write(
        connection,
        tables.user_group,
        [
            {"name": name, "permission": json.dumps({"access": list(access), "modify": list(modify)})}
            for name, access, modify in GROUPS
        ],
    )
    await _write(
        connection,
        tables.user,
        [
            {
                "user_group_id": group,
                "username": username,
                "password": php_hash(passwords[username]) if username in passwords else "!",
                "firstname": given,
                "lastname": family,
                "email": f"{username}@example.com",
                "status": status,
                "date_added": date,
            }
            for username, group, given, family, status in ADMINS
        ],
    )


def php_hash(password: str) -> str:
    """What PHP's `password_hash` stores: bcrypt of cost 10 with its own prefix."""
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(10)).decode().replace("$2b$", "$2y$", 1)


async def fill_past(database: ShopDatabase, tables: ShopTables, now: datetime, random: Random) -> int:
    """Write the orders and visits between the last order (or a year ago) and now; returns how many orders.

    Called at every start, so that today's figures are alive after a long stop; a short one leaves the gap that it is.
    """
    async with database.begin() as connection:
        order = tables.order
        last = parse_local(await connection.scalar(select(func.max(order.c.date_added))), ZONE)
        since = now - PAST
        if last is not None:
            if now - last < SHORT_STOP:
                return 0
            since = max(since, last + timedelta(seconds=1))
        first_id = int(await connection.scalar(select(func.max(order.c.order_id))) or 0) + 1
        begun = checkout_times(since, now, ZONE, random)
        orders: list[dict[str, Any]] = []
        products: list[dict[str, Any]] = []
        totals: list[dict[str, Any]] = []
        links: list[dict[str, Any]] = []
        history: list[tuple[datetime, int, int]] = []
        for order_id, moment in enumerate(begun, start=first_id):
            steps = _steps(moment, now, random)
            modified = steps[-1][0] if steps else moment
            rows = order_rows(
                draft_order(random),
                order_id,
                local_text(moment, ZONE),
                local_text(modified, ZONE),
                steps[-1][1] if steps else 0,
            )
            orders.append(rows.order)
            products += rows.products
            totals += rows.totals
            if rows.link is not None and any(status != VOID for _, status in steps):
                links.append(rows.link)
            history += [(at, order_id, status) for at, status in steps]
        history.sort()
        await _write(connection, order, orders)
        await _write(connection, tables.order_product, products)
        await _write(connection, tables.order_total, totals)
        await _write(connection, tables.meschain_order, links)
        await _write(
            connection,
            tables.order_history,
            [
                {"order_id": order_id, "order_status_id": status, "comment": "", "date_added": local_text(at, ZONE)}
                for at, order_id, status in history
            ],
        )
        await _write_visits(connection, tables, begun, now, random)
        return len(orders)


def _steps(begun: datetime, now: datetime, random: Random) -> list[tuple[datetime, int]]:
    """The history of a checkout: empty while nobody confirmed it, else its statuses up to now."""
    if random.random() > CONFIRMED_SHARE:
        # Some come back to the confirm page, where 4.1 voids what they had begun.
        return [(begun + timedelta(seconds=40), VOID)] if random.random() < 0.25 else []
    at = begun + timedelta(seconds=random.randrange(20, 240))
    steps = [(at, 1)]
    if random.random() < 0.05:
        steps.append((at + timedelta(minutes=random.randrange(10, 600)), 7))
    else:
        for status, least, most in ((2, 10, 180), (3, 240, 2000), (5, 1500, 7000)):
            at += timedelta(minutes=random.randrange(least, most))
            steps.append((at, status))
        if random.random() < 0.02:
            steps.append((at + timedelta(days=random.randrange(1, 9)), 11))
    return [step for step in steps if step[0] <= now]


async def _write_visits(
    connection: AsyncConnection, tables: ShopTables, begun: Sequence[datetime], now: datetime, random: Random
) -> None:
    """Product views of today alone: older ones have no reader, and there would be a hundred thousand."""
    start = parse_local(store_day(now, ZONE).start, ZONE) or now
    views = sorted(
        moment + timedelta(seconds=random.randrange(-1200, 1200))
        for moment in begun
        if moment >= start
        for _ in range(VISITORS_PER_CHECKOUT)
    )
    await _write(
        connection,
        tables.product_report,
        [
            {
                "product_id": random.randrange(1, len(PRODUCTS) + 1),
                "ip": visitor_ip(random),
                "country": "TR",
                "date_added": local_text(min(now, max(start, moment)), ZONE),
            }
            for moment in views
        ],
    )


async def open_doors(database: ShopDatabase, tables: ShopTables, now: datetime, random: Random) -> None:
    """Let in the visitors of the last half hour, and put out those of before the stop."""
    session, online = tables.session, tables.customer_online
    async with database.begin() as connection:
        await connection.execute(session.delete())
        await connection.execute(online.delete())
        rows = []
        people: dict[str, dict[str, Any]] = {}
        for _ in range(random.randrange(28, 46)):
            seen = now - timedelta(seconds=random.randrange(1800))
            rows.append(session_row(random, seen, {"language": "tr-tr", "currency": "TRY"}))
            row = online_row(random, seen)
            people[row["ip"]] = row
        await _write(connection, session, rows)
        await _write(connection, online, list(people.values()))


def session_row(random: Random, seen: datetime, data: Mapping[str, object]) -> dict[str, Any]:
    """A session last touched at that moment; `expire` is UTC, alone of all dates."""
    return {
        "session_id": f"{random.getrandbits(104):026x}",
        "data": json.dumps(data),
        "expire": (seen + timedelta(seconds=SESSION_SECONDS)).strftime(FORMAT),
    }


def online_row(random: Random, seen: datetime) -> dict[str, Any]:
    product = random.randrange(1, len(PRODUCTS) + 1)
    return {
        "ip": visitor_ip(random),
        "customer_id": random.randrange(1, CUSTOMERS + 1) if random.random() < 0.3 else 0,
        "url": f"index.php?route=product/product&product_id={product}",
        "referer": "",
        "date_added": local_text(seen, ZONE),
    }


async def _write(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    for start in range(0, len(rows), _BATCH):
        await connection.execute(insert(table), [dict(row) for row in rows[start : start + _BATCH]])
