"""Business figures for those who may see their granted marketplaces only: never those of the whole shop.

Users with the same grants are one audience and cost one read per interval, while one of them is there. What an order
does not carry (visitors, stock of the shop) has no source here. Knows no hub.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from meschain.domain.events import DASHBOARD_HUB, granted_business_group
from meschain.domain.payloads import BusinessMetrics
from meschain.services.audiences import ProcessAudiences, audiences_in
from meschain.services.clock import iso_utc
from meschain.services.dashboard import NO_CURRENCY, rounded
from meschain.services.health import NO_SOURCE
from meschain.services.options import DashboardOptions
from meschain.services.ports import (
    AudienceStore,
    Clock,
    MarketplaceFigures,
    Presence,
    Publisher,
    Shop,
    ShopUnavailable,
)
from meschain.services.waiting import Wakeup, within

_log = logging.getLogger(__name__)


class GrantedBusiness:
    """Reads and sends `businessMetrics` by sets of marketplaces.

    Args:
        audiences: Those that connected. None: to this process.
        others: Gives the `numbers` of each other process that lives.
    """

    def __init__(
        self,
        *,
        shop: Shop,
        publisher: Publisher,
        presence: Presence,
        clock: Clock,
        options: DashboardOptions | None = None,
        audiences: AudienceStore | None = None,
        others: Callable[[], Iterable[Mapping[str, float]]] = tuple,
    ) -> None:
        self._shop = shop
        self._publisher = publisher
        self._presence = presence
        self._clock = clock
        self._options = options or DashboardOptions()
        self._wakeup = Wakeup(clock)
        self._audiences = audiences or ProcessAudiences(clock)
        self._others = others

    async def watch(self, marketplaces: Sequence[str]) -> None:
        """Somebody with these grants is there; there are at most as many audiences as sets of marketplaces."""
        await self._audiences.watch(marketplaces)

    def refresh(self) -> None:
        """Ask for a round soon. Returns at once."""
        self._wakeup.set()

    async def run(self) -> None:
        """Send at every interval and after a refresh, for ever."""
        while True:
            await self._wakeup.next_round(self._options.interval_seconds, self._options.coalesce_seconds)
            try:
                await self.tick()
            except Exception:  # noqa: BLE001 - the boundary that keeps the loop alive: the next round tries again
                _log.exception("business figures of granted marketplaces could not be sent")

    async def tick(self) -> None:
        """Send to each audience that is there, whatever process it connected to."""
        elsewhere = {audience for numbers in self._others() for audience in audiences_in(numbers)}
        for marketplaces in sorted((await self._audiences.watched()).keys() | elsewhere):
            if await self._is_there(marketplaces):
                await self._publisher.granted_business(marketplaces, await self.read(marketplaces))

    async def look_after(self) -> None:
        """Forget audiences that left, for ever and in each process, whichever one sends."""
        while True:
            await self._clock.sleep(self._options.forget_seconds)
            await self.forget()

    async def forget(self) -> None:
        """Forget those audiences that are not there any more."""
        for marketplaces, watched_at in (await self._audiences.watched()).items():
            # Who has just come may not be in the group yet.
            is_new = self._clock.now() - watched_at < timedelta(seconds=self._options.forget_seconds)
            if not is_new and not await self._is_there(marketplaces):
                await self._audiences.forget(marketplaces, watched_at)

    async def _is_there(self, marketplaces: Sequence[str]) -> bool:
        return await self._presence.anyone_in(DASHBOARD_HUB, granted_business_group(marketplaces))

    async def read(self, marketplaces: Sequence[str]) -> BusinessMetrics:
        """The figures of these marketplaces together; without a source where the shop cannot give them."""
        currency, decimals, figures = NO_CURRENCY, 2, list[MarketplaceFigures]()
        try:
            currency, decimals = await within(self._clock, self._options.shop_timeout_seconds, self._shop.currency())
            by_code = await within(
                self._clock, self._options.shop_timeout_seconds, self._shop.marketplace_figures(marketplaces)
            )
            figures = [by_code[code] for code in marketplaces if code in by_code]
        except (ShopUnavailable, TimeoutError) as error:
            _log.warning("business figures of granted marketplaces cannot be read: %s", error)
        revenue = sum((each.revenue_today for each in figures), Decimal(0))
        return BusinessMetrics(
            active_users=0,
            daily_transactions=sum(each.orders_today for each in figures),
            revenue=rounded(revenue, decimals),
            revenue_net=0.0,
            conversion_rate=0.0,
            currency=currency,
            currency_decimals=decimals,
            out_of_stock=0,
            low_stock=0,
            active_products=0,
            store_date=iso_utc(self._clock.now())[:10],
            sources={
                "activeUsers": NO_SOURCE,
                "dailyTransactions": _source(figures, "ordersToday"),
                "revenue": _source(figures, "revenueToday"),
                "revenueNet": NO_SOURCE,
                "conversionRate": NO_SOURCE,
                "outOfStock": NO_SOURCE,
                "lowStock": NO_SOURCE,
                "activeProducts": NO_SOURCE,
                "currency": "shop settings" if currency != NO_CURRENCY else NO_SOURCE,
                "storeDate": NO_SOURCE,
                "marketplaces": ", ".join(marketplaces) or NO_SOURCE,
            },
        )


def _source(figures: Sequence[MarketplaceFigures], name: str) -> str:
    """Where a sum comes from; one part without a source makes it incomplete, so then there is none."""
    sources = {each.sources.get(name, NO_SOURCE) for each in figures}
    return NO_SOURCE if not sources or NO_SOURCE in sources else ", ".join(sorted(sources))
