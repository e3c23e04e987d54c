"""Analytics for whoever asks, on a shop that answers what a test says."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from app.tests.services.conftest import World
from app.tests.services.fakes import FakeClock, FakeShop, settle

from meschain.domain.payloads import Analytics
from meschain.domain.roles import Identity, Role
from meschain.services.analytics import AnalyticsService
from meschain.services.options import AnalyticsOptions
from meschain.services.ports import SalesHistory, ShopUnavailable, ShortProduct

MANAGER = Identity("own:2", "Mehmet", Role.MARKETPLACE_MANAGER, ("trendyol", "etsy", "unknown"))


class SlowShop(FakeShop):
    """Takes two seconds for its sales."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    async def sales_history(self, months: int) -> SalesHistory:
        await self._clock.sleep(2.0)
        return await super().sales_history(months)


@pytest.fixture
def analytics(world: World) -> AnalyticsService:
    return AnalyticsService(shop=world.shop, clock=world.clock)


def by_code(found: Analytics) -> dict[str, tuple[list[float], int, float | None]]:
    return {each.code: (each.revenue, each.total_orders, each.share) for each in found.marketplaces}


async def test_an_administrator_sees_every_line_of_the_last_months(
    analytics: AnalyticsService, admin: Identity
) -> None:
    found = await analytics.read(admin, 2)
    assert [(each.month, each.revenue, each.orders) for each in found.months] == [
        ("2025-02", 120.01, 3),
        ("2025-03", 80.0, 5),
    ]
    assert [each.code for each in found.marketplaces] == [
        *("amazon", "ebay", "trendyol", "hepsiburada", "n11", "ozon", "etsy"),
        *("bazaar", "shop"),
    ]
    lines = by_code(found)
    # Summed before it is rounded: 100.005 + 0.005.
    assert lines["trendyol"] == ([100.01, 0.01], 3, 50.01)
    assert lines["n11"] == ([0.0, 60.0], 3, 30.0)
    assert lines["bazaar"] == ([0.0, 19.99], 1, 10.0)
    assert lines["shop"] == ([20.0, 0.0], 1, 10.0)
    assert lines["etsy"] == ([0.0, 0.0], 0, 0.0)
    assert (found.currency, found.currency_decimals) == ("TRY", 2)
    assert "none" not in found.sources.values()


async def test_conversion_is_told_of_months_that_had_a_checkout(analytics: AnalyticsService, admin: Identity) -> None:
    february, march = (await analytics.read(admin, 2)).months
    assert (february.checkouts, february.confirmed, february.conversion) == (0, 0, None)
    assert (march.checkouts, march.confirmed, march.conversion) == (8, 6, 75.0)


async def test_stock_at_risk_says_how_long_it_lasts(analytics: AnalyticsService, admin: Identity) -> None:
    stock = (await analytics.read(admin, 1)).stock
    assert (stock.out_of_stock, stock.low_stock, stock.at_risk) == (2, 4, 2)
    assert (stock.risk_days, stock.sale_days) == (14, 30)
    empty, few = stock.products
    assert (empty.product_id, empty.quantity, empty.per_day, empty.days_left) == (7, -1, 1.5, 0.0)
    assert (few.name, few.quantity, few.sold, few.per_day, few.days_left) == ("Kase", 10, 70, 2.33, 4.3)


async def test_so_many_products_are_shown_and_all_are_counted(world: World, admin: Identity) -> None:
    world.shop.outlook = replace(
        world.shop.outlook, short=[ShortProduct(number, "", "", 0, 1) for number in range(1, 6)]
    )
    analytics = AnalyticsService(shop=world.shop, clock=world.clock, options=AnalyticsOptions(products=3))
    stock = (await analytics.read(admin, 1)).stock
    assert (stock.at_risk, [each.product_id for each in stock.products]) == (5, [1, 2, 3])


