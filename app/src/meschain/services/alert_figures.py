"""The figures that rules look at, each read from where it is known. Knows no rule's limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from meschain.domain.alert_rules import Reading
from meschain.domain.marketplaces import MARKETPLACES
from meschain.services.alert_ports import Figure, SyncMoments
from meschain.services.health import ERROR, HealthMonitor, database_health
from meschain.services.options import AlertWatchOptions
from meschain.services.ports import Clock, Shop, TrafficMeter
from meschain.services.webhook_ports import Backlog

NOTHING = Reading(None)


class FigureUnknown(Exception):
    """It will be known in a moment."""


@dataclass(frozen=True, slots=True)
class FigureSources:
    """Where figures come from.

    Args:
        backlog: of the inbox.
        synced: marketplaces that something syncs.
        connections_that_fit: of all processes; None: nobody here holds connections, or nothing limits them.
    """

    traffic: TrafficMeter
    shop: Shop
    health: HealthMonitor
    backlog: Callable[[], Awaitable[Backlog]]
    syncs: SyncMoments
    synced: Collection[str]
    connections_that_fit: Callable[[], int | None]


class AlertFigures:
    """Reads them."""

    def __init__(self, sources: FigureSources, clock: Clock, options: AlertWatchOptions | None = None) -> None:
        self._sources = sources
        self._clock = clock
        self._options = options or AlertWatchOptions()
        self._stock = NOTHING
        self._stock_until: float | None = None

    def by_rule(self) -> Mapping[str, Figure]:
        """Each figure by the name of its rule."""
        return {
            "error_rate": self.error_rate,
            "response_time": self.response_time,
            "database_down": self.database_down,
            "probe_down": self.probe_down,
            "sync_stale": self.sync_stale,
            "stock_low": self.stock_low,
            "webhook_backlog": self.webhook_backlog,
            "connections": self.connections,
        }

    async def error_rate(self) -> Reading:
        """Percent of our requests and hub calls over the window."""
        window = await self._sources.traffic.figures()
        return Reading(round(100 * window.failures / window.requests, 2)) if window.requests else NOTHING

    async def response_time(self) -> Reading:
        """Milliseconds, 95th percentile over the window."""
        window = await self._sources.traffic.figures()
        return Reading(round(window.p95_seconds * 1000, 1)) if window.requests else NOTHING

    async def database_down(self) -> Reading:
        """1 while the shop's database does not answer."""
        answer = await database_health(self._sources.shop, self._clock, self._options.database_timeout_seconds)
        return Reading(float(answer.status == ERROR))

    async def probe_down(self) -> Reading:
        """How many probed addresses do not answer. Raises: FigureUnknown before their first answers."""
        failing = self._sources.health.failing()
        if failing is None:
            raise FigureUnknown("the probes have not been answered yet")
        return Reading(float(len(failing)), ", ".join(failing)) if self._sources.health.has_probes else NOTHING

    async def sync_stale(self) -> Reading:
        """Hours since a sync went well, of the marketplace where it is longest; those never synced do not count."""
        last = await self._sources.syncs.last_successes()
        known = {code: moment for code, moment in last.items() if code in self._sources.synced}
        if not known:
            return NOTHING
        oldest = min(known, key=known.__getitem__)
        hours = (self._clock.now() - known[oldest]).total_seconds() / 3600
        return Reading(round(hours, 2), MARKETPLACES[oldest])

    async def stock_low(self) -> Reading:
        """Products out of stock or short of it; asked once a minute, for it counts all. Raises: ShopUnavailable."""
        now = self._clock.monotonic()
        if self._stock_until is None or now >= self._stock_until:
            figures = await self._sources.shop.figures()
            self._stock = Reading(float(figures.out_of_stock.value) + float(figures.low_stock.value))
            self._stock_until = now + self._options.stock_seconds
        return self._stock

    async def webhook_backlog(self) -> Reading:
        """Webhooks that wait to be worked on."""
        return Reading(float((await self._sources.backlog()).waiting))

    async def connections(self) -> Reading:
        """Percent of the hub connections that fit."""
        room = self._sources.connections_that_fit()
        if room is None:
            return NOTHING
        return Reading(round(100 * (await self._sources.traffic.figures()).connections / room, 1))
