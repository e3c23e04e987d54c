"""Sums over all orders against those made here by hand, on three schemas and two databases."""

from __future__ import annotations

from decimal import Decimal

from app.tests.opencart.world import World


async def test_all_orders_that_were_bought_are_summed(world: World) -> None:
    bought = {1: "10.1000", 2: "0.2000", 3: "5.0000", 5: "100.0001", 7: "7.0000"}
    for status, total in {**bought, 0: "999.0000", 16: "888.0000"}.items():
        await world.order(status, total, "2019-03-01 10:00:00")
    totals = await world.shop().order_totals.totals()
    assert totals.revenue == sum(map(Decimal, bought.values()))
    assert totals.orders == len(bought)
    # Of the processing statuses that OpenCart comes with, 5 and 3 are complete as well.
    assert totals.pending == 2


async def test_single_orders_are_told_in_the_default_currency(world: World) -> None:
    one = await world.order(1, "12.3400", "2019-03-01 10:00:00", currency="USD")
    await world.order(1, "1.0000", "2019-03-01 10:00:00")
    assert await world.shop().order_totals.amounts([one, one + 1000]) == {one: Decimal("12.3400")}
