"""Figures against sums and counts made here by hand, on three schemas and two databases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from app.tests.opencart.clock import ManualClock
from app.tests.opencart.raw import RawMariaDB
from app.tests.opencart.world import TODAY, World

from meschain.opencart.options import ShopOptions
from meschain.opencart.schema import Version

MakeWorld = Callable[..., Awaitable[World]]


async def fill(world: World, seed: int) -> None:
    """Three days of orders of every kind around the store's today (Istanbul is UTC+3)."""
    random = Random(seed)  # noqa: S311 - test data
    start = datetime(2026, 6, 14, 0, 0, tzinfo=UTC)
    for _ in range(220):
        date = start + timedelta(seconds=random.randrange(3 * 86400))
        await world.order(
            random.choice((0, 0, 1, 1, 2, 3, 5, 5, 7, 10, 11, 16, 17)),
            f"{random.randrange(1, 10_000_000) / 10_000:.4f}",
            date.strftime("%Y-%m-%d %H:%M:%S"),
            currency=random.choice(("TRY", "USD")),
            email=random.choice(("", "a@example.com", "b@example.com", "c@example.com")),
            ip=f"198.18.0.{random.randrange(1, 20)}",
        )
    for number in range(40):
        await world.product(
            random.randrange(-3, 15),
            subtract=random.randrange(2),
            status=random.randrange(2),
            available=random.choice(("2020-01-01", TODAY, "2026-06-16", "2030-01-01")),
            sku=f"S{number}",
        )
    now = world.clock.now()
    for number in range(60):
        expire = now + timedelta(minutes=random.randrange(-2000, 1441))
        await world.session(f"{number:026x}", expire.strftime("%Y-%m-%d %H:%M:%S"))
    local = now + timedelta(hours=3)
    for number in range(30):
        await world.online(
            f"198.18.1.{number}", (local - timedelta(minutes=random.randrange(150))).strftime("%Y-%m-%d %H:%M:%S")
        )
    if world.version.is_4:
        for _ in range(80):
            date = start + timedelta(seconds=random.randrange(3 * 86400))
            await world.report(f"198.18.2.{random.randrange(40)}", date.strftime("%Y-%m-%d %H:%M:%S"))


async def todays_orders(world: World) -> list[tuple[int, Decimal, str, str]]:
    rows = await world.rows("SELECT order_status_id, total, date_added, email, ip FROM {order}")
    return [
        (status, Decimal(str(total)), email, ip) for status, total, date, email, ip in rows if str(date)[:10] == TODAY
    ]


async def test_they_equal_sums_made_by_hand(world: World) -> None:
    await fill(world, seed=1)
    figures = await world.shop().figures()
    rows = await todays_orders(world)
    gross = [total for status, total, *_ in rows if status > 0 and status != 16]
    net = [total for status, total, *_ in rows if status in {1, 2, 3, 5, 12}]
    assert gross
    assert figures.store_date == TODAY
    assert (figures.currency, figures.currency_decimals) == ("TRY", 2)
    assert figures.revenue.value == sum(gross)
    assert figures.revenue_net.value == sum(net)
    assert figures.daily_transactions.value == len(gross)
    products = await world.rows("SELECT quantity, subtract, status, date_available FROM {product}")
    assert figures.out_of_stock.value == sum(1 for quantity, subtract, *_ in products if subtract and quantity <= 0)
    assert figures.low_stock.value == sum(1 for quantity, subtract, *_ in products if subtract and 0 < quantity <= 5)
    assert figures.active_products.value == sum(1 for *_, status, day in products if status and str(day) <= TODAY)


async def test_they_equal_the_databases_own_decimal_sums(make_world: MakeWorld, version: Version) -> None:
    world = await make_world("mariadb", version)
    assert isinstance(world.raw, RawMariaDB)
    await fill(world, seed=2)
    figures = await world.shop().figures()
    ((count, total),) = await world.rows(
        "SELECT COUNT(*), SUM(total) FROM {order} WHERE order_status_id > 0 AND order_status_id <> 16"
        " AND DATE(date_added) = '2026-06-15'"
    )
    assert (figures.daily_transactions.value, figures.revenue.value) == (count, total)


async def test_sessions_are_those_seen_in_the_last_minutes_by_utc(world: World) -> None:
    await fill(world, seed=3)
    figures = await world.shop(ShopOptions(session_minutes=20)).figures()
    lifetime = 86400 if world.version.is_4 else 1440
    since = world.clock.now() + timedelta(seconds=lifetime - 20 * 60)
    rows = await world.rows("SELECT expire FROM {session}")
    expected = sum(1 for (expire,) in rows if str(expire) > since.strftime("%Y-%m-%d %H:%M:%S"))
    assert figures.active_sessions.value == expected
    assert "20 min" in figures.active_sessions.source
    assert str(lifetime) in figures.active_sessions.source


