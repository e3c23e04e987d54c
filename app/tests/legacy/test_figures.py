from __future__ import annotations

from dataclasses import replace

from app.tests.legacy.happenings import ADMIN, MANAGER, SEEN, VIEWER
from app.tests.services.fakes import START, some_order

from meschain.domain.roles import Identity, Role
from meschain.legacy.figures import MarketplaceState, SyncNote, seen_by

ALL = replace(
    SEEN,
    orders=[some_order(1), some_order(2, "amazon"), some_order(3, "shop")],
    syncs=[SyncNote("trendyol", "a", START), SyncNote("amazon", "b", START)],
)


def test_administrators_see_everything() -> None:
    assert seen_by(ADMIN, ALL) == ALL


def test_a_manager_sees_the_granted_marketplaces() -> None:
    seen = seen_by(MANAGER, ALL)
    assert (seen.total_revenue, seen.total_orders, seen.active_products) == (0, 0, 40)
    assert seen.marketplaces["trendyol"] == ALL.marketplaces["trendyol"]
    assert seen.marketplaces["amazon"] == MarketplaceState()
    assert [order.marketplace for order in seen.orders] == ["trendyol"]
    assert [note.marketplace for note in seen.syncs] == ["trendyol"]
    assert seen.response_time == 0


def test_a_viewer_sees_what_the_basic_metric_shows() -> None:
    seen = seen_by(VIEWER, ALL)
    assert (seen.active_products, seen.uptime_seconds) == (40, 99.0)
    assert not seen.orders
    assert not seen.syncs
    assert set(seen.marketplaces.values()) == {MarketplaceState()}
    assert (seen.response_time, seen.cpu_percent, seen.connections) == (0, 0, 0)


def test_technicians_see_performance() -> None:
    seen = seen_by(Identity("own:1", "t", Role.TECHNICAL), ALL)
    assert (seen.response_time, seen.memory_percent, seen.total_revenue) == (2.5, 50.0, 0)
