"""The way to a shop's database: what may go wrong, in words that help, and never with a secret."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from app.tests.opencart.mariadb import MariaDB
from app.tests.opencart.world import World
from asyncmy.errors import MySQLError
from sqlalchemy import text

from meschain.opencart import connection as connection_module
from meschain.opencart.connection import ShopDatabase, engine_url
from meschain.opencart.schema import Version
from meschain.opencart.store import OpenCartShop
from meschain.services.ports import ShopUnavailable

MakeWorld = Callable[..., Awaitable[World]]

# SELECT on at most these is enough; the documented list, which is what we read today, is run by test_guide.py.
READABLE = (
    *("setting", "order", "order_history", "order_product", "order_total", "order_status", "product"),
    *("product_option_value", "product_report", "customer_online", "session", "user", "user_group"),
    *("user_authorize", "currency", "api", "api_ip"),
)
ONLY_4 = {"product_report", "user_authorize"}


@pytest.fixture
async def opened() -> AsyncIterator[Callable[..., ShopDatabase]]:
    databases: list[ShopDatabase] = []

    def open_(url: str, prefix: str = "oc_", version: str = "auto") -> ShopDatabase:
        databases.append(ShopDatabase(url, prefix=prefix, version=version))
        return databases[-1]

    yield open_
    for database in databases:
        await database.close()


def test_urls_of_shops_get_our_driver_and_its_character_set() -> None:
    for scheme in ("mysql", "mariadb", "mysql+asyncmy", "mariadb+asyncmy"):
        url = engine_url(f"{scheme}://user:pass@host:3307/shop")
        assert (url.drivername, url.query["charset"], url.port) == ("mysql+asyncmy", "utf8mb4", 3307)
    assert engine_url("sqlite:///x.db").drivername == "sqlite+aiosqlite"


@pytest.mark.parametrize("url", ["", "nonsense", "postgresql://user:secret@host/shop", "http://user:secret@host"])
def test_other_urls_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(ShopUnavailable) as refusal:
        engine_url(url)
    assert "secret" not in str(refusal.value)
    assert "mysql://" in str(refusal.value)


async def test_nothing_shows_the_password(opened: Callable[..., ShopDatabase]) -> None:
    database = opened("mysql://user:secret@127.0.0.1:1/shop")
    with pytest.raises(ShopUnavailable) as failure:
        await database.schema()
    assert "127.0.0.1:1/shop" in str(failure.value)
    assert "opencart_url" in str(failure.value)
    shown = repr(failure.value) + repr(failure.value.__cause__) + repr(database) + database.place
    assert "secret" not in shown


async def test_wrong_passwords_and_databases_are_named_as_such(
    mariadb: MariaDB, opened: Callable[..., ShopDatabase]
) -> None:
    with pytest.raises(ShopUnavailable, match="refuses user 'tests'"):
        await opened(mariadb.url("shop", password="wrong")).schema()
    with pytest.raises(ShopUnavailable, match="no database 'nothing'"):
        await opened(mariadb.url("nothing")).schema()


async def test_a_wrong_prefix_is_told_with_the_right_one(
    shop_4_1: World, opened: Callable[..., ShopDatabase], backend: str, make_world: MakeWorld
) -> None:
    with pytest.raises(ShopUnavailable, match="prefix 'oc_'"):
        await opened(shop_4_1.url, "shop_").schema()


async def test_an_empty_database_is_no_shop(tmp_path: Path, opened: Callable[..., ShopDatabase]) -> None:
    with pytest.raises(ShopUnavailable, match=r"config\.php"):
        await opened(f"sqlite:///{tmp_path}/empty.sqlite").schema()


async def test_the_version_is_told_from_columns(world: World) -> None:
    schema = await world.database().schema()
    assert schema.version is world.version


async def test_a_configured_version_is_believed(shop_4_1: World, opened: Callable[..., ShopDatabase]) -> None:
    schema = await opened(shop_4_1.url, version="4.0").schema()
    assert schema.version is Version.V4_0


async def test_nothing_can_be_written(world: World) -> None:
    database = world.database()
    await world.order(1)
    for statement in (
        world.sql("UPDATE {order} SET total = 0"),
        world.sql("DELETE FROM {order}"),
        "CREATE TABLE mine (id INT)",
    ):
        with pytest.raises(ShopUnavailable, match="reading only"):
            async with database.connect() as connection:
                await connection.execute(text(statement))
    assert (await world.rows("SELECT COUNT(*) FROM {order} WHERE total > 0"))[0][0] == 1


@pytest.fixture
async def reader(mariadb: MariaDB, make_world: MakeWorld, version: Version) -> tuple[World, str]:
    """A shop and the URL of an account with SELECT on the listed tables alone."""
    world = await make_world("mariadb", version)
    name = f"reader_{version.replace('.', '_')}"
    database = world.url.rpartition("/")[2]
    await world.run(f"CREATE OR REPLACE USER '{name}'@'127.0.0.1' IDENTIFIED BY 'reading'")
    for table in READABLE:
        if version.is_4 or table not in ONLY_4:
            await world.run(f"GRANT SELECT ON {database}.`oc_{table}` TO '{name}'@'127.0.0.1'")
    return world, mariadb.url(database, user=name, password="reading")


async def test_an_account_that_may_only_read_the_listed_tables_is_enough(reader: tuple[World, str]) -> None:
    world, url = reader
    await world.product(5)
    order_id = await world.order(0, "12.5000")
    await world.history(order_id, 1)
    shop = world.shop(url=url)
    figures = await shop.figures()
    assert (float(figures.revenue.value), figures.active_products.value) == (12.5, 1)
    assert [order.order_id for order in await shop.recent_orders(5)] == [order_id]
    assert [order.order_id for order in await shop.recent_orders(5, ["n11"])] == []
    assert await shop.newest_history_id() > 0
    assert (await shop.marketplace_figures(["n11"]))["n11"].sources["listings"] == "none"
    assert await shop.last_syncs() == {}
    assert await shop.probe() >= 0
    assert (await world.opened[-1].schema()).version is world.version


async def test_a_missing_right_is_named(mariadb: MariaDB, reader: tuple[World, str]) -> None:
    world, url = reader
    shop = world.shop(url=url)
    await shop.figures()
    user = url.partition("//")[2].partition(":")[0]
    await world.run(f"REVOKE SELECT ON oc_product FROM {user}@'127.0.0.1'")  # noqa: S608 - no query
    with pytest.raises(ShopUnavailable, match="lacks SELECT"):
        await shop.figures()
    with pytest.raises(ShopUnavailable, match="oc_product"):
        await shop.figures()


async def test_a_lost_connection_is_made_anew(make_world: MakeWorld) -> None:
    world = await make_world("mariadb", Version.V4_1)
    await world.order(1, "3")
    shop = world.shop()
    assert (await shop.figures()).revenue.value == 3
    own = (await world.rows("SELECT CONNECTION_ID()"))[0][0]
    database = world.url.rpartition("/")[2]
    others = await world.rows("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = ? AND ID <> ?", database, own)
    assert others
    for (identity,) in others:
        try:
            await world.run(f"KILL {identity}")
        except MySQLError as error:
            if error.args[0] != 1094:  # there is none: it was closed before, and the server has ended it by now
                raise
    assert (await shop.figures()).revenue.value == 3


async def test_a_statement_that_takes_too_long_is_given_up(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await make_world("mariadb", Version.V4_1)
    database = world.database()
    with monkeypatch.context() as limits:
        limits.setattr(connection_module, "QUERY_SECONDS", 1)
        with pytest.raises(ShopUnavailable):
            async with database.connect() as connection:
                await connection.execute(text("SELECT SLEEP(20)"))
    async with database.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1


async def test_a_server_that_says_nothing_is_given_up(
    opened: Callable[..., ShopDatabase], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "CONNECT_SECONDS", 1)
    held: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _reader, writer: held.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    database = opened(f"mysql://user:secret@127.0.0.1:{port}/shop")
    with pytest.raises(ShopUnavailable, match="did not answer in time"):
        await database.schema()
    await database.close()
    silent.close()
    for writer in held:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_name_and_currency_are_the_shops(world: World) -> None:
    shop = world.shop()
    assert isinstance(shop, OpenCartShop)
    assert (await shop.name(), await shop.currency()) == ("Deneme", ("TRY", 2))


async def test_a_fresh_installation_has_defaults_for_every_setting(
    make_world: MakeWorld, backend: str, version: Version
) -> None:
    world = await make_world(backend, version, basics=False)
    shop = world.shop()
    assert (await shop.name(), await shop.currency()) == ("OpenCart", ("USD", 2))
    await world.order(1, "5")
    await world.order(16, "7")
    figures = await shop.figures()
    assert (figures.revenue.value, figures.revenue_net.value) == (5, 5)


async def test_settings_are_kept_for_a_moment(shop_4_1: World) -> None:
    shop = OpenCartShop(shop_4_1.database(), shop_4_1.clock)
    assert await shop.name() == "Deneme"
    await shop_4_1.set("config_name", "Yeni")
    assert await shop.name() == "Deneme"
    shop_4_1.clock.advance(30)
    assert await shop.name() == "Yeni"


async def test_settings_that_are_no_lists_or_numbers_fall_back(shop_4_1: World) -> None:
    for key in ("config_complete_status", "config_processing_status", "config_void_status_id", "config_session_expire"):
        await shop_4_1.set(key, "{nonsense")
    await shop_4_1.order(5, "1")
    await shop_4_1.order(16, "2")
    figures = await shop_4_1.shop().figures()
    assert (figures.revenue.value, figures.revenue_net.value) == (1, 1)
