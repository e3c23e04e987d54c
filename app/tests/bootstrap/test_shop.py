"""Which ways of following a shop the settings choose."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from meschain.bootstrap.shop import open_shop
from meschain.bootstrap.stores import make_stores
from meschain.services.clock import SystemClock
from meschain.settings import Settings
from meschain.state.database import Database

SHOP = SecretStr("mysql://reader:x@127.0.0.1:1/shop")
SECRET = SecretStr("k3H8-vQz1_pXw7Lm9Rt2Yb5Nc4Jd6Gf0Ss")


async def ways(settings: Settings) -> list[str]:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        database = await Database.open(settings.state_url)
        stack.push_async_callback(database.close)
        parts = open_shop(settings, make_stores(database, clock), clock, stack)
        return [source.name for source in parts.changes]


@pytest.mark.parametrize(
    ("capture", "expected"), [("polling", ["polling"]), ("binlog", ["binary log", "polling"])], ids=str
)
async def test_a_shop_is_followed_as_chosen_and_polled_where_that_is_not_possible(
    tmp_path: Path, capture: str, expected: list[str]
) -> None:
    settings = Settings(data_dir=tmp_path, opencart_url=SHOP, secret=SECRET, capture=capture)  # type: ignore[arg-type] # one of both
    assert await ways(settings) == expected


async def test_the_demo_shop_has_no_binary_log(data_dir: Path) -> None:
    assert await ways(Settings(data_dir=data_dir, capture="binlog")) == ["polling"]