async def test_a_manager_sees_the_granted_marketplaces_and_nothing_of_the_shop(analytics: AnalyticsService) -> None:
    found = await analytics.read(MANAGER, 3)
    assert [(each.month, each.revenue, each.orders) for each in found.months] == [
        ("2025-01", 0.0, 0),
        ("2025-02", 100.01, 2),
        ("2025-03", 0.01, 1),
    ]
    assert {each.conversion for each in found.months} == {None}
    assert {each.checkouts for each in found.months} == {None}
    # Shares are of what is listed: that of the whole would tell what the others sell.
    assert by_code(found) == {
        "trendyol": ([0.0, 100.01, 0.01], 3, 100.0),
        "etsy": ([0.0, 0.0, 0.0], 0, 0.0),
    }
    assert (found.stock.at_risk, found.stock.out_of_stock, list(found.stock.products)) == (None, None, [])
    assert {key for key, source in found.sources.items() if source == "none"} == {
        *("conversion", "outOfStock", "lowStock", "atRisk")
    }


async def test_without_links_the_shop_knows_its_sum_and_no_marketplace(
    world: World, analytics: AnalyticsService, admin: Identity
) -> None:
    history = world.shop.history
    world.shop.history = replace(history, sources={**history.sources, "marketplaces": "none"})
    found = await analytics.read(admin, 2)
    assert (found.months[0].revenue, list(found.marketplaces)) == (120.01, [])
    manager = await analytics.read(MANAGER, 2)
    assert [(each.revenue, each.orders) for each in manager.months] == [(None, None), (None, None)]
    assert (list(manager.marketplaces), manager.sources["revenue"]) == ([], "none")


async def test_a_shop_that_is_away_has_no_figures_and_is_asked_again_soon(
    world: World, analytics: AnalyticsService, admin: Identity
) -> None:
    world.shop.go_away()
    found = await analytics.read(admin, 12)
    assert set(found.sources.values()) == {"none"}
    assert (list(found.months), list(found.marketplaces), found.stock.at_risk, found.currency) == ([], [], None, "XXX")
    world.shop.error = None
    assert (await analytics.read(admin, 12)).timestamp == found.timestamp
    await world.clock.advance(found.fresh_seconds)
    assert (await analytics.read(admin, 12)).stock.at_risk == 2


async def test_one_part_that_cannot_be_read_leaves_the_other(
    world: World, analytics: AnalyticsService, admin: Identity
) -> None:
    world.shop.errors["stock_outlook"] = ShopUnavailable("no SELECT on order_product")
    found = await analytics.read(admin, 1)
    assert (found.months[0].orders, found.stock.at_risk, found.sources["atRisk"]) == (5, None, "none")


async def test_a_crowd_costs_one_reading(world: World, analytics: AnalyticsService, admin: Identity) -> None:
    await asyncio.gather(*(analytics.read(caller, months) for caller in (admin, MANAGER) for months in (1, 2, 3)))
    assert dict(world.shop.calls) == {"sales_history": 1, "stock_outlook": 1}


async def test_more_than_a_year_is_read_when_somebody_asks_for_it(
    world: World, analytics: AnalyticsService, admin: Identity
) -> None:
    for months, readings in ((12, 1), (1, 1), (24, 2), (36, 2), (12, 2)):
        await analytics.read(admin, months)
        assert world.shop.calls["sales_history"] == readings
    assert world.shop.asked_months == [12, 36]


async def test_a_slow_shop_is_asked_the_more_rarely(world: World, admin: Identity) -> None:
    shop = SlowShop(world.clock)
    analytics = AnalyticsService(shop=shop, clock=world.clock)
    reading = asyncio.create_task(analytics.read(admin, 1))
    await world.clock.advance(2.0)
    assert (await reading).fresh_seconds == 40.0
    await world.clock.advance(30.0)
    later = await analytics.read(admin, 1)
    assert (later.age_seconds, later.fresh_seconds) == (30.0, 10.0)
    assert shop.calls["sales_history"] == 1


async def test_a_shop_that_hangs_is_waited_for_so_long(
    world: World, analytics: AnalyticsService, admin: Identity
) -> None:
    world.shop.hangs = True
    reading = asyncio.create_task(analytics.read(admin, 1))
    await world.clock.advance(2 * analytics.options.shop_timeout_seconds - 1)
    assert not reading.done()
    await world.clock.advance(1)
    await settle()
    assert set((await reading).sources.values()) == {"none"}


async def test_nothing_sold_has_no_share(world: World, analytics: AnalyticsService, admin: Identity) -> None:
    world.shop.history = replace(world.shop.history, sales=[])
    found = await analytics.read(admin, 2)
    assert {each.share for each in found.marketplaces} == {None}
    assert [each.revenue for each in found.months] == [0.0, 0.0]
    assert [each.orders for each in found.months] == [0, 0]
