"""A shop that is worked in at full speed while servers are killed, and what its events have to say in the end."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from app.tests.opencart.mariadb import MariaDBProcess
from app.tests.opencart.raw import RawMariaDB
from app.tests.opencart.world import TODAY, World
from asyncmy.errors import Error

from meschain.opencart.connection import ShopDatabase
from meschain.opencart.schema import Version, created_tables, shop_tables

PRODUCTS = 20
LOST = (Error, OSError, RuntimeError, AttributeError, asyncio.IncompleteReadError)
"""What the driver raises when its server dies; some of it by accident."""


async def make_world(server: MariaDBProcess, name: str, marketplaces: Sequence[str] = ()) -> World:
    """A shop whose server keeps, by a trigger, every quantity that was ever committed.

    Args:
        marketplaces: where its products are listed, each on one of them in turn.
    """
    root = await RawMariaDB.open(server.server)
    await root.run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    await root.close()
    url = server.server.url(name)
    tables = shop_tables("oc_", Version.V4_1)
    writer = ShopDatabase(url, version=Version.V4_1, read_only=False)
    async with writer.begin() as connection:
        created = created_tables(tables, with_meschain=bool(marketplaces))
        await connection.run_sync(tables.metadata.create_all, created)
    await writer.close()
    world = World(Version.V4_1, "oc_", url, await RawMariaDB.open(server.server, name))
    await world.basics()
    ids = [await world.marketplace(code) for code in marketplaces]
    for number in range(PRODUCTS):
        product = await world.product(100)
        if ids:
            await world.listing(product, ids[number % len(ids)], 100)
    await world.run(
        "CREATE TABLE truth (id INT AUTO_INCREMENT PRIMARY KEY, product_id INT, quantity INT) ENGINE = InnoDB"
    )
    await world.run(
        "CREATE TRIGGER keep AFTER UPDATE ON {product} FOR EACH ROW"
        " INSERT INTO truth (product_id, quantity) VALUES (NEW.product_id, NEW.quantity)"
    )
    return world


class Stored:
    """The table of events of the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"

    def keys(self, sql: str) -> dict[str, list[tuple[str, str]]]:
        """Event ids with their payloads by key, in their order."""
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        with closing(sqlite3.connect(self.path, timeout=30)) as database:
            for key, event_id, value in database.execute(sql):
                found[key].append((event_id, value))
        return found

    def orders(self) -> dict[str, list[int]]:
        """History ids by order."""
        sql = "SELECT event_key, event_id, '' FROM mc_events WHERE kind = 'order' ORDER BY position"
        return {key: [int(event_id.rpartition(":")[2]) for event_id, _ in rows] for key, rows in self.keys(sql).items()}

    def stock(self) -> dict[str, list[int]]:
        """Quantities by product."""
        sql = (
            "SELECT event_key, event_id, json_extract(payload, '$.quantity') FROM mc_events"
            " WHERE kind = 'inventory' ORDER BY position"
        )
        return {key: [int(quantity) for _, quantity in rows] for key, rows in self.keys(sql).items()}

    def is_begun(self, way: str) -> bool:
        """Whether nothing that happens from now on is passed over."""
        name = "opencart.binlog:%" if way == "binlog" else "opencart.stock:%"
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(self.path, timeout=30)) as database:
            return bool(
                database.execute(
                    "SELECT COUNT(*) FROM mc_cursors WHERE name LIKE ? AND position <> ''", (name,)
                ).fetchone()[0]
            )
        return False


async def sell(world: World, chance: random.Random, stop: asyncio.Event, *, pause_seconds: float = 0.0) -> None:
    """A shop's day: checkouts, statuses, sales. At full speed, or with a pause after each."""
    orders: dict[int, int] = {}
    while not stop.is_set():
        with suppress(*LOST):
            product = chance.randint(1, PRODUCTS)
            await world.run("UPDATE {product} SET quantity = quantity - 1 WHERE product_id = ?", product)
            if not orders or chance.random() < 0.3:
                order_id = await world.order(0, date=f"{TODAY} 10:00:00")
                orders[order_id] = 0
            order_id = chance.choice(list(orders))
            orders[order_id] = orders[order_id] % 3 + 1
            await world.history(order_id, orders[order_id])
        await asyncio.sleep(pause_seconds)


async def caught_up(world: World, stored: Stored, *, all_values: bool, seconds: float) -> None:
    """Wait until the events say what the shop's tables say. Raises: TimeoutError.

    Args:
        all_values: every quantity has to be told, and not the last ones alone.
    """
    orders: dict[str, list[int]] = defaultdict(list)
    last: dict[str, int] = {}
    for history_id, order_id, status in await world.rows(
        "SELECT order_history_id, order_id, order_status_id FROM {order_history} ORDER BY order_history_id"
    ):
        key = f"order:{order_id}"
        if last.get(key) != status:
            orders[key].append(history_id)
        last[key] = status
    stock: dict[str, list[int]] = defaultdict(list)
    for product_id, quantity in await world.rows("SELECT product_id, quantity FROM truth ORDER BY id"):
        stock[f"product:{product_id}"].append(quantity)
    async with asyncio.timeout(seconds):
        while stored.orders() != orders or not _agree(stored.stock(), stock, all_values=all_values):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def _agree(told: dict[str, list[int]], truth: dict[str, list[int]], *, all_values: bool) -> bool:
    """Whether each product's events are what happened, in its order, with the last value at the end."""
    if all_values:
        return told == truth
    return told.keys() == truth.keys() and all(
        told[key][-1] == truth[key][-1] and _is_subsequence(told[key], truth[key]) for key in truth
    )


def _is_subsequence(some: Sequence[int], of: Sequence[int]) -> bool:
    rest = iter(of)
    return all(each in rest for each in some)
