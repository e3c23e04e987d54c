from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest
from app.tests.services.conftest import World
from app.tests.services.fakes import START, some_job

from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.payloads import DashboardData
from meschain.domain.roles import Identity
from meschain.services.dashboard import rounded
from meschain.services.options import DashboardOptions, HealthOptions
from meschain.services.ports import LastSync, ShopUnavailable

SHEET = {
    "timestamp": str,
    "systemStatus.activeSessions": int,
    "systemStatus.apiHealth": str,
    "systemStatus.databaseStatus": str,
    "systemStatus.marketplaceSync": dict,
    "performanceMetrics.responseTime": float,
    "performanceMetrics.throughput": float,
    "performanceMetrics.errorRate": float,
    "performanceMetrics.uptime": float,
    "businessMetrics.activeUsers": int,
    "businessMetrics.dailyTransactions": int,
    "businessMetrics.revenue": float,
    "businessMetrics.conversionRate": float,
    "teamAchievements": dict,
}
"""Every path that clients read without a null check, with its type."""


def as_json(data: DashboardData) -> dict[str, object]:
    decoded: dict[str, object] = msgspec.json.decode(msgspec.json.encode(data))
    return decoded


def at(data: object, path: str) -> object:
    for key in path.split("."):
        assert isinstance(data, dict)
        data = data[key]
    return data


def nulls(value: object, path: str = "") -> list[str]:
    if value is None:
        return [path]
    if isinstance(value, dict):
        return [found for key, inner in value.items() for found in nulls(inner, f"{path}.{key}")]
    if isinstance(value, list):
        return [found for index, inner in enumerate(value) for found in nulls(inner, f"{path}[{index}]")]
    return []


async def set_up(world: World, shape: str) -> None:
    if shape == "down":
        world.shop.go_away()
    elif shape == "hanging":
        world.shop.hangs = True
    elif shape == "broken":
        world.shop.error = KeyError("no such table")
    elif shape == "idle":
        world.traffic.window = replace(world.traffic.window, requests=0, failures=0, p50_seconds=0.0, p95_seconds=0.0)
        world.shop.order_list = []
    else:
        await world.jobs.create(some_job("one", "trendyol", "success"))
        await world.activity.record("login", "Ayşe", "Ayşe logged in.")
        await world.alerts.raise_by_system("Stok bitti", "warning")


async def read(world: World) -> DashboardData:
    reading = asyncio.create_task(world.dashboard.read())
    await world.clock.advance(0)
    await world.clock.advance(DashboardOptions().shop_timeout_seconds)
    return await reading


SHAPES = ("well", "down", "hanging", "broken", "idle")


@pytest.mark.parametrize("shape", SHAPES)
async def test_the_dashboard_holds_no_null_at_any_depth(world: World, shape: str) -> None:
    await set_up(world, shape)
    assert nulls(as_json(await read(world))) == []


@pytest.mark.parametrize("shape", SHAPES)
async def test_the_dashboard_has_every_key_of_the_sheet(world: World, shape: str) -> None:
    await set_up(world, shape)
    data = as_json(await read(world))
    for path, kind in SHEET.items():
        assert isinstance(at(data, path), kind), path
    for code in MARKETPLACES:
        state = at(data, f"systemStatus.marketplaceSync.{code}")
        assert isinstance(state, dict)
        assert isinstance(state["status"], str)
        assert isinstance(state["lastSync"], str)


@pytest.mark.parametrize("shape", SHAPES)
async def test_every_figure_has_a_source(world: World, shape: str) -> None:
    await set_up(world, shape)
    data = await read(world)
    assert set(data.business_metrics.sources) == {
        "activeUsers",
        "dailyTransactions",
        "revenue",
        "revenueNet",
        "conversionRate",
        "outOfStock",
        "lowStock",
        "activeProducts",
        "currency",
        "storeDate",
    }
    assert set(data.system_status.sources) == {"activeSessions", "apiHealth", "databaseStatus", "databaseLatencyMs"}
    assert all(data.business_metrics.sources.values())
    assert all(data.system_status.sources.values())
    assert all(data.performance_metrics.sources.values())


async def test_figures_are_the_shops_and_our_own(world: World) -> None:
    data = await world.dashboard.read()
    assert data.timestamp == "2025-03-10T09:30:00.000Z"
    assert data.demo is True
    business = data.business_metrics
    assert (business.revenue, business.revenue_net, business.conversion_rate) == (1234.57, 1000.1, 2.35)
    assert (business.active_users, business.daily_transactions, business.out_of_stock) == (3, 12, 2)
    assert (business.currency, business.currency_decimals, business.store_date) == ("TRY", 2, "2025-03-10")
    assert business.sources["revenue"] == "orders"
    performance = data.performance_metrics
    assert (performance.response_time, performance.response_time_p95) == (12.3, 200.0)
    assert (performance.throughput, performance.error_rate, performance.connections) == (3.33, 1.5, 5)
    system = data.system_status
    assert (system.active_sessions, system.database_status, system.database_latency_ms) == (7, "healthy", 2.0)
    assert [order.order_id for order in data.recent_orders] == [8, 7, 6, 5, 4, 3, 2, 1]


