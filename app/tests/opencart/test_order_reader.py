"""Orders as the pages see them: recent ones and named ones."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from app.tests.opencart.world import TODAY, World

from meschain.domain.payloads import OrderNotification
from meschain.opencart.options import ShopOptions


def ids(orders: Sequence[OrderNotification]) -> list[int]:
    return [order.order_id for order in orders]


# --- recent and named -----------------------------------------------------------------------------------------------


async def test_recent_orders_are_the_latest_by_date_that_count(world: World) -> None:
    await world.order(1, date=f"{TODAY} 08:00:00")
    newest = await world.order(5, date=f"{TODAY} 12:00:00")
    imported = await world.order(1, date="2026-05-01 00:00:00")
    await world.order(0, date=f"{TODAY} 13:00:00")
    await world.order(16, date=f"{TODAY} 13:00:00")
    middle = await world.order(7, date=f"{TODAY} 09:00:00")
    shop = world.shop()
    assert ids(await shop.recent_orders(2)) == [newest, middle]
    assert ids(await shop.recent_orders(10))[-1] == imported
    assert await shop.recent_orders(0) == []
    assert await shop.recent_orders(5, []) == []


async def test_an_order_is_told_as_its_buyer_saw_it(world: World) -> None:
    order_id = await world.order(1, "1000.1250", f"{TODAY} 10:15:00", currency="USD", rate="0.02380952", items=(2, 3))
    (order,) = await world.shop().recent_orders(5)
    assert order.order_id == order_id
    assert order.total == float((Decimal("1000.1250") * Decimal("0.02380952")).quantize(Decimal("0.01")))
    assert (order.currency, order.currency_decimals, order.item_count) == ("USD", 2, 5)
    assert order.customer == "Ayşe Yılmaz"
    assert order.occurred_at == "2026-06-15T07:15:00.000Z"
    assert order.received_at == "2026-06-15T12:00:00.000Z"
    assert (order.status, order.shop_status) == ("created", "Pending")
    assert (order.marketplace, order.order_number, order.marketplace_order_id) == ("shop", str(order_id), "")


async def test_a_currency_without_decimals_is_rounded_to_whole_ones(shop_4_1: World) -> None:
    await shop_4_1.order(1, "10.5000", currency="JPY", rate="3.50000000")
    (order,) = await shop_4_1.shop().recent_orders(5)
    assert (order.total, order.currency_decimals) == (37.0, 0)


async def test_a_zero_date_and_an_unknown_status_are_no_obstacle(world: World) -> None:
    await world.order(77, date="0000-00-00 00:00:00")
    (order,) = await world.shop().recent_orders(5)
    assert (order.occurred_at, order.shop_status, order.status) == ("", "77", "created")


async def test_status_names_are_in_the_administrations_language(world: World) -> None:
    await world.order(1)
    await world.run("INSERT INTO {language} (language_id, name, code, status) VALUES (2, 'Türkçe', 'tr-tr', 1)")
    await world.set("config_language_admin" if world.version.is_4 else "config_admin_language", "tr-tr")
    (order,) = await world.shop().recent_orders(5)
    assert order.shop_status == "Beklemede"


async def test_the_list_follows_the_history_between_scans(world: World) -> None:
    shop = world.shop()
    first = await world.order(1, date=f"{TODAY} 08:00:00")
    second = await world.order(1, date=f"{TODAY} 09:00:00")
    assert ids(await shop.recent_orders(2)) == [second, first]
    third = await world.order(0, date=f"{TODAY} 10:00:00")
    assert ids(await shop.recent_orders(2)) == [second, first]
    await world.history(third, 1)
    assert ids(await shop.recent_orders(2)) == [third, second]
    await world.history(second, 16)  # drops out, so what comes next has to be looked up
    assert ids(await shop.recent_orders(2)) == [third, first]
    await world.history(third, 5)
    assert (await shop.recent_orders(2))[0].status == "delivered"


async def test_a_change_without_history_is_seen_after_the_next_scan(shop_4_1: World) -> None:
    shop = shop_4_1.shop(ShopOptions(history_scan_seconds=60))
    assert await shop.recent_orders(5) == []
    order_id = await shop_4_1.order(1)
    assert await shop.recent_orders(5) == []
    shop_4_1.clock.advance(61)
    assert ids(await shop.recent_orders(5)) == [order_id]


async def test_named_orders_are_those_that_exist_and_count(world: World) -> None:
    good, begun, void = [await world.order(status) for status in (1, 0, 16)]
    assert ids(await world.shop().orders([void, begun, good, 999])) == [good]
    assert await world.shop().orders([]) == []


# --- marketplaces ---------------------------------------------------------------------------------------------------


async def test_the_marketplace_comes_from_the_link_and_never_from_the_comment(world: World) -> None:
    trendyol, n11 = await world.marketplace("Trendyol"), await world.marketplace("n11")
    own, linked = await world.order(1, date=f"{TODAY} 08:00:00"), await world.order(1, date=f"{TODAY} 09:00:00")
    await world.link(linked, n11, "wrong")
    await world.link(linked, trendyol, "TY-1")  # no unique key: the newer row wins
    shop = world.shop()
    found = {order.order_id: order for order in await shop.recent_orders(5)}
    assert found[own].marketplace == "shop"
    assert (found[linked].marketplace, found[linked].order_number) == ("trendyol", "TY-1")
    assert ids(await shop.recent_orders(5, ["trendyol"])) == [linked]
    assert await shop.recent_orders(5, ["n11"]) == []


async def test_other_generations_of_link_tables_are_read(shop_4_1: World) -> None:
    world = shop_4_1
    one, two, three = [await world.order(1) for _ in range(3)]
    await world.link(one, await world.marketplace("n11"), "old")
    await world.run(
        "CREATE TABLE {meschain_order_mapping} (mapping_id INTEGER PRIMARY KEY, opencart_order_id INT,"
        " marketplace VARCHAR(50), marketplace_order_id VARCHAR(100))"
    )
    await world.run(
        "CREATE TABLE oc_trendyol_orders (trendyol_order_id INTEGER PRIMARY KEY, opencart_order_id INT,"
        " order_number VARCHAR(100))"
    )
    await world.run("INSERT INTO {meschain_order_mapping} VALUES (1, ?, 'etsy', 'E-1')", one)
    await world.run("INSERT INTO oc_trendyol_orders VALUES (1, ?, 'T-1')", two)
    await world.run("INSERT INTO oc_trendyol_orders VALUES (2, ?, 'T-2')", one)
    found = {o.order_id: (o.marketplace, o.order_number) for o in await world.shop().recent_orders(5)}
    assert found == {one: ("etsy", "E-1"), two: ("trendyol", "T-1"), three: ("shop", str(three))}


async def test_a_literal_prefix_in_the_old_extensions_tables_is_found(make_world: object, backend: str) -> None:
    assert callable(make_world)
    from meschain.opencart.schema import Version

    world: World = await make_world(backend, Version.V4_1, prefix="shop_", with_meschain=False)
    order_id = await world.order(1)
    await world.run(
        "CREATE TABLE oc_meschain_order_mapping (mapping_id INTEGER PRIMARY KEY, opencart_order_id INT,"
        " marketplace VARCHAR(50), marketplace_order_id VARCHAR(100))"
    )
    await world.run("INSERT INTO oc_meschain_order_mapping VALUES (1, ?, 'ozon', 'O-1')", order_id)
    (order,) = await world.shop().recent_orders(5)
    assert order.marketplace == "ozon"


async def test_the_end_of_the_history_is_known(world: World) -> None:
    shop = world.shop()
    assert await shop.newest_history_id() == 0
    newest = await world.history(await world.order(0), 1)
    assert await shop.newest_history_id() == newest
