"""Changes by the binary log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from app.tests.opencart.capture.change_source_spec import ChangeSourceSpec
from app.tests.opencart.capture.follower import Follower
from app.tests.opencart.mariadb import MariaDB
from app.tests.opencart.world import World

from meschain.domain.events import ALERT
from meschain.opencart.capture.binlog import BinlogOptions, BinlogSource
from meschain.opencart.capture.binlog_server import read_server
from meschain.opencart.capture.journal import Capture
from meschain.opencart.capture.polling import PollingSource
from meschain.opencart.connection import ShopDatabase
from meschain.opencart.schema import Version
from meschain.services.ports import CaptureImpossible

MakeWorld = Callable[..., Awaitable[World]]


def by_binlog(capture: Capture) -> BinlogSource:
    return BinlogSource(capture, BinlogOptions(server_id=4711, heartbeat_seconds=0.05))


class TestBinlog(ChangeSourceSpec):
    @pytest.fixture(params=["3.0 MyISAM", Version.V4_0, Version.V4_1], ids=str)
    async def follower(self, request: pytest.FixtureRequest, make_world: MakeWorld) -> AsyncIterator[Follower]:
        version, _, engine = str(request.param).partition(" ")
        world = await make_world("mariadb_with_log", Version(version))
        if engine:
            for table in ("order", "order_history", "product", "product_option_value"):
                await world.run(f"ALTER TABLE {{{table}}} ENGINE = {engine}")
        follower = Follower(world, by_binlog)
        await follower.start()
        yield follower
        await follower.stop()


@pytest.fixture
async def followed(make_world: MakeWorld) -> AsyncIterator[Follower]:
    follower = Follower(await make_world("mariadb_with_log", Version.V4_1), by_binlog)
    await follower.start()
    yield follower
    await follower.stop()


async def test_every_quantity_in_between_is_told(followed: Follower) -> None:
    world = followed.world
    product = await world.product(9)
    for quantity in (8, 7, 8):
        await world.run("UPDATE {product} SET quantity = ? WHERE product_id = ?", quantity, product)
    assert (await followed.catch_up()).stock == [(product, 9), (product, 8), (product, 7), (product, 8)]
    await followed.stop()
    for quantity in (6, 5):
        await world.run("UPDATE {product} SET quantity = ? WHERE product_id = ?", quantity, product)
    following = followed.again()
    assert (await following.catch_up()).stock == [(product, 6), (product, 5)]
    await following.stop()


async def test_a_log_that_was_purged_is_announced_and_the_stock_compared(followed: Follower) -> None:
    world = followed.world
    product, order_id = await world.product(9), await world.order(0)
    await followed.catch_up()
    await followed.stop()
    for quantity in (8, 7):
        await world.run("UPDATE {product} SET quantity = ? WHERE product_id = ?", quantity, product)
    await world.history(order_id, 1)
    await world.run("FLUSH BINARY LOGS")
    ((newest, *_),) = await world.rows("SHOW MASTER STATUS")
    async with asyncio.timeout(30):
        # The server keeps a log that it still sends somebody, and notices late that nobody is there.
        while len(await world.rows("SHOW BINARY LOGS")) > 1:
            await world.run(f"PURGE BINARY LOGS TO '{newest}'")
    following = followed.again()
    found = await following.catch_up()
    assert found.stock == [(product, 7)]
    assert found.orders == [(order_id, "created")]
    (alert,) = found.of(ALERT)
    assert "does not reach back" in alert["message"]
    await world.run("UPDATE {product} SET quantity = 6 WHERE product_id = ?", product)
    later = await following.catch_up()
    assert (later.stock, later.of(ALERT)) == ([(product, 6)], [])
    await following.stop()


async def test_a_table_that_gets_another_column_is_read_on(followed: Follower) -> None:
    world = followed.world
    product = await world.product(9)
    await followed.catch_up()
    await world.run("ALTER TABLE {product} ADD COLUMN weight INT NOT NULL DEFAULT 0 FIRST")
    await world.run("UPDATE {product} SET quantity = 8 WHERE product_id = ?", product)
    assert (await followed.catch_up()).stock == [(product, 8)]


async def test_rows_of_a_transaction_are_told_when_it_is_committed(followed: Follower) -> None:
    world = followed.world
    product = await world.product(9)
    await followed.catch_up()
    await world.run("START TRANSACTION")
    await world.run("UPDATE {product} SET quantity = 8 WHERE product_id = ?", product)
    await world.run("SAVEPOINT a")
    await world.run("UPDATE {product} SET quantity = 7 WHERE product_id = ?", product)
    await world.run("ROLLBACK TO a")
    await world.run("UPDATE {product} SET quantity = 6 WHERE product_id = ?", product)
    order_id = await world.order(1)
    await world.history(order_id, 1)
    await world.run("COMMIT")
    await world.run("START TRANSACTION")
    await world.run("UPDATE {product} SET quantity = 1 WHERE product_id = ?", product)
    await world.run("ROLLBACK")
    found = await followed.catch_up()
    assert found.stock == [(product, 8), (product, 6)]
    assert found.orders == [(order_id, "created")]


async def test_one_can_change_from_one_way_to_the_other(followed: Follower) -> None:
    world = followed.world
    product = await world.product(9)
    await followed.catch_up()
    await followed.stop()
    told = []
    follower = followed
    for quantity, make_source in ((8, PollingSource), (7, by_binlog), (6, PollingSource), (5, by_binlog)):
        await world.run("UPDATE {product} SET quantity = ? WHERE product_id = ?", quantity, product)
        follower = follower.again(make_source)
        told += (await follower.catch_up()).stock
        await follower.stop()
    assert told == [(product, 8), (product, 7), (product, 6), (product, 5)]


async def test_an_account_without_the_right_is_told_what_to_grant(
    make_world: MakeWorld, mariadb_with_log: MariaDB
) -> None:
    world = await make_world("mariadb_with_log", Version.V4_1)
    name = world.url.rpartition("/")[2]
    await world.run(f"CREATE USER {name}_reader@'127.0.0.1' IDENTIFIED BY 'reading'")
    await world.run(f"GRANT SELECT ON {name}.* TO {name}_reader@'127.0.0.1'")
    database = ShopDatabase(mariadb_with_log.url(name, user=f"{name}_reader", password="reading"))
    with pytest.raises(CaptureImpossible, match="GRANT REPLICATION SLAVE"):
        await read_server(database)
    await world.run(f"GRANT REPLICATION SLAVE ON *.* TO {name}_reader@'127.0.0.1'")
    await database.close()
    database = ShopDatabase(mariadb_with_log.url(name, user=f"{name}_reader", password="reading"))
    assert (await read_server(database)).is_mariadb
    await database.close()


async def test_a_server_that_logs_otherwise_is_told_what_to_set(make_world: MakeWorld) -> None:
    world = await make_world("mariadb", Version.V4_1)
    with pytest.raises(CaptureImpossible, match=r"log_bin; set binlog_format = ROW; set binlog_row_metadata = FULL"):
        await read_server(world.database())
    with pytest.raises(CaptureImpossible, match="SQLite has no binary log"):
        await read_server((await make_world("sqlite", Version.V4_1)).database())