async def test_a_shop_that_is_away_says_so_and_asks_nothing_more_of_it(world: World) -> None:
    world.shop.go_away()
    data = await world.dashboard.read()
    assert data.system_status.database_status == "error"
    assert (data.system_status.database_latency_ms, data.system_status.sources["databaseLatencyMs"]) == (0.0, "none")
    assert set(data.business_metrics.sources.values()) == {"none"}
    assert (data.business_metrics.revenue, data.business_metrics.currency) == (0.0, "XXX")
    assert list(data.recent_orders) == []
    assert dict(world.shop.calls) == {"probe": 1}


async def test_the_known_currency_stays_while_the_shop_is_away(world: World) -> None:
    await world.dashboard.read()
    world.shop.go_away()
    assert (await world.dashboard.read()).business_metrics.currency == "TRY"


async def test_a_shop_that_comes_back_is_read_again(world: World) -> None:
    world.shop.go_away()
    await world.dashboard.read()
    world.shop.error = None
    data = await world.dashboard.read()
    assert data.system_status.database_status == "healthy"
    assert data.business_metrics.daily_transactions == 12


async def test_one_part_that_fails_costs_that_part_only(world: World) -> None:
    world.shop.errors["figures"] = ShopUnavailable("the table is missing")
    data = await world.dashboard.read()
    assert data.business_metrics.sources["revenue"] == "none"
    assert len(data.recent_orders) == 8
    assert data.system_status.database_status == "healthy"


async def test_a_slow_database_is_a_warning(world: World) -> None:
    world.shop.latency = HealthOptions().database_slow_seconds
    assert (await world.dashboard.read()).system_status.database_status == "warning"


async def test_without_requests_there_is_no_response_time_but_a_throughput(world: World) -> None:
    await set_up(world, "idle")
    performance = (await world.dashboard.read()).performance_metrics
    assert (performance.response_time, performance.error_rate) == (0.0, 0.0)
    assert performance.sources["responseTime"] == performance.sources["errorRate"] == "none"
    assert performance.sources["throughput"] == "own traffic"


async def test_uptime_is_the_services(world: World) -> None:
    assert (await world.dashboard.read()).performance_metrics.uptime == 90.0


async def test_recent_alerts_and_activity_are_the_ten_latest(world: World, admin: Identity) -> None:
    for number in range(12):
        await world.alerts.raise_by(admin, f"alert {number}", "info")
    data = await world.dashboard.read()
    assert [alert.message for alert in data.recent_alerts] == [f"alert {n}" for n in range(11, 1, -1)]
    assert len(data.recent_activity) == 10


async def test_those_who_ask_at_once_share_one_read(world: World) -> None:
    await asyncio.gather(*(world.dashboard.current() for _ in range(50)))
    assert world.shop.calls["figures"] == 1
    await world.dashboard.metrics()
    await world.dashboard.performance()
    await world.dashboard.business()
    assert world.shop.calls["figures"] == 1
    await world.clock.advance(DashboardOptions().fresh_seconds)
    await world.dashboard.current()
    assert world.shop.calls["figures"] == 2


async def test_the_parts_for_metric_groups_hold_no_null(world: World) -> None:
    world.shop.go_away()
    for part in (
        await world.dashboard.metrics(),
        await world.dashboard.performance(),
        await world.dashboard.business(),
    ):
        assert nulls(msgspec.json.decode(msgspec.json.encode(part))) == []


async def test_sync_states_come_from_jobs_and_old_tables(world: World) -> None:
    await world.jobs.create(replace(some_job("one", "trendyol", "success"), failed=2))
    await world.jobs.create(some_job("two", "amazon", "success"))
    await world.jobs.create(some_job("three", "amazon", "running"))
    await world.jobs.create(some_job("four", "n11", "error"))
    world.shop.old_syncs = {
        "ebay": LastSync("synced", START.replace(year=2024), "meschain_sync_log"),
        "etsy": LastSync("quantum", None, "meschain_sync_log"),
        "n11": LastSync("success", START.replace(hour=23), "meschain_sync_log"),
    }
    states = (await world.dashboard.read()).system_status.marketplace_sync
    now = "2025-03-10T09:30:00.000Z"
    assert {code: (s.status, s.last_sync, s.source) for code, s in states.items()} == {
        "amazon": ("running", now, "jobs"),
        "ebay": ("success", "2024-03-10T09:30:00.000Z", "meschain_sync_log"),
        "trendyol": ("warning", now, "jobs"),
        "hepsiburada": ("unknown", "", "none"),
        "n11": ("success", "2025-03-10T23:30:00.000Z", "meschain_sync_log"),
        "ozon": ("unknown", "", "none"),
        "etsy": ("unknown", "", "meschain_sync_log"),
    }


@pytest.mark.parametrize(
    ("value", "decimals", "result"),
    [
        (Decimal("0.125"), 2, 0.13),
        (Decimal("1234.5"), 0, 1235.0),
        (2.675, 2, 2.68),
        (5, 2, 5.0),
        (Decimal("-0.005"), 2, -0.01),
    ],
)
def test_money_is_rounded_as_merchants_do(value: Decimal | float, decimals: int, result: float) -> None:
    assert rounded(value, decimals) == result
