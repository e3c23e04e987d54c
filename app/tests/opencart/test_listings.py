"""Marketplaces today, their listings and last syncs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal

from app.tests.opencart.world import TODAY, World

from meschain.opencart.listings import STOCK_ROWS
from meschain.opencart.options import ShopOptions
from meschain.opencart.schema import Version

MakeWorld = Callable[..., Awaitable[World]]


async def test_todays_orders_are_counted_per_marketplace(world: World) -> None:
    trendyol, n11 = await world.marketplace("trendyol"), await world.marketplace("n11")
    for marketplace, status, total, date in (
        (trendyol, 1, "0.1", f"{TODAY} 00:00:00"),
        (trendyol, 5, "0.2", f"{TODAY} 23:59:59"),
        (trendyol, 16, "100", f"{TODAY} 10:00:00"),
        (trendyol, 0, "100", f"{TODAY} 10:00:00"),
        (trendyol, 1, "100", "2026-06-14 23:59:59"),
        (n11, 7, "5", f"{TODAY} 10:00:00"),
    ):
        await world.link(await world.order(status, total, date), marketplace, "x")
    await world.order(1, "1000")
    found = await world.shop().marketplace_figures(["trendyol", "n11", "etsy"])
    assert (found["trendyol"].orders_today, found["trendyol"].revenue_today) == (2, Decimal("0.3"))
    assert (found["n11"].orders_today, found["n11"].revenue_today) == (1, Decimal(5))
    assert (found["etsy"].orders_today, found["etsy"].listings) == (0, 0)
    assert found["etsy"].sources["ordersToday"] == "oc_meschain_order"
    net = await world.shop(ShopOptions(revenue_rule="net")).marketplace_figures(["n11"])
    assert net["n11"].orders_today == 0


async def test_listings_are_compared_with_the_shops_stock(world: World) -> None:
    etsy = await world.marketplace("etsy")
    equal, apart, oversold = [
        await world.product(quantity, sku=f"S{number}") for number, quantity in enumerate((10, 3, -2))
    ]
    await world.listing(equal, etsy, 7)
    await world.listing(equal, etsy, 10)  # the newer row of the same product
    await world.listing(apart, etsy, 9)
    await world.listing(oversold, etsy, 0)  # nothing to sell is nothing listed
    await world.listing(4711, etsy, 1)  # a product that is gone
    await world.run("INSERT INTO {product_description} (product_id, language_id, name) VALUES (?, 1, 'Bowl')", apart)
    figures = (await world.shop().marketplace_figures(["etsy"]))["etsy"]
    assert (figures.listings, figures.listings_out_of_step) == (3, 1)
    assert [(row.product_id, row.in_step) for row in figures.stock] == [
        (apart, False),
        (oversold, True),
        (equal, True),
    ]
    first = figures.stock[0]
    assert (first.sku, first.name, first.quantity, first.listed_quantity) == ("S1", "Bowl", 3, 9)
    assert figures.stock[1].name == "M"


async def test_at_most_so_many_products_are_shown(shop_4_1: World) -> None:
    marketplace = await shop_4_1.marketplace("ozon")
    for number in range(STOCK_ROWS + 5):
        await shop_4_1.listing(await shop_4_1.product(number + 1), marketplace, number + 1 if number < 52 else 0)
    figures = (await shop_4_1.shop().marketplace_figures(["ozon"]))["ozon"]
    assert (figures.listings, len(figures.stock)) == (STOCK_ROWS + 5, STOCK_ROWS)
    assert [row.in_step for row in figures.stock[:4]] == [False, False, False, True]


async def test_without_the_old_tables_nothing_has_a_source(
    make_world: MakeWorld, backend: str, version: Version
) -> None:
    world = await make_world(backend, version, with_meschain=False)
    await world.order(1)
    figures = (await world.shop().marketplace_figures(["amazon"]))["amazon"]
    assert set(figures.sources.values()) == {"none"}
    assert (figures.orders_today, figures.listings, list(figures.stock)) == (0, 0, [])
    assert await world.shop().last_syncs() == {}
    (order,) = await world.shop().recent_orders(5)
    assert order.marketplace == "shop"
    assert await world.shop().recent_orders(5, ["amazon"]) == []
    assert await world.shop().marketplace_figures([]) == {}


async def test_listings_without_a_quantity_are_counted_and_not_compared(make_world: MakeWorld, backend: str) -> None:
    world = await make_world(backend, Version.V4_1)
    await world.run("DROP TABLE {meschain_product}")
    await world.run(
        "CREATE TABLE {meschain_product} (meschain_product_id INTEGER PRIMARY KEY, product_id INT, marketplace_id INT)"
    )
    marketplace, product = await world.marketplace("ebay"), await world.product(5)
    await world.run("INSERT INTO {meschain_product} VALUES (1, ?, ?)", product, marketplace)
    figures = (await world.shop().marketplace_figures(["ebay"]))["ebay"]
    assert (figures.listings, figures.listings_out_of_step, list(figures.stock)) == (1, 0, [])
    assert figures.sources["listings"] == "oc_meschain_product"
    assert figures.sources["listingsOutOfStep"] == "none"


async def test_the_last_sync_comes_from_the_first_table_that_knows_it(world: World) -> None:
    trendyol, n11, etsy = [await world.marketplace(code) for code in ("trendyol", "n11", "etsy")]
    product = await world.product(1)
    await world.listing(product, trendyol, 1, "2026-06-01 10:00:00")
    await world.listing(product, n11, 1, "2026-06-02 10:00:00", "error")
    await world.listing(product, n11, 1, "0000-00-00 00:00:00")
    await world.listing(product, etsy, 1, None)
    await world.run(
        "CREATE TABLE oc_trendyol_sync_logs (log_id INTEGER PRIMARY KEY, status VARCHAR(20), created_at DATETIME)"
    )
    await world.run("INSERT INTO oc_trendyol_sync_logs VALUES (1, 'error', '2026-06-03 10:00:00')")
    await world.run("INSERT INTO oc_trendyol_sync_logs VALUES (2, 'partial', '2026-06-04 10:00:00')")
    for code, status, date in (
        ("amazon", "error", "2026-06-05 10:00:00"),
        ("amazon", "success", "2026-06-06 10:00:00"),
    ):
        await world.run(
            "INSERT INTO {meschain_sync_log} (marketplace, operation, status, created_at) VALUES (?, 'sync', ?, ?)",
            code,
            status,
            date,
        )
    found = await world.shop().last_syncs()
    assert {code: (last.status, last.finished_at, last.source) for code, last in found.items()} == {
        "amazon": ("success", datetime(2026, 6, 6, 7, 0, tzinfo=UTC), "oc_meschain_sync_log"),
        "trendyol": ("warning", datetime(2026, 6, 4, 7, 0, tzinfo=UTC), "oc_trendyol_sync_logs"),
        "n11": ("error", datetime(2026, 6, 2, 7, 0, tzinfo=UTC), "oc_meschain_product.last_sync"),
    }


async def test_the_last_syncs_are_kept_for_a_moment(shop_4_1: World) -> None:
    shop = shop_4_1.shop(ShopOptions(sync_history_seconds=10))
    assert await shop.last_syncs() == {}
    await shop_4_1.run(
        "INSERT INTO {meschain_sync_log} (marketplace, operation, status, created_at)"
        " VALUES ('n11', 'sync', 'odd', '2026-06-06 10:00:00')"
    )
    assert await shop.last_syncs() == {}
    shop_4_1.clock.advance(10)
    assert (await shop.last_syncs())["n11"].status == "unknown"


async def test_listed_stock_is_found_by_sku(world: World) -> None:
    trendyol, n11 = await world.marketplace("trendyol"), await world.marketplace("n11")
    product, other = await world.product(5), await world.product(7)
    await world.listing(product, trendyol, 4)
    await world.listing(other, n11, 7)
    shop = world.shop()
    [listed] = (await shop.marketplace_figures(["trendyol"]))["trendyol"].stock
    assert await shop.listed_stock("trendyol", [listed.sku, "nobody's"]) == {listed.sku: listed}
    assert (listed.quantity, listed.listed_quantity) == (5, 4)
    assert await shop.listed_stock("etsy", [listed.sku]) == {}
    assert await shop.listed_stock("trendyol", []) == {}
