from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest
from app.tests.services.conftest import World
from app.tests.services.fakes import some_job, some_order

from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.payloads import StockRow
from meschain.domain.roles import Identity, Role
from meschain.services.marketplaces import STOCK_ROWS, MarketplaceService
from meschain.services.ports import MarketplaceFigures

MANAGER = Identity("own:2", "Mehmet", Role.MARKETPLACE_MANAGER, ("trendyol", "amazon", "unknown"))
DROPSHIPPER = Identity("own:3", "Deniz", Role.DROPSHIPPER, ("trendyol",))
VIEWER = Identity("own:4", "Ece", Role.VIEWER, ("trendyol",))


@pytest.fixture
def marketplaces(world: World) -> MarketplaceService:
    rows = [
        StockRow(product_id=n, sku=f"S{n}", name="x", quantity=1, listed_quantity=2, in_step=False) for n in range(99)
    ]
    world.shop.marketplaces = {
        "trendyol": MarketplaceFigures(
            orders_today=3,
            revenue_today=Decimal("10.005"),
            listings=99,
            listings_out_of_step=4,
            stock=rows,
            sources={"ordersToday": "meschain_order", "listings": "meschain_product"},
        )
    }
    return MarketplaceService(shop=world.shop, jobs=world.jobs, sync=world.sync, clock=world.clock)


async def test_a_manager_sees_what_was_granted_and_may_sync_it(world: World, marketplaces: MarketplaceService) -> None:
    world.shop.order_list = [some_order(1), some_order(2, "ebay"), some_order(3, "amazon"), some_order(4, "shop")]
    await world.jobs.create(some_job("one", "trendyol", "running"))
    panel = await marketplaces.snapshot(MANAGER)
    amazon, trendyol = panel.marketplaces
    assert (amazon.code, trendyol.code, trendyol.name) == ("amazon", "trendyol", "Trendyol")
    assert (trendyol.orders_today, trendyol.revenue_today, trendyol.listings) == (3, 10.01, 99)
    assert len(trendyol.stock) == STOCK_ROWS
    assert (trendyol.sync.status, trendyol.job_id, trendyol.may_sync) == ("running", "one", True)
    assert trendyol.sources == {
        "ordersToday": "meschain_order",
        "revenueToday": "none",
        "listings": "meschain_product",
        "listingsOutOfStep": "none",
    }
    assert set(amazon.sources.values()) == {"none"}
    assert [order.order_id for order in panel.recent_orders] == [3, 1]


@pytest.mark.parametrize(
    ("status", "progress"), [("running", 30.0), ("success", 100.0), ("error", 0.0), ("cancelled", 0.0)]
)
async def test_a_bar_is_full_after_success_alone(
    world: World, marketplaces: MarketplaceService, status: str, progress: float
) -> None:
    await world.jobs.create(replace(some_job("one", "trendyol", status), progress=30.0))
    (trendyol,) = (await marketplaces.snapshot(DROPSHIPPER)).marketplaces
    assert trendyol.progress == progress


async def test_a_dropshipper_reads_only(world: World, marketplaces: MarketplaceService) -> None:
    (trendyol,) = (await marketplaces.snapshot(DROPSHIPPER)).marketplaces
    assert trendyol.may_sync is False


async def test_a_viewer_sees_nothing_and_the_shop_is_not_asked(world: World, marketplaces: MarketplaceService) -> None:
    panel = await marketplaces.snapshot(VIEWER)
    assert (list(panel.marketplaces), list(panel.recent_orders)) == ([], [])
    assert dict(world.shop.calls) == {}


async def test_an_administrator_sees_all_and_may_sync_what_something_can_sync(
    world: World, admin: Identity, marketplaces: MarketplaceService
) -> None:
    panel = await marketplaces.snapshot(admin)
    assert [one.code for one in panel.marketplaces] == list(MARKETPLACES)
    assert [one.code for one in panel.marketplaces if one.may_sync] == ["amazon", "trendyol"]


async def test_a_shop_that_is_away_leaves_the_jobs_and_no_null(
    world: World, admin: Identity, marketplaces: MarketplaceService
) -> None:
    await world.jobs.create(some_job("one", "trendyol", "success"))
    world.shop.go_away()
    panel = await marketplaces.snapshot(admin)
    assert b"null" not in msgspec.json.encode(panel)
    trendyol = next(one for one in panel.marketplaces if one.code == "trendyol")
    assert (trendyol.sync.status, trendyol.progress, trendyol.currency) == ("success", 100.0, "XXX")
