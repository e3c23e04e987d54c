"""The marketplace panel's data for one caller: the marketplaces that it may see, and nothing of any other."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping
from typing import Final, TypeVar

from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.payloads import MarketplaceSnapshot, MarketplaceSync, PanelSnapshot
from meschain.domain.roles import Identity, Operation, may
from meschain.services.clock import iso_utc
from meschain.services.dashboard import NO_CURRENCY, rounded
from meschain.services.options import DashboardOptions
from meschain.services.ports import Clock, MarketplaceFigures, Shop, ShopUnavailable, SyncJob, SyncJobStore
from meschain.services.sync import SyncService
from meschain.services.sync_status import SUCCESS, UNFINISHED, sync_states
from meschain.services.waiting import within

_log = logging.getLogger(__name__)

T = TypeVar("T")

RECENT_ORDERS: Final = 20
STOCK_ROWS: Final = 50
_FIGURES: Final = ("ordersToday", "revenueToday", "listings", "listingsOutOfStep")


class MarketplaceService:
    """Reads the panel."""

    def __init__(
        self,
        *,
        shop: Shop,
        jobs: SyncJobStore,
        sync: SyncService,
        clock: Clock,
        options: DashboardOptions | None = None,
    ) -> None:
        self._shop = shop
        self._jobs = jobs
        self._sync = sync
        self._clock = clock
        self._options = options or DashboardOptions()

    async def snapshot(self, identity: Identity) -> PanelSnapshot:
        """What this caller may see; figures that the shop cannot give now have the source `none`."""
        codes = identity.visible_marketplaces
        latest = await self._jobs.latest()
        finished = await self._jobs.latest_finished()
        states = sync_states(latest, finished, await self._ask(self._shop.last_syncs()) or {}) if codes else {}
        figures = await self._ask(self._shop.marketplace_figures(codes)) if codes else None
        orders = await self._ask(self._shop.recent_orders(RECENT_ORDERS, codes)) if codes else None
        currency, decimals = (await self._ask(self._shop.currency()) if codes else None) or (NO_CURRENCY, 2)
        may_start = may(identity.role, Operation.START_SYNC)
        return PanelSnapshot(
            timestamp=iso_utc(self._clock.now()),
            marketplaces=[
                _snapshot(
                    code,
                    sync=states[code],
                    job=latest.get(code),
                    figures=(figures or {}).get(code),
                    currency=currency,
                    decimals=decimals,
                    may_sync=may_start and self._sync.can_sync(code),
                )
                for code in codes
            ],
            recent_orders=list(orders or ()),
        )

    async def _ask(self, question: Awaitable[T]) -> T | None:
        try:
            return await within(self._clock, self._options.shop_timeout_seconds, question)
        except (ShopUnavailable, TimeoutError) as error:
            _log.warning("the marketplace panel lacks a part: %s", error)
            return None


def _snapshot(
    code: str,
    *,
    sync: MarketplaceSync,
    job: SyncJob | None,
    figures: MarketplaceFigures | None,
    currency: str,
    decimals: int,
    may_sync: bool,
) -> MarketplaceSnapshot:
    no_sources: Mapping[str, str] = dict.fromkeys(_FIGURES, "none")
    return MarketplaceSnapshot(
        code=code,
        name=MARKETPLACES[code],
        sync=sync,
        progress=_progress(job),
        job_id=job.id if job else "",
        orders_today=figures.orders_today if figures else 0,
        revenue_today=rounded(figures.revenue_today, decimals) if figures else 0.0,
        currency=currency,
        currency_decimals=decimals,
        listings=figures.listings if figures else 0,
        listings_out_of_step=figures.listings_out_of_step if figures else 0,
        stock=list(figures.stock[:STOCK_ROWS]) if figures else [],
        may_sync=may_sync,
        sources={**no_sources, **(figures.sources if figures else {})},
    )


def _progress(job: SyncJob | None) -> float:
    if job is None:
        return 0.0
    if job.status in UNFINISHED:
        return job.progress
    return 100.0 if job.status == SUCCESS else 0.0
