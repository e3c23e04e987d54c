"""Rows of the log are read past the library: as it reads them, whatever stands beside the columns that count."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from app.tests.opencart.capture.test_binlog_reader import address, end, quantities, read
from app.tests.opencart.world import World
from pymysqlreplication.constants import FIELD_TYPE

from meschain.opencart.capture.binlog_layout import RowLayout
from meschain.opencart.capture.binlog_reader import BinlogReader
from meschain.opencart.capture.binlog_rows import RowCollector
from meschain.opencart.schema import Version

MakeWorld = Callable[..., Awaitable[World]]

COLUMNS = (
    ("c_tiny TINYINT", "-5"),
    ("c_small SMALLINT UNSIGNED", "65535"),
    ("c_medium MEDIUMINT", "-8388608"),
    ("c_big BIGINT", "-9223372036854775808"),
    ("c_float FLOAT", "1.5"),
    ("c_double DOUBLE", "2.5"),
    ("c_decimal DECIMAL(30,11)", "'-1234567890123456789.12345678901'"),
    ("c_money DECIMAL(15,4)", "19.9"),
    ("c_bit BIT(13)", "b'1010101010101'"),
    ("c_year YEAR", "2026"),
    ("c_date DATE", "'2026-06-15'"),
    ("c_time TIME(3)", "'-12:34:56.789'"),
    ("c_datetime DATETIME(6)", "'2026-06-15 10:00:00.123456'"),
    ("c_zero DATETIME", "'0000-00-00 00:00:00'"),
    ("c_timestamp TIMESTAMP(2) NULL", "'2026-06-15 10:00:00.25'"),
    ("c_char CHAR(5)", "'ş'"),
    ("c_wide_char CHAR(250)", "REPEAT('ş', 250)"),
    ("c_short VARCHAR(60)", "'kısa'"),
    ("c_long VARCHAR(400)", "REPEAT('ü', 400)"),
    ("c_binary BINARY(4)", "x'00ff00ff'"),
    ("c_varbinary VARBINARY(300)", "REPEAT('b', 290)"),
    ("c_enum ENUM('a','b')", "'b'"),
    ("c_set SET('a','b','c','d','e','f','g','h','i')", "'a,i'"),
    ("c_tiny_blob TINYBLOB", "REPEAT('x', 255)"),
    ("c_text TEXT", "REPEAT('y', 3000)"),
    ("c_medium_blob MEDIUMBLOB", "REPEAT('z', 70000)"),
    ("c_json JSON", """'{"a": [1, 2, {"b": null}]}'"""),
)


class PastTheLibrary(BinlogReader):
    """Fails where rows are left to the library."""

    def _take_rows(self, kind: int, packet: bytes, end: int) -> bool:
        assert super()._take_rows(kind, packet, end)
        return True


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    return await make_world("mariadb_with_log", Version.V4_1)


@pytest.mark.parametrize("nulls", ["none", "all", "every other"])
async def test_columns_that_nobody_asks_for_are_passed_over(world: World, nulls: str) -> None:
    for definition, _ in COLUMNS:
        await world.run(f"ALTER TABLE {{product}} ADD COLUMN {definition} FIRST")
    product = await world.product(0)
    place = await end(world)
    values = [
        f"{definition.split()[0]} = {'NULL' if nulls == 'all' or (nulls != 'none' and number % 2) else value}"
        for number, (definition, value) in enumerate(COLUMNS)
    ]
    await world.run(f"UPDATE {{product}} SET quantity = 7, {', '.join(values)}")  # noqa: S608 - the values above
    await world.run("UPDATE {product} SET quantity = 2147483647 WHERE product_id = ?", product)
    await world.run("UPDATE {product} SET quantity = -3, c_text = NULL WHERE product_id = ?", product)
    other = await world.product(5)
    await world.run("DELETE FROM {product} WHERE product_id IN (?, ?)", product, other)
    async with PastTheLibrary(address(world), "oc_", place) as reader:
        found = quantities(await read(reader, 6))
    assert found == [7, 2147483647, -3, 5, None, None]


async def test_a_table_that_changes_its_columns_is_read_by_the_new_ones(world: World) -> None:
    product = await world.product(1)
    place = await end(world)
    await world.run("UPDATE {product} SET quantity = 2 WHERE product_id = ?", product)
    await world.run("ALTER TABLE {product} ADD COLUMN c_text TEXT FIRST")
    await world.run("UPDATE {product} SET quantity = 3, c_text = 'x' WHERE product_id = ?", product)
    await world.run("ALTER TABLE {product} DROP COLUMN c_text")
    await world.run("UPDATE {product} SET quantity = 4 WHERE product_id = ?", product)
    async with BinlogReader(address(world), "oc_", place) as reader:
        assert quantities(await read(reader, 3)) == [2, 3, 4]


async def test_a_reader_stops_while_the_log_goes_on_without_a_pause(world: World) -> None:
    product = await world.product(0)
    place = await end(world)
    stop = asyncio.Event()

    async def sell() -> None:
        quantity = 0
        while not stop.is_set():
            quantity += 1
            await world.run("UPDATE {product} SET quantity = ? WHERE product_id = ?", quantity, product)

    selling = asyncio.create_task(sell())
    async with BinlogReader(address(world), "oc_", place) as reader:
        await read(reader, 5)
    stop.set()
    await selling
    assert not reader._thread.is_alive()


def column(kind: int, name: str = "x", **more: object) -> Any:
    return SimpleNamespace(type=kind, name=name, unsigned=False, **more)


def test_a_type_that_is_not_known_is_left_to_the_library() -> None:
    number = column(FIELD_TYPE.LONG, "quantity")
    assert RowLayout.of([number, column(FIELD_TYPE.DATE)], RowCollector.COLUMNS) is not None
    assert RowLayout.of([number, column(140)], RowCollector.COLUMNS) is None
    assert RowLayout.of([column(FIELD_TYPE.DATE, "quantity")], RowCollector.COLUMNS) is None
    assert RowLayout.of([column(FIELD_TYPE.LONG, "")], RowCollector.COLUMNS) is None


def test_a_row_that_is_cut_off_is_said() -> None:
    layout = RowLayout.of([column(FIELD_TYPE.LONG, "quantity")], RowCollector.COLUMNS)
    assert layout is not None
    assert list(layout.rows(b"\x00\x07\x00\x00\x00", 0)) == [{"quantity": 7}]
    with pytest.raises(IndexError):
        list(layout.rows(b"\x00\x07\x00", 0))


def test_moments_are_the_stores_and_zero_dates_are_none() -> None:
    layout = RowLayout.of([column(FIELD_TYPE.DATETIME2, "date_added", fsp=0)], RowCollector.COLUMNS)
    assert layout is not None
    packed = (1 << 39) | ((2026 * 13 + 6) << 22) | (15 << 17) | (10 << 12) | (20 << 6) | 30
    moment = datetime(2026, 6, 15, 10, 20, 30)  # noqa: DTZ001 - as the shop's tables have it
    rows = b"\x00" + packed.to_bytes(5, "big") + b"\x00" + (1 << 39).to_bytes(5, "big")
    assert [row["date_added"] for row in layout.rows(rows, 0)] == [moment, None]
