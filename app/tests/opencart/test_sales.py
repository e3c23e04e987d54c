"""Months of sales against sums made here by hand, on three schemas and two databases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from app.tests.opencart.clock import ManualClock
from app.tests.opencart.world import World

from meschain.opencart.options import ShopOptions
from meschain.opencart.schema import Version
from meschain.services.ports import MonthOfCheckouts, SalesHistory

MakeWorld = Callable[..., Awaitable[World]]


def lines(history: SalesHistory) -> dict[tuple[str, str], tuple[int, Decimal]]:
    return {(each.month, each.marketplace): (each.orders, each.revenue) for each in history.sales}


async def test_they_equal_sums_made_by_hand(world: World) -> None:
    random = Random(11)  # noqa: S311 - test data
    ids = {code: await world.marketplace(code) for code in ("trendyol", "n11")}
    expected: dict[tuple[str, str], tuple[int, Decimal]] = {}
    for _ in range(90):
        date = datetime(2026, 2, 20, tzinfo=UTC) + timedelta(seconds=random.randrange(115 * 86400))
        status = random.choice((0, 1, 2, 3, 5, 5, 7, 11, 16))
        total = Decimal(random.randrange(1, 900_000_000)) / 10_000
        code = random.choice(("shop", "shop", "trendyol", "n11"))
        order_id = await world.order(status, f"{total:.4f}", date.strftime("%Y-%m-%d %H:%M:%S"), items=())
        if code != "shop":
            await world.link(order_id, ids[code], "x")
        month = date.strftime("%Y-%m")
        if status not in {0, 16} and month >= "2026-03":
            count, sum_before = expected.get((month, code), (0, Decimal(0)))
            expected[month, code] = (count + 1, sum_before + total)
    history = await world.shop().sales_history(4)
    assert list(history.months) == ["2026-03", "2026-04", "2026-05", "2026-06"]
    assert lines(history) == expected
    assert len(expected) > 8
    assert (history.currency, history.currency_decimals) == ("TRY", 2)
    assert history.sources["marketplaces"] == "oc_meschain_order"


async def test_amounts_that_no_float_holds_are_added_exactly(shop_4_1: World) -> None:
    for total in ("0.1", "0.2", "99999999999.9999", "99999999999.9999", "0.0001", "-12.3456"):
        await shop_4_1.order(1, total)
    history = await shop_4_1.shop().sales_history(1)
    assert lines(history)["2026-06", "shop"] == (6, Decimal("199999999987.9543"))
    assert (await shop_4_1.shop().figures()).revenue.value == Decimal("199999999987.9543")


async def test_months_are_the_stores_also_across_the_end_of_summer_time(make_world: MakeWorld, backend: str) -> None:
    world = await make_world(backend, Version.V4_1)
    await world.set("config_timezone", "Europe/Berlin")
    # 00:30 in Berlin on the first of November 2026, still October in UTC; clocks went back a week before.
    world.clock = ManualClock(datetime(2026, 10, 31, 23, 30, tzinfo=UTC))
    for date in ("2026-09-30 23:59:59", "2026-10-01 00:00:00", "2026-10-25 02:30:00", "2026-10-31 23:59:59"):
        await world.order(1, "1", date)
    await world.order(1, "1", "2026-11-01 00:10:00")
    history = await world.shop().sales_history(2)
    assert list(history.months) == ["2026-10", "2026-11"]
    assert lines(history) == {("2026-10", "shop"): (3, Decimal(3)), ("2026-11", "shop"): (1, Decimal(1))}


async def test_a_year_goes_back_over_new_year(shop_4_1: World) -> None:
    months = list((await shop_4_1.shop().sales_history(36)).months)
    assert (months[0], months[17], months[18], months[-1], len(months)) == (
        *("2023-07", "2024-12", "2025-01", "2026-06"),
        36,
    )


async def test_orders_count_by_the_shops_rule(shop_4_1: World) -> None:
    for status in (0, 1, 5, 7, 16):
        await shop_4_1.order(status, "10")
    found = {}
    for rule in ("gross", "net", "opencart"):
        options = ShopOptions(revenue_rule=rule)
        history = await shop_4_1.shop(options).sales_history(1)
        found[rule] = lines(history)["2026-06", "shop"][0]
    assert found == {"gross": 3, "net": 2, "opencart": 4}


async def test_the_newest_link_of_the_first_table_that_knows_an_order_counts_once(shop_4_1: World) -> None:
    world = shop_4_1
    await world.run(
        "CREATE TABLE {meschain_order_mapping} (mapping_id INTEGER PRIMARY KEY, opencart_order_id INT,"
        " marketplace VARCHAR(50), marketplace_order_id VARCHAR(50))"
    )
    # Without a key, and named by the literal prefix of the old package.
    await world.run("CREATE TABLE oc_trendyol_orders (opencart_order_id INT, order_number VARCHAR(50))")
    ozon = await world.marketplace("ozon")
    mapped, linked, twice, unnamed = [await world.order(1, "10") for _ in range(4)]
    for number, (order_id, code) in enumerate(((mapped, "etsy"), (mapped, " Amazon "), (unnamed, ""), (999, "n11"))):
        await world.run("INSERT INTO {meschain_order_mapping} VALUES (?, ?, ?, 'x')", number, order_id, code)
    for order_id in (mapped, linked, linked):
        await world.link(order_id, ozon, "x")
    for order_id in (linked, twice, twice):
        await world.run("INSERT INTO oc_trendyol_orders VALUES (?, 'x')", order_id)
    shop = world.shop()
    history = await shop.sales_history(1)
    assert lines(history) == {
        ("2026-06", "amazon"): (1, Decimal(10)),
        ("2026-06", "ozon"): (1, Decimal(10)),
        ("2026-06", "trendyol"): (1, Decimal(10)),
        ("2026-06", "shop"): (1, Decimal(10)),
    }
    named = {order.order_id: order.marketplace for order in await shop.recent_orders(9)}
    assert named == {mapped: "amazon", linked: "ozon", twice: "trendyol", unnamed: "shop"}


async def test_checkouts_are_those_of_the_shop_itself(world: World) -> None:
    trendyol = await world.marketplace("trendyol")
    await world.link(await world.order(5, email="t@example.com"), trendyol, "x")
    await world.order(5, email="a@example.com")
    await world.order(0, email="a@example.com")
    await world.order(0, email="b@example.com")
    await world.order(16, email="", ip="198.18.0.9")
    await world.order(1, date="2026-05-31 23:59:59", email="c@example.com")
    history = await world.shop().sales_history(2)
    # 3.x writes a row for each visit of the confirm page: there people count.
    june = MonthOfCheckouts(4, 1) if world.version.is_4 else MonthOfCheckouts(3, 1)
    assert history.checkouts == {"2026-05": MonthOfCheckouts(1, 1), "2026-06": june}
    assert ("by buyer" in history.sources["conversion"]) == (not world.version.is_4)


async def test_a_shop_without_orders_and_link_tables_says_so(make_world: MakeWorld, backend: str) -> None:
    world = await make_world(backend, Version.V4_1, with_meschain=False)
    history = await world.shop().sales_history(2)
    assert (list(history.sales), dict(history.checkouts), len(history.months)) == ([], {}, 2)
    assert (history.sources["marketplaces"], history.sources["conversion"]) == ("none", "none")
    await world.order(5, "12.5")
    after = await world.shop().sales_history(2)
    assert lines(after) == {("2026-06", "shop"): (1, Decimal("12.5"))}
    assert after.checkouts == {"2026-06": MonthOfCheckouts(1, 1)}
