"""Reads the figures behind the old dialects from the services, once for all who ask at the same time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol

import msgspec

from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.payloads import DashboardData, OrderNotification
from meschain.legacy.figures import Figures, MarketplaceState, SyncNote
from meschain.legacy.machine import Machine
from meschain.legacy.options import LegacyOptions
from meschain.services.dashboard import DashboardService, rounded
from meschain.services.ports import Clock, MarketplaceFigures, Shop, ShopUnavailable, SyncJob, SyncJobStore
from meschain.services.waiting import within

_log = logging.getLogger(__name__)

_SYNC_ACTIVITY: Final = "sync"


class Totals(Protocol):
    """Sums over all orders; adapter: `opencart.order_totals`."""

    @property
    def revenue(self) -> Decimal: ...

    @property
    def orders(self) -> int: ...

    @property
    def pending(self) -> int: ...


class ShopTotals(Protocol):
    async def totals(self) -> Totals:
        """Raises: ShopUnavailable."""

    async def amounts(self, order_ids: Sequence[int]) -> Mapping[int, Decimal]:
        """Totals of orders in the default currency. Raises: ShopUnavailable."""


class FigureReading:
    """Gives `Figures`.

    Args:
        connections: how many of ours are open, beside those of the hubs.
    """

    def __init__(
        self,
        *,
        shop: Shop,
        totals: ShopTotals,
        dashboard: DashboardService,
        jobs: SyncJobStore,
        clock: Clock,
        connections: Callable[[], int],
        options: LegacyOptions,
        machine: Machine | None = None,
    ) -> None:
        self._shop = shop
        self._totals = totals
        self._dashboard = dashboard
        self._jobs = jobs
        self._clock = clock
        self._connections = connections
        self._options = options
        self._machine = machine or Machine()
        self._turn = asyncio.Lock()
        self._latest: Figures | None = None
        self._read_at = 0.0
        self._sums: Totals | None = None
        self._summed_at = 0.0

    async def current(self) -> Figures:
        """At most `fresh_seconds` old. What cannot be read is 0; nothing is raised for it."""
        async with self._turn:
            if self._latest is None or self._clock.monotonic() - self._read_at >= self._options.fresh_seconds:
                self._latest = await self._read()
                self._read_at = self._clock.monotonic()
            return self._latest

    async def _read(self) -> Figures:
        data = await self._dashboard.current()
        jobs = await self._jobs.latest_finished()
        try:
            sums, each, orders = await within(self._clock, self._options.read_seconds, self._of_the_shop(data))
        except (ShopUnavailable, TimeoutError) as error:
            _log.warning("old pages are shown figures without the shop's: %s", error)
            sums, each, orders = None, {}, []
        performance, business = data.performance_metrics, data.business_metrics
        return Figures(
            at=self._clock.now(),
            total_revenue=rounded(sums.revenue, business.currency_decimals) if sums else 0.0,
            total_orders=sums.orders if sums else 0,
            pending_orders=sums.pending if sums else 0,
            active_products=business.active_products,
            conversion_rate=business.conversion_rate,
            response_time=performance.response_time,
            memory_percent=self._machine.memory_percent(),
            cpu_percent=self._machine.cpu_percent(),
            connections=performance.connections + self._connections(),
            uptime_seconds=performance.uptime,
            answered_percent=round(100 - performance.error_rate, 2),
            marketplaces={
                code: _state(data, code, each.get(code), jobs.get(code), business.currency_decimals)
                for code in MARKETPLACES
            },
            orders=orders,
            syncs=[
                SyncNote(row.details.get("marketplace", ""), row.text, datetime.fromisoformat(row.occurred_at))
                for row in data.recent_activity
                if row.kind == _SYNC_ACTIVITY
            ],
        )

    async def _of_the_shop(
        self, data: DashboardData
    ) -> tuple[Totals, Mapping[str, MarketplaceFigures], Sequence[OrderNotification]]:
        if self._sums is None or self._clock.monotonic() - self._summed_at >= self._options.totals_seconds:
            self._sums = await self._totals.totals()
            self._summed_at = self._clock.monotonic()
        return self._sums, await self._shop.marketplace_figures(tuple(MARKETPLACES)), await self._in_one_currency(data)

    async def _in_one_currency(self, data: DashboardData) -> Sequence[OrderNotification]:
        """The latest orders with their totals in the default currency: the panel shows one sign for all."""
        currency, decimals = data.business_metrics.currency, data.business_metrics.currency_decimals
        foreign = [order.order_id for order in data.recent_orders if order.currency != currency and order.order_id]
        amounts = await self._totals.amounts(foreign) if foreign else {}
        return [
            msgspec.structs.replace(order, total=rounded(amounts[order.order_id], decimals), currency=currency)
            if order.order_id in amounts
            else order
            for order in data.recent_orders
        ]


def _state(
    data: DashboardData, code: str, figures: MarketplaceFigures | None, job: SyncJob | None, decimals: int
) -> MarketplaceState:
    sync = data.system_status.marketplace_sync[code]
    return MarketplaceState(
        orders_today=figures.orders_today if figures else 0,
        sales_today=rounded(figures.revenue_today, decimals) if figures else 0.0,
        listings=figures.listings if figures else 0,
        sync_status=sync.status,
        last_sync=datetime.fromisoformat(sync.last_sync) if sync.last_sync else None,
        synced=job.processed - job.failed if job else 0,
        failed=job.failed if job else 0,
    )