async def test_sessions_kept_elsewhere_have_no_source(shop_4_1: World) -> None:
    figures = await shop_4_1.shop().figures()
    assert (figures.active_sessions.value, figures.active_sessions.source) == (0, "none")
    assert (figures.active_users.value, figures.active_users.source) == (0, "none")


async def test_expired_sessions_do_not_count_however_short_their_life(make_world: MakeWorld) -> None:
    world = await make_world("sqlite", Version.V3_0)
    await world.session("a", "2026-06-15 11:59:59")
    await world.session("b", "2026-06-15 12:00:01")
    figures = await world.shop(ShopOptions(session_minutes=60)).figures()
    assert figures.active_sessions.value == 1
    assert "24 min" in figures.active_sessions.source


async def test_people_online_are_counted_when_the_shop_counts_them(world: World) -> None:
    await fill(world, seed=4)
    off = await world.shop().figures()
    assert off.active_users.value == off.active_sessions.value
    assert "config_customer_online is off" in off.active_users.source
    await world.set("config_customer_online", "1")
    await world.set("config_customer_online_expire", "2")
    on = await world.shop().figures()
    hours = 2 if world.version.is_4 else 1
    since = (world.clock.now() + timedelta(hours=3 - hours)).strftime("%Y-%m-%d %H:%M:%S")
    rows = await world.rows("SELECT date_added FROM {customer_online}")
    assert on.active_users.value == sum(1 for (date,) in rows if str(date) >= since)
    assert on.active_users.source == f"customer_online: last {hours} h"


async def test_conversion_takes_the_best_denominator_that_the_shop_has(world: World) -> None:
    await fill(world, seed=5)
    rows = await todays_orders(world)
    orders = sum(1 for status, *_ in rows if status > 0 and status != 16)

    async def rate() -> tuple[Decimal, str]:
        figure = (await world.shop().figures()).conversion_rate
        return Decimal(figure.value), figure.source

    def percent(part: int, whole: int) -> Decimal:
        return (Decimal(part) * 100 / whole).quantize(Decimal("0.01"))

    if not world.version.is_4:
        buyers = {email or ip for _, _, email, ip in rows}
        bought = {email or ip for status, _, email, ip in rows if status > 0 and status != 16}
        assert await rate() == (percent(len(bought), len(buyers)), "confirmed / begun checkouts today, by buyer")
        return
    await world.set("config_product_report_status", "1")
    views = await world.rows("SELECT ip, date_added FROM {product_report}")
    visitors = {ip for ip, date in views if str(date)[:10] == TODAY}
    assert await rate() == (percent(orders, len(visitors)), "orders today / distinct ip in product_report today")
    await world.set("config_product_report_status", "0")
    sessions = await world.rows("SELECT expire FROM {session}")
    alive = sum(1 for (expire,) in sessions if str(expire) > "2026-06-15 12:00:00")
    assert await rate() == (percent(orders, alive), "orders today / sessions of the last 24 h")
    await world.run("DELETE FROM {session}")
    assert await rate() == (percent(orders, len(rows)), "confirmed / begun checkouts today")


async def test_without_any_row_there_is_no_conversion_rate(world: World) -> None:
    figure = (await world.shop().figures()).conversion_rate
    assert (figure.value, figure.source) == (0, "none")


async def test_amounts_are_decimals_to_the_last_place(world: World) -> None:
    for total in ("0.1000", "0.2000", "99999999999.9999", "0.0001"):
        await world.order(1, total)
    assert (await world.shop().figures()).revenue.value == Decimal("100000000000.3000")


async def test_begun_and_void_checkouts_are_no_orders(world: World) -> None:
    await world.order(0, "10")
    await world.order(16, "20")
    await world.order(7, "40")
    figures = await world.shop().figures()
    assert (figures.daily_transactions.value, figures.revenue.value) == (1, Decimal(40))
    assert figures.revenue_net.value == 0


async def test_the_void_status_is_the_shops_own(world: World) -> None:
    await world.set("config_void_status_id", "99")
    await world.order(16, "20")
    await world.order(99, "40")
    assert (await world.shop().figures()).revenue.value == 20


@pytest.mark.parametrize(("rule", "expected"), [("gross", 41), ("net", 1), ("opencart", 61)])
async def test_the_owner_chooses_the_rule(shop_4_1: World, rule: str, expected: int) -> None:
    for status, total in ((0, "8"), (1, "1"), (7, "40"), (16, "20")):
        await shop_4_1.order(status, total)
    figures = await shop_4_1.shop(ShopOptions(revenue_rule=rule)).figures()  # type: ignore[arg-type]  # by parametrize
    assert figures.revenue.value == expected


