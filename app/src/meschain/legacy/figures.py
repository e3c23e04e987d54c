"""The figures behind all four dialects, as they stand at one moment, and what of them somebody may see.

They come from the services that the hubs ask too. A figure without a source is 0, and so is one that is not for whoever
asks: the old pages do arithmetic with them and show `NaN` for anything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from meschain.domain.payloads import OrderNotification
from meschain.domain.roles import Identity, sees_whole_shop, visible_metrics

SHOP = "shop"
"""Marketplace of an order from the shop's own counter."""


@dataclass(frozen=True, slots=True)
class MarketplaceState:
    """One marketplace."""

    orders_today: int = 0
    sales_today: float = 0.0
    listings: int = 0
    sync_status: str = "unknown"
    """As `domain.payloads.MarketplaceSync` words it."""
    last_sync: datetime | None = None
    synced: int = 0
    """Products of its last sync of ours."""
    failed: int = 0


@dataclass(frozen=True, slots=True)
class SyncNote:
    """Something that happened to a sync."""

    marketplace: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Figures:
    """All of them. Money is in the shop's default currency."""

    at: datetime
    total_revenue: float = 0.0
    """Of all orders that were ever bought."""
    total_orders: int = 0
    pending_orders: int = 0
    """Accepted and not complete."""
    active_products: int = 0
    conversion_rate: float = 0.0
    """Percent."""
    response_time: float = 0.0
    """Milliseconds."""
    memory_percent: float = 0.0
    """Of the machine."""
    cpu_percent: float = 0.0
    """Of the machine."""
    connections: int = 0
    uptime_seconds: float = 0.0
    answered_percent: float = 0.0
    """Requests of the sliding window that did not fail by a fault of ours."""
    marketplaces: Mapping[str, MarketplaceState] = field(default_factory=dict)
    """By code, in the product's order."""
    orders: Sequence[OrderNotification] = ()
    """The latest, newest first."""
    syncs: Sequence[SyncNote] = ()
    """The latest, newest first."""


def may_see(who: Identity, marketplace: str) -> bool:
    """Whether events and figures of a marketplace, or of the shop's own counter, are for somebody."""
    return sees_whole_shop(who.role) or marketplace in who.visible_marketplaces


def seen_by(who: Identity, figures: Figures) -> Figures:
    """What of the figures is for somebody, by the same rights as on the hubs; the rest is 0 or left out."""
    if sees_whole_shop(who.role):
        return figures
    seen = replace(
        figures,
        total_revenue=0.0,
        total_orders=0,
        pending_orders=0,
        conversion_rate=0.0,
        marketplaces={
            code: state if may_see(who, code) else MarketplaceState() for code, state in figures.marketplaces.items()
        },
        orders=[order for order in figures.orders if may_see(who, order.marketplace)],
        syncs=[note for note in figures.syncs if may_see(who, note.marketplace)],
    )
    if "performance" in visible_metrics(who.role):
        return seen
    return replace(seen, response_time=0.0, memory_percent=0.0, cpu_percent=0.0, connections=0, answered_percent=0.0)
