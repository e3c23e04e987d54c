"""The demo shop: a real database with people in it, the same for the same seed."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random, SystemRandom

import pytest
from app.tests.opencart.clock import ManualClock
from app.tests.opencart.test_accounts import OwnRows

from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.roles import Role
from meschain.opencart.accounts import OpenCartAccounts
from meschain.opencart.connection import ShopDatabase
from meschain.opencart.demo.catalogue import MARKETPLACE_SHARE, PRODUCTS, STATUS_NAMES
from meschain.opencart.demo.drafts import draft_order
from meschain.opencart.demo.seed import ZONE
from meschain.opencart.demo.shop import DemoShop
from meschain.opencart.store import OpenCartShop
from meschain.opencart.store_time import local_text
from meschain.services.ports import ShopUnavailable, SyncFailed, SyncJob, SyncStep


@pytest.fixture
def raw(demo_shop: DemoShop) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(demo_shop.path, isolation_level=None)
    yield connection
    connection.close()


@pytest.fixture
async def adapter(demo_shop: DemoShop, demo_clock: ManualClock) -> AsyncIterator[OpenCartShop]:
    database = ShopDatabase(demo_shop.url)
    yield OpenCartShop(database, demo_clock)
    await database.close()


def job(marketplace: str) -> SyncJob:
    return SyncJob(
        id="j1",
        marketplace=marketplace,
        status="running",
        requested_by="own:1",
        progress=0,
        processed=0,
        failed=0,
        total=0,
        message="",
        created_at=datetime(2026, 6, 15, tzinfo=UTC),
        started_at=None,
        finished_at=None,
        report_token_hash="",
    )


async def steps_of(shop: DemoShop, marketplace: str) -> list[SyncStep]:
    return [step async for step in shop.sync_runner.run(job(marketplace), "")]


def dump(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        lines = list(connection.iterdump())
    connection.close()
    return lines


def test_the_catalogue_is_one(demo_clock: ManualClock) -> None:
    assert len(PRODUCTS) == 60
    assert len({product.sku for product in PRODUCTS}) == 60
    assert all(product.price > 0 and product.turkish and product.english for product in PRODUCTS)
    assert set(MARKETPLACE_SHARE) == {"shop", *MARKETPLACES}
    assert sum(MARKETPLACE_SHARE.values()) == 100


async def test_the_same_seed_gives_the_same_shop(tmp_path: Path) -> None:
    dumps = []
    for name in ("one", "two"):
        shop = await DemoShop.open(tmp_path / name, clock=ManualClock(), random=Random(3))  # noqa: S311 - test data
        await shop.driver().place_order()
        await shop.close()
        dumps.append(dump(tmp_path / name))
    assert dumps[0] == dumps[1]


async def test_only_its_owner_may_read_it(tmp_path: Path, demo_clock: ManualClock) -> None:
    path = tmp_path / "shop.db"
    shop = await DemoShop.open(path, clock=demo_clock, random=SystemRandom())
    try:
        modes = {entry.name: entry.stat().st_mode & 0o777 for entry in os.scandir(tmp_path)}
    finally:
        await shop.close()
    assert modes["shop.db"] == 0o600
    assert set(modes.values()) == {0o600}


async def test_its_past_looks_like_a_shops(raw: sqlite3.Connection, demo_clock: ManualClock) -> None:
    total, first, last = raw.execute("SELECT COUNT(*), MIN(date_added), MAX(date_added) FROM oc_order").fetchone()
    assert total > 3000
    now = demo_clock.now()
    assert first[:10] in {local_text(now - timedelta(days=365 - days), ZONE)[:10] for days in (0, 1)}
    assert local_text(now - timedelta(hours=2), ZONE) <= last <= local_text(now, ZONE)
    statuses = {status for (status,) in raw.execute("SELECT DISTINCT order_status_id FROM oc_order")}
    assert {0, 1, 2, 3, 5, 7, 16} <= statuses <= {0, *STATUS_NAMES}
    by_hour = dict(raw.execute("SELECT substr(date_added, 12, 2), COUNT(*) FROM oc_order GROUP BY 1"))
    assert by_hour["20"] > 5 * by_hour["03"]
    codes = {
        code
        for (code,) in raw.execute(
            "SELECT DISTINCT m.code FROM oc_meschain_order AS o"
            " JOIN oc_meschain_marketplace AS m USING (marketplace_id)"
        )
    }
    assert codes == set(MARKETPLACES)
    # Every order's total is the sum of its lines, and its history ends in its status.
    wrong = 0
    for order_id, order_total in raw.execute(
        "SELECT order_id, total FROM oc_order ORDER BY order_id LIMIT 300"
    ).fetchall():
        lines = raw.execute("SELECT code, value FROM oc_order_total WHERE order_id = ?", (order_id,)).fetchall()
        values = {code: Decimal(value) for code, value in lines}
        wrong += Decimal(order_total) != values["total"]
        wrong += values["total"] != values["sub_total"] + values["shipping"] + values["tax"]
    assert wrong == 0
    bad = raw.execute(
        "SELECT COUNT(*) FROM oc_order AS o LEFT JOIN (SELECT order_id, MAX(order_history_id) AS newest"
        " FROM oc_order_history GROUP BY order_id) AS n USING (order_id)"
        " LEFT JOIN oc_order_history AS h ON h.order_history_id = n.newest"
        " WHERE o.order_status_id <> COALESCE(h.order_status_id, 0)"
    ).fetchone()
    assert bad == (0,)


async def test_its_figures_are_alive(adapter: OpenCartShop) -> None:
    figures = await adapter.figures()
    assert figures.currency == "TRY"
    assert figures.revenue.value > 0
    assert 0 < figures.conversion_rate.value < 20
    for figure in (figures.active_sessions, figures.active_users, figures.daily_transactions, figures.active_products):
        assert figure.value > 0
        assert figure.source != "none"
    assert figures.out_of_stock.value > 0
    assert figures.low_stock.value > 0
    marketplaces = await adapter.marketplace_figures(list(MARKETPLACES))
    assert all(found.listings > 30 for found in marketplaces.values())
    assert sum(found.listings_out_of_step for found in marketplaces.values()) > 5
    assert set(await adapter.last_syncs()) == set(MARKETPLACES)


@pytest.mark.parametrize("marketplace", ["trendyol", "etsy", "shop"])
async def test_an_order_placed_is_seen_everywhere(
    demo_shop: DemoShop, adapter: OpenCartShop, raw: sqlite3.Connection, marketplace: str
) -> None:
    before = await adapter.figures()
    cursor = await adapter.newest_history_id()
    stock = dict(raw.execute("SELECT product_id, quantity FROM oc_product"))
    order_id = await demo_shop.driver().place_order(marketplace)
    after = await adapter.figures()
    (total,) = raw.execute("SELECT total FROM oc_order WHERE order_id = ?", (order_id,)).fetchone()
    assert after.daily_transactions.value == before.daily_transactions.value + 1
    assert Decimal(after.revenue.value) - Decimal(before.revenue.value) == Decimal(total)
    assert await adapter.newest_history_id() > cursor
    (order,) = await adapter.orders([order_id])
    assert (order.marketplace, order.status) == (marketplace, "created")
    assert (await adapter.recent_orders(5))[0].order_id == order_id
    now = dict(raw.execute("SELECT product_id, quantity FROM oc_product"))
    sold = dict(raw.execute("SELECT product_id, quantity FROM oc_order_product WHERE order_id = ?", (order_id,)))
    assert {product: stock[product] - now[product] for product in stock if stock[product] != now[product]} == sold


async def test_a_checkout_is_no_order_before_it_is_confirmed(
    demo_shop: DemoShop, adapter: OpenCartShop, demo_clock: ManualClock
) -> None:
    driver = demo_shop.driver()
    before = (await adapter.figures()).daily_transactions.value
    draft = draft_order(Random(1), "n11")  # noqa: S311 - test data
    order_id = await driver.begin_checkout(draft)
    assert (await adapter.figures()).daily_transactions.value == before
    assert await adapter.orders([order_id]) == []
    await driver.confirm(order_id, draft)
    assert (await adapter.figures()).daily_transactions.value == before + 1


async def test_orders_placed_at_once_do_not_collide(demo_shop: DemoShop, raw: sqlite3.Connection) -> None:
    driver = demo_shop.driver()
    orders = await asyncio.gather(*(driver.place_order() for _ in range(8)))
    assert len(set(orders)) == 8
    for order_id in orders:
        assert raw.execute("SELECT order_status_id FROM oc_order WHERE order_id = ?", (order_id,)).fetchone() == (1,)


async def test_a_sync_brings_a_marketplace_into_step(
    demo_shop: DemoShop, adapter: OpenCartShop, raw: sqlite3.Connection, demo_clock: ManualClock
) -> None:
    others = "SELECT meschain_product_id, quantity FROM oc_meschain_product WHERE marketplace_id <> 3"
    before = raw.execute(others).fetchall()
    raw.execute(
        "UPDATE oc_product SET quantity = -2 WHERE product_id = (SELECT product_id FROM oc_meschain_product"
        " WHERE marketplace_id = 3 LIMIT 1)"
    )
    slept = len(demo_clock.slept)
    steps = await steps_of(demo_shop, "trendyol")
    assert (await adapter.marketplace_figures(["trendyol"]))["trendyol"].listings_out_of_step == 0
    assert raw.execute(others).fetchall() == before
    changed = [update for step in steps for update in step.changed]
    assert changed
    assert {update.marketplace for update in changed} == {"trendyol"}
    assert {update.reason for update in changed} == {"sync"}
    for update in changed:
        (listed,) = raw.execute(
            "SELECT quantity FROM oc_meschain_product WHERE marketplace_id = 3 AND product_id = ?", (update.product_id,)
        ).fetchone()
        assert listed == update.listed_quantity == max(0, update.quantity)
    assert (steps[0].processed, steps[-1].processed) == (0, steps[-1].total)
    assert [step.processed for step in steps] == sorted(step.processed for step in steps)
    assert steps[-1].failed == 0
    assert sum(demo_clock.slept[slept:]) > 1  # a few seconds of the marketplace's time
    (log,) = raw.execute("SELECT marketplace, status, message FROM oc_meschain_sync_log").fetchall()
    assert log[:2] == ("trendyol", "success")
    demo_clock.advance(60)
    last = (await adapter.last_syncs())["trendyol"]
    assert (last.status, last.source) == ("success", "oc_meschain_sync_log")


async def test_a_sync_finds_orders_without_a_counterpart(demo_shop: DemoShop, raw: sqlite3.Connection) -> None:
    raw.execute(
        "INSERT INTO oc_meschain_order (order_id, marketplace_id, marketplace_order_id, status, total, currency_code,"
        " date_added, date_modified) VALUES (999999, 3, 'x', 'imported', '1', 'TRY', '2026-01-01', '2026-01-01')"
    )
    steps = await steps_of(demo_shop, "trendyol")
    assert steps[-1].failed == 1
    assert raw.execute("SELECT status FROM oc_meschain_sync_log").fetchone() == ("warning",)
    statuses = dict(raw.execute("SELECT status, COUNT(*) FROM oc_meschain_order WHERE marketplace_id = 3 GROUP BY 1"))
    assert statuses["error"] == 1
    assert statuses["synced"] == 19


async def test_there_are_only_so_many_marketplaces(demo_shop: DemoShop) -> None:
    with pytest.raises(SyncFailed, match="gittigidiyor"):
        await steps_of(demo_shop, "gittigidiyor")


async def test_a_shop_that_cannot_be_written_fails_the_sync(demo_shop: DemoShop, raw: sqlite3.Connection) -> None:
    raw.execute("DROP TABLE oc_meschain_product")
    with pytest.raises(SyncFailed, match="missing"):
        await steps_of(demo_shop, "trendyol")
    raw.execute("DROP TABLE oc_product")
    with pytest.raises(ShopUnavailable):
        await demo_shop.driver().place_order()


async def test_its_people_keep_it_going(demo_shop: DemoShop, raw: sqlite3.Connection) -> None:
    driver = demo_shop.driver()
    counts = "SELECT (SELECT COUNT(*) FROM oc_session), (SELECT COUNT(*) FROM oc_product_report)"
    before = raw.execute(counts).fetchone()
    for _ in range(10):
        await driver.visit()
    after = raw.execute(counts).fetchone()
    assert after[0] > before[0]
    assert after[1] > before[1]
    await driver.log_in()
    await driver.log_in()
    assert raw.execute("SELECT COUNT(*) FROM oc_user_login").fetchone() == (2,)
    assert raw.execute("SELECT COUNT(*) FROM oc_session WHERE data LIKE '%user_id%'").fetchone() == (1,)
    stock = raw.execute("SELECT product_id, quantity FROM oc_product").fetchall()
    await driver.move_stock()
    changed = set(raw.execute("SELECT product_id, quantity FROM oc_product").fetchall()) - set(stock)
    assert len(changed) <= 1
    open_orders = "SELECT COUNT(*) FROM oc_order WHERE order_status_id IN (1, 2, 3)"
    (waiting,) = raw.execute(open_orders).fetchone()
    history = raw.execute("SELECT COUNT(*) FROM oc_order_history").fetchone()[0]
    await driver.advance_orders()
    assert raw.execute(open_orders).fetchone()[0] <= waiting
    assert raw.execute("SELECT COUNT(*) FROM oc_order_history").fetchone()[0] == history + 3


async def test_the_driver_runs_until_it_is_cancelled_and_asks_for_syncs(demo_shop: DemoShop) -> None:
    asked: list[str] = []
    enough = asyncio.Event()

    async def start_sync(code: str) -> None:
        asked.append(code)
        if len(asked) >= 2:
            enough.set()
        raise RuntimeError("refused")  # which is no reason to close the shop

    task = asyncio.create_task(demo_shop.driver(start_sync).run())
    async with asyncio.timeout(60):
        await enough.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert set(asked) <= set(MARKETPLACES)
    assert task.cancelled()


async def test_after_a_long_stop_the_missing_days_are_filled_in(tmp_path: Path) -> None:
    path, clock = tmp_path / "demo.sqlite", ManualClock()
    shop = await DemoShop.open(path, clock=clock, random=Random(1))  # noqa: S311 - test data
    await shop.close()
    with sqlite3.connect(path) as raw:
        (before,) = raw.execute("SELECT COUNT(*) FROM oc_order").fetchone()
    raw.close()
    clock.advance(5 * 86400)
    shop = await DemoShop.open(path, clock=clock, random=Random(1))  # noqa: S311 - test data
    database = ShopDatabase(shop.url)
    figures = await OpenCartShop(database, clock).figures()
    await database.close()
    assert shop.filled > 100
    assert figures.daily_transactions.value > 5
    assert figures.active_sessions.value > 5
    await shop.close()
    with sqlite3.connect(path) as raw:
        days = raw.execute("SELECT COUNT(DISTINCT substr(date_added, 1, 10)), COUNT(*) FROM oc_order").fetchone()
    raw.close()
    assert days[0] >= 365
    assert days[1] > before + 100


async def test_after_a_short_stop_nothing_is_made_up(demo_shop: DemoShop, demo_clock: ManualClock) -> None:
    await demo_shop.driver().place_order()
    demo_clock.advance(60)
    again = await DemoShop.open(demo_shop.path, clock=demo_clock, random=Random(1))  # noqa: S311 - test data
    assert again.filled == 0
    await again.close()


async def test_a_second_visitor_disturbs_nobody(
    demo_shop: DemoShop, raw: sqlite3.Connection, demo_clock: ManualClock
) -> None:
    sessions = raw.execute("SELECT * FROM oc_session ORDER BY 1").fetchall()
    (orders,) = raw.execute("SELECT COUNT(*) FROM oc_order").fetchone()
    other = DemoShop.enter(demo_shop.path, clock=demo_clock, random=Random(2))  # noqa: S311 - test data
    order_id, _ = await asyncio.gather(other.driver().place_order("n11"), demo_shop.driver().place_order("n11"))
    assert raw.execute("SELECT order_status_id FROM oc_order WHERE order_id = ?", (order_id,)).fetchone() == (1,)
    assert raw.execute("SELECT COUNT(*) FROM oc_order").fetchone() == (orders + 2,)
    assert raw.execute("SELECT * FROM oc_session ORDER BY 1").fetchall() == sessions
    await other.close()


async def test_half_a_shop_is_never_left_behind(tmp_path: Path) -> None:
    (tmp_path / "demo.sqlite.new").write_bytes(b"half a shop")
    shop = await DemoShop.open(tmp_path / "demo.sqlite", clock=ManualClock(), random=Random(1))  # noqa: S311 - test data
    await shop.close()
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".new")]


async def test_its_admins_log_in_with_the_passwords_given(tmp_path: Path) -> None:
    clock = ManualClock()
    passwords = {"admin": "correct horse", "depo": "battery staple", "stajyer": "x"}
    shop = await DemoShop.open(
        tmp_path / "demo.sqlite",
        clock=clock,
        random=Random(1),  # noqa: S311 - test data
        admin_passwords=passwords,
    )
    database = ShopDatabase(shop.url)
    adapter = OpenCartShop(database, clock)
    accounts = OpenCartAccounts(database, adapter.settings, OwnRows())
    admin = await accounts.authenticate("ADMIN", "correct horse")
    clerk = await accounts.authenticate("depo", "battery staple")
    assert admin is not None
    assert clerk is not None
    assert (admin.role, clerk.role) == (Role.SUPER_ADMIN, Role.MARKETPLACE_MANAGER)
    for name, password in (("admin", "wrong"), ("stajyer", "x"), ("muhasebe", "!"), ("muhasebe", "")):
        assert await accounts.authenticate(name, password) is None
    await database.close()
    await shop.close()