async def test_sums_stay_in_the_stores_currency(world: World) -> None:
    await world.order(1, "100", currency="USD", rate="0.02380952")
    assert (await world.shop().figures()).revenue.value == 100


@pytest.mark.parametrize(
    ("zone", "now", "date", "inside", "outside"),
    [
        # 25 hours: summer time ends on 25 October 2026 in Berlin.
        ("Europe/Berlin", datetime(2026, 10, 24, 22, 30, tzinfo=UTC), "2026-10-25", "00:00:00", "2026-10-24 23:59:59"),
        ("Europe/Berlin", datetime(2026, 10, 25, 22, 59, tzinfo=UTC), "2026-10-25", "23:59:59", "2026-10-26 00:00:00"),
        # 23 hours: it begins on 29 March 2026.
        ("Europe/Berlin", datetime(2026, 3, 28, 23, 0, tzinfo=UTC), "2026-03-29", "00:00:00", "2026-03-28 23:59:59"),
        ("Europe/Berlin", datetime(2026, 3, 29, 21, 59, tzinfo=UTC), "2026-03-29", "23:59:59", "2026-03-30 00:00:00"),
        ("Europe/Istanbul", datetime(2026, 6, 14, 21, 0, tzinfo=UTC), "2026-06-15", "00:00:00", "2026-06-14 23:59:59"),
        ("America/New_York", datetime(2026, 6, 15, 3, 59, tzinfo=UTC), "2026-06-14", "23:59:59", "2026-06-15 00:00:00"),
    ],
)
async def test_a_day_is_the_stores_day(
    shop_4_1: World, zone: str, now: datetime, date: str, inside: str, outside: str
) -> None:
    world = shop_4_1
    world.clock = ManualClock(now)
    await world.set("config_timezone", zone)
    await world.order(1, "1", f"{date} {inside}")
    await world.order(1, "2", outside)
    figures = await world.shop().figures()
    assert (figures.store_date, figures.revenue.value) == (date, 1)


async def test_an_unknown_zone_is_utc_and_says_so(shop_4_1: World) -> None:
    await shop_4_1.set("config_timezone", "Mars/Olympus")
    figures = await shop_4_1.shop().figures()
    assert "Mars/Olympus" in figures.revenue.source


async def test_zero_dates_are_in_no_day(world: World) -> None:
    await world.order(1, "1", "0000-00-00 00:00:00")
    await world.product(1, available="0000-00-00")
    figures = await world.shop().figures()
    assert (figures.daily_transactions.value, figures.active_products.value) == (0, 1)


async def test_an_empty_prefix_will_do(make_world: MakeWorld, backend: str, version: Version) -> None:
    world = await make_world(backend, version, prefix="")
    await world.order(1, "12.5")
    figures = await world.shop().figures()
    assert figures.revenue.value == Decimal("12.5")


async def test_rows_added_and_changed_after_the_first_reading_are_seen(world: World) -> None:
    shop = world.shop()
    assert (await shop.figures()).revenue.value == 0
    first = await world.order(0, "10")
    assert (await shop.figures()).revenue.value == 0
    await world.history(first, 1)
    await world.order(1, "5")
    assert (await shop.figures()).revenue.value == 15
    await world.history(first, 16)
    assert (await shop.figures()).revenue.value == 5


async def test_the_day_begins_anew_at_midnight_of_the_store(world: World) -> None:
    shop = world.shop()
    await world.order(1, "10")
    assert (await shop.figures()).revenue.value == 10
    world.clock.advance(9 * 3600)  # 21:00 UTC is midnight in Istanbul
    figures = await shop.figures()
    assert (figures.store_date, figures.revenue.value) == ("2026-06-16", 0)
    await world.order(1, "3", "2026-06-16 00:00:00")
    assert (await shop.figures()).revenue.value == 3


async def test_a_date_rewritten_into_today_is_seen_after_the_next_scan(shop_4_1: World) -> None:
    world = shop_4_1
    old = await world.order(1, "7", "2026-06-01 10:00:00")
    await world.order(1, "1")
    shop = world.shop(ShopOptions(day_scan_seconds=600))
    assert (await shop.figures()).revenue.value == 1
    await world.run("UPDATE {order} SET date_added = ? WHERE order_id = ?", f"{TODAY} 09:00:00", old)
    assert (await shop.figures()).revenue.value == 1
    world.clock.advance(601)
    assert (await shop.figures()).revenue.value == 8
