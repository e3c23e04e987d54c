"""The measurement of changes, small: a shop of 60 products, thirty clients, no times."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from changes import SCENARIOS, measure
from follow.plan import Group, Plan

ROOT = Path(__file__).parent.parent
GROUPS = (Group("n11", 10), Group("ebay", 10), Group("etsy", 10, changes=False))
PLAN = Plan(GROUPS, rate=60.0, warm_seconds=1.0, seconds=3.0, products=60, orders=20)


async def test_every_change_reaches_those_that_it_is_for(tmp_path: Path) -> None:
    subprocess.run(["make", "--silent", "build/bench/load"], cwd=ROOT, check=True)
    found = await measure(replace(SCENARIOS[0], page=None), PLAN, tmp_path)
    # Live events come at least once each: on a busy machine some may be told again.
    assert [problem for problem in found["problems"] if "disordered" not in problem] == []
    assert found["commits"] == PLAN.count
    assert found["from_due_ms"]["samples"] >= 10 * (PLAN.count - PLAN.warm)


def test_each_change_is_news() -> None:
    plan = replace(PLAN, seconds=30.0)
    products: dict[int, int] = {}
    orders: dict[int, int] = {number: 1 for number in range(1, plan.orders + 1)}
    for number in range(plan.count):
        if plan.is_order(number):
            assert orders[plan.order(number)] != plan.status(number)
            orders[plan.order(number)] = plan.status(number)
        else:
            products[plan.product(number)] = number
    assert set(products) == set(range(1, plan.products + 1))
    assert set(orders) == set(range(1, plan.orders + 1))


def test_all_changes_are_for_the_groups_that_change() -> None:
    told = PLAN.expected()
    assert told["etsy"] == 0
    assert min(told["n11"], told["ebay"]) > 0
    assert sum(told.values()) == PLAN.count
