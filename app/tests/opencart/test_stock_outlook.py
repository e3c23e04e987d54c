"""Stock against the sales of the last thirty days, on three schemas and two databases."""

from __future__ import annotations

from app.tests.opencart.world import TODAY, World

from meschain.opencart.options import ShopOptions
from meschain.opencart.schema import Version


async def sell(
    world: World, product_id: int, pieces: int, *, status: int = 5, date: str = f"{TODAY} 10:00:00", master_id: int = 0
) -> None:
    order_id = await world.order(status, date=date, items=())
    columns, values = ("", ()) if not world.version.is_4 else (", master_id", (master_id,))
    await world.run(
        f"INSERT INTO {{order_product}} (order_id, product_id, name, model, quantity, price, total{columns})"  # noqa: S608 - one of two literals
        f" VALUES (?, ?, 'x', 'x', ?, '1', '1'{', ?' if values else ''})",
        order_id,
        product_id,
        pieces,
        *values,
    )


async def test_what_runs_out_first_stands_first(shop_4_1: World) -> None:
    world = shop_4_1
    lasts, short, oversold, empty_and_loved, unsold = [
        await world.product(quantity, sku=f"S{number}") for number, quantity in enumerate((15, 13, -2, 0, 3))
    ]
    await sell(world, lasts, 30)  # one a day: fifteen days
    await sell(world, short, 20)
    await sell(world, short, 10)
    await sell(world, oversold, 1)
    await sell(world, empty_and_loved, 9)
    await world.run("INSERT INTO {product_description} (product_id, language_id, name) VALUES (?, 1, 'Bowl')", short)
    outlook = await world.shop().stock_outlook()
    assert [(each.product_id, each.quantity, each.sold) for each in outlook.short] == [
        (empty_and_loved, 0, 9),
        (oversold, -2, 1),
        (short, 13, 30),
    ]
    assert (outlook.short[2].sku, outlook.short[2].name, outlook.short[0].name) == ("S1", "Bowl", "M")
    assert (outlook.out_of_stock.value, outlook.low_stock.value) == (2, 1)
    assert (outlook.risk_days, outlook.sale_days) == (14, 30)
    assert unsold not in {each.product_id for each in outlook.short}
    longer = await world.shop(ShopOptions(stock_risk_days=16)).stock_outlook()
    assert [each.product_id for each in longer.short][-1] == lasts


async def test_exactly_so_many_days_are_enough(shop_4_1: World) -> None:
    enough, one_less = await shop_4_1.product(14), await shop_4_1.product(13)
    for product_id in (enough, one_less):
        await sell(shop_4_1, product_id, 30)
    assert [each.product_id for each in (await shop_4_1.shop().stock_outlook()).short] == [one_less]


async def test_sold_is_what_took_stock_in_the_last_thirty_days(shop_4_1: World) -> None:
    world = shop_4_1
    product_id = await world.product(1)
    # The clock stands at 15:00 in Istanbul.
    await sell(world, product_id, 1, date="2026-05-16 15:00:00")
    await sell(world, product_id, 2, date=f"{TODAY} 14:59:59", status=1)
    await sell(world, product_id, 1000, date="2026-05-16 14:59:59")
    for status in (0, 7, 11, 16):
        await sell(world, product_id, 1000, status=status)
    (short,) = (await world.shop().stock_outlook()).short
    assert short.sold == 3


async def test_what_is_not_for_sale_is_at_no_risk(shop_4_1: World) -> None:
    for product_id in (
        await shop_4_1.product(1, subtract=0),
        await shop_4_1.product(1, status=0),
        await shop_4_1.product(1, available="2026-06-16"),
        4711,
    ):
        await sell(shop_4_1, product_id, 100)
    assert list((await shop_4_1.shop().stock_outlook()).short) == []


async def test_a_variant_takes_from_its_masters_stock_too(world: World) -> None:
    master, variant = await world.product(10), await world.product(2)
    await sell(world, variant, 60, master_id=master)
    short = {each.product_id: each.sold for each in (await world.shop().stock_outlook()).short}
    assert short == ({variant: 60, master: 60} if world.version is not Version.V3_0 else {variant: 60})
