"""Log-ins to the shop's administration."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from app.tests.opencart.clock import ManualClock
from app.tests.opencart.world import World

from meschain.opencart.logins import ShopLogin, ShopLogins
from meschain.opencart.schema import Version

MakeWorld = Callable[..., Awaitable[World]]


async def log_in(world: World, user_id: int) -> int:
    return await world.insert(
        "INSERT INTO {user_login} (user_id, ip, user_agent, date_added)"
        " VALUES (?, '198.18.0.9', 'x', '2026-06-15 15:00:00')",
        user_id,
    )


async def test_those_after_the_beginning_are_told(shop_4_1: World) -> None:
    world = shop_4_1
    user_id = await world.insert(
        "INSERT INTO {user} (user_group_id, username, password, firstname, lastname, status, date_added)"
        " VALUES (1, 'selma', 'x', 'Selma', 'Aydın', 1, '2026-01-01 00:00:00')"
    )
    await log_in(world, user_id)
    shop = world.shop()
    found: asyncio.Queue[list[ShopLogin]] = asyncio.Queue()

    async def watch() -> None:
        async for logins in ShopLogins(world.opened[-1], shop.settings, world.clock).new():
            found.put_nowait(list(logins))

    task = asyncio.create_task(watch())
    await world.clock.until_asleep()
    assert found.empty()
    login_id = await log_in(world, user_id)
    world.clock.advance(5)
    async with asyncio.timeout(20):
        logins = await found.get()
    assert logins == [
        ShopLogin(login_id, "Selma Aydın", "selma", "198.18.0.9", datetime(2026, 6, 15, 12, 0, tzinfo=UTC))
    ]
    await world.clock.until_asleep()
    world.clock.advance(5)
    await world.clock.until_asleep()
    assert found.empty()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_3_x_has_nothing_to_tell(make_world: MakeWorld, backend: str) -> None:
    world = await make_world(backend, Version.V3_0)
    shop = world.shop()
    clock = ManualClock()
    logins = ShopLogins(world.opened[-1], shop.settings, clock).new()
    task = asyncio.ensure_future(anext(logins))
    for _ in range(3):
        await clock.until_asleep()
        clock.advance(5)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
