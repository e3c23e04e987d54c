"""The thread that follows the binary log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from app.tests.opencart.mariadb import MariaDB
from app.tests.opencart.world import World

from meschain.opencart.capture.binlog_position import BinlogPosition
from meschain.opencart.capture.binlog_reader import (
    WAITING,
    BinlogAddress,
    BinlogGone,
    BinlogLost,
    BinlogPiece,
    BinlogReader,
    BinlogRefused,
)
from meschain.opencart.capture.binlog_server import read_server
from meschain.opencart.schema import Version

MakeWorld = Callable[..., Awaitable[World]]


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    return await make_world("mariadb_with_log", Version.V4_1)


def address(world: World, *, is_mariadb: bool = True, **changes: object) -> BinlogAddress:
    database = world.database()
    return BinlogAddress({**database.blocking_connection(), **changes}, 4713, database.name, is_mariadb, 0.05)


async def end(world: World) -> BinlogPosition:
    return (await read_server(world.database())).position


async def read(reader: BinlogReader, quantities: int) -> list[BinlogPiece]:
    """Pieces until so many quantities were in them."""
    pieces: list[BinlogPiece] = []
    async with asyncio.timeout(60):
        while sum(len(piece.rows.stock) for piece in pieces) < quantities:
            pieces += await reader.take()
    return pieces


def quantities(pieces: list[BinlogPiece]) -> list[int | None]:
    return [row.quantity for piece in pieces for row in piece.rows.stock]


async def test_a_file_and_an_offset_are_a_place_too(world: World) -> None:
    """As MySQL's log is read; a MariaDB is read so when it is not said to be one."""
    product = await world.product(9)
    ((file, offset, *_),) = await world.rows("SHOW MASTER STATUS")
    place = BinlogPosition(file=file, offset=offset)
    for quantity in (8, 7):
        await world.run("UPDATE {product} SET quantity = ? WHERE product_id = ?", quantity, product)
    async with BinlogReader(address(world, is_mariadb=False), "oc_", place) as reader:
        first, second = [piece for piece in await read(reader, 2) if piece.rows]
    assert first.position is not None
    assert second.position is not None
    assert second.position.covers(first.position)
    async with BinlogReader(address(world, is_mariadb=False), "oc_", first.position) as reader:
        assert quantities(await read(reader, 1)) == [7]


async def test_a_long_transaction_comes_in_pieces_and_only_the_last_has_a_place(world: World) -> None:
    place = await end(world)
    await world.run(
        "INSERT INTO {product} (model, sku, quantity, price, subtract, date_available, status, date_added,"
        " date_modified) SELECT 'M', 'S', 1, '1', 1, '2020-01-01', 1, NOW(), NOW() FROM seq_1_to_1500"
    )
    async with BinlogReader(address(world), "oc_", place) as reader:
        pieces = [piece for piece in await read(reader, 1500) if piece.rows]
    assert len(pieces) > 1
    assert [piece.position is None for piece in pieces] == [True] * (len(pieces) - 1) + [False]


async def test_a_reader_that_nobody_asks_waits_and_loses_nothing(world: World) -> None:
    product = await world.product(0)
    place = await end(world)
    for quantity in range(1, WAITING + 101):
        await world.run("UPDATE {product} SET quantity = ? WHERE product_id = ?", quantity, product)
    async with BinlogReader(address(world), "oc_", place) as reader:
        async with asyncio.timeout(60):
            while reader.waiting < WAITING:  # noqa: ASYNC110 - another thread's queue
                await asyncio.sleep(0.01)
        assert quantities(await read(reader, WAITING + 100)) == list(range(1, WAITING + 101))


async def test_a_place_that_the_log_does_not_know_is_said(world: World) -> None:
    place = await end(world)
    unknown = BinlogPosition.of_transactions(f"0-1-{int(place.gtids.rpartition('-')[2]) + 100_000}")
    async with BinlogReader(address(world), "oc_", unknown) as reader:
        with pytest.raises(BinlogGone):
            await read(reader, 1)


async def test_an_account_that_may_not_is_said(world: World, mariadb_with_log: MariaDB) -> None:
    name = world.url.rpartition("/")[2]
    await world.run(f"CREATE USER {name}_reader@'127.0.0.1' IDENTIFIED BY 'reading'")
    there = address(world, user=f"{name}_reader", password="reading")
    async with BinlogReader(there, "oc_", await end(world)) as reader:
        with pytest.raises(BinlogRefused):
            await read(reader, 1)
    async with BinlogReader(address(world, password="wrong"), "oc_", await end(world)) as reader:
        with pytest.raises(BinlogRefused):
            await read(reader, 1)
    assert mariadb_with_log.password not in repr(address(world))


async def test_a_connection_that_breaks_is_said(world: World) -> None:
    async with BinlogReader(address(world), "oc_", await end(world)) as reader:
        await reader.take()
        # The newest: the server notices late that readers of earlier tests have gone.
        ((dump,),) = await world.rows(
            "SELECT MAX(id) FROM information_schema.processlist WHERE command = 'Binlog Dump'"
        )
        await world.run(f"KILL {dump}")
        with pytest.raises(BinlogLost):
            await read(reader, 1)
    async with BinlogReader(address(world, port=1), "oc_", await end(world)) as reader:
        with pytest.raises(BinlogLost):
            await read(reader, 1)
