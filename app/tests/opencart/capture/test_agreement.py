"""Both ways of following a shop tell the same story."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random

import pytest
from app.tests.opencart.capture.follower import Follower, Log
from app.tests.opencart.capture.test_binlog import by_binlog
from app.tests.opencart.world import TODAY, World

from meschain.domain.events import INVENTORY, ORDER
from meschain.opencart.capture.polling import PollingSource
from meschain.opencart.schema import Version

MakeWorld = Callable[..., Awaitable[World]]


class Workload:
    """What people do in a shop, at random."""

    def __init__(self, world: World, chance: Random) -> None:
        self._world = world
        self._chance = chance
        self._orders: list[int] = []
        self._products: list[int] = []
        self._minute = 0

    async def prepare(self) -> None:
        for _ in range(10):
            self._products.append(await self._world.product(50))

    async def something(self) -> None:
        await self._chance.choice((self._checkout, self._status, self._status, self._edit, self._void, self._sale))()

    async def _checkout(self) -> None:
        self._orders.append(await self._world.order(0))

    async def _status(self) -> None:
        if self._orders:
            await self._write(self._chance.choice(self._orders), self._chance.choice((1, 2, 3, 5, 7)))

    async def _edit(self) -> None:
        if self._orders:
            order_id = self._chance.choice(self._orders)
            date = self._date()
            await self._world.history(order_id, self._chance.choice((0, 16)), date)
            await self._world.history(order_id, 1, date)

    async def _void(self) -> None:
        if self._orders:
            await self._write(self._chance.choice(self._orders), 16)

    async def _sale(self) -> None:
        product = self._chance.choice(self._products)
        for _ in range(self._chance.randint(1, 3)):
            await self._world.run("UPDATE {product} SET quantity = quantity - 1 WHERE product_id = ?", product)

    async def _write(self, order_id: int, status: int) -> None:
        await self._world.history(order_id, status, self._date())

    def _date(self) -> str:
        """A minute later than anything before."""
        self._minute += 1
        return f"{TODAY} {self._minute // 60 % 24:02}:{self._minute % 60:02}:00"


def by_key(log: Log, kind: str, field: str | None = None) -> Mapping[str, Sequence[object]]:
    found: dict[str, list[object]] = defaultdict(list)
    for event in log.events:
        if event.kind == kind:
            found[event.key].append(event.payload[field] if field else event.event_id)
    return found


def is_subsequence(some: Sequence[object], of: Sequence[object]) -> bool:
    rest = iter(of)
    return all(each in rest for each in some)


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_same_events_but_for_stock_in_between(make_world: MakeWorld, seed: int) -> None:
    world = await make_world("mariadb_with_log", Version.V4_1)
    chance = Random(seed)  # noqa: S311 - test data
    workload = Workload(world, chance)
    await workload.prepare()
    polling, binlog = Follower(world, PollingSource), Follower(world, by_binlog)
    for follower in (polling, binlog):
        await follower.start()
    seen = {"polling": Log(), "binlog": Log()}
    for _ in range(12):
        for _ in range(chance.randint(1, 12)):
            await workload.something()
        for name, follower in (("polling", polling), ("binlog", binlog)):
            seen[name].events += (await follower.catch_up()).events
    for name, follower in (("polling", polling), ("binlog", binlog)):
        follower.clock.advance(10)
        seen[name].events += (await follower.catch_up()).events
        await follower.stop()
    assert by_key(seen["polling"], ORDER) == by_key(seen["binlog"], ORDER)
    assert len(seen["binlog"].orders) > 20
    polled, logged = (by_key(seen[name], INVENTORY, "quantity") for name in ("polling", "binlog"))
    for key, quantities in logged.items():
        if key in polled:
            assert is_subsequence(polled[key], quantities), key
            assert polled[key][-1] == quantities[-1]
    rows = await world.rows("SELECT product_id, quantity FROM {product} WHERE sku <> 'sentinel'")
    for product_id, quantity in rows:
        assert logged.get(f"product:{product_id}", [quantity])[-1] == quantity
