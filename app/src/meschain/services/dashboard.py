"""The dashboard object: complete and never null, whatever is unavailable. A figure without a source says so.

One read serves every viewer: `read` asks all sources once, `current` shares a fresh one. Knows no SQL, no hub and no
timer; `dashboard_timer` sends what is read here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, TypeVar

from meschain.domain.payloads import (
    BusinessMetrics,
    DashboardData,
    MarketplaceSync,
    MetricsUpdate,
    OrderNotification,
    PerformanceMetrics,
    PerformanceUpdate,
    SystemStatus,
)
from meschain.services.alert_payloads import system_alert_of
from meschain.services.alert_ports import AlertBook
from meschain.services.clock import iso_utc
from meschain.services.health import ERROR, NO_SOURCE, DatabaseReading, HealthMonitor, database_health
from meschain.services.options import DashboardOptions, HealthOptions
from meschain.services.ports import (
    ActivityStore,
    Clock,
    Figure,
    LastSync,
    Shop,
    ShopFigures,
    ShopUnavailable,
    SyncJobStore,
    TrafficMeter,
    WindowFigures,
)
from meschain.services.sync_status import sync_states
from meschain.services.waiting import within

_log = logging.getLogger(__name__)

T = TypeVar("T")

RECENT_ORDERS: Final = 10
RECENT_ALERTS: Final = 10
RECENT_ACTIVITY: Final = 10

NO_CURRENCY: Final = "XXX"
"""ISO 4217's own code for no currency; browsers format it, while they refuse an empty one."""

_NO_FIGURE: Final = Figure(0, NO_SOURCE)
_OWN_TRAFFIC: Final = "own traffic"


@dataclass(frozen=True, slots=True)
class _ShopReading:
    """What one read of the shop gave; None: it could not be read."""

    database: DatabaseReading
    figures: ShopFigures | None
    orders: Sequence[OrderNotification]
    last_syncs: Mapping[str, LastSync]


class DashboardService:
    """Reads the dashboard.

    Args:
        demo: Whether the shop is the demo shop.
    """

    def __init__(
        self,
        *,
        shop: Shop,
        traffic: TrafficMeter,
        jobs: SyncJobStore,
        alerts: AlertBook,
        activity: ActivityStore,
        health: HealthMonitor,
        clock: Clock,
        demo: bool,
        options: DashboardOptions | None = None,
        health_options: HealthOptions | None = None,
    ) -> None:
        self._shop = shop
        self._traffic = traffic
        self._jobs = jobs
        self._alerts = alerts
        self._activity = activity
        self._health = health
        self._clock = clock
        self._demo = demo
        self._options = options or DashboardOptions()
        self._health_options = health_options or HealthOptions()
        self._reading = asyncio.Lock()
        self._latest: DashboardData | None = None
        self._read_at = 0.0
        self._currency = (NO_CURRENCY, 2)

    async def read(self) -> DashboardData:
        """A new dashboard. One read at a time."""
        async with self._reading:
            return await self._read()

    async def current(self) -> DashboardData:
        """A dashboard that is at most `fresh_seconds` old; those who ask at the same time share one read."""
        async with self._reading:
            if self._latest is not None and self._clock.monotonic() - self._read_at < self._options.fresh_seconds:
                return self._latest
            return await self._read()

    async def metrics(self) -> MetricsUpdate:
        """The part for `metric:basic`."""
        return metrics_of(await self.current())

    async def performance(self) -> PerformanceUpdate:
        """The part for `metric:performance`."""
        return performance_of(await self.current())

    async def business(self) -> BusinessMetrics:
        """The part for `metric:business`."""
        return (await self.current()).business_metrics

    async def _read(self) -> DashboardData:
        shop = await self._read_shop()
        states = sync_states(await self._jobs.latest(), await self._jobs.latest_finished(), shop.last_syncs)
        now = self._clock.now()
        data = DashboardData(
            timestamp=iso_utc(now),
            system_status=self._system_status(shop, states),
            performance_metrics=_performance(await self._traffic.figures()),
            business_metrics=self._business(shop.figures, now.date().isoformat()),
            team_achievements={},
            recent_orders=list(shop.orders),
            recent_alerts=[system_alert_of(alert) for alert in await self._alerts.latest(RECENT_ALERTS)],
            recent_activity=list(await self._activity.latest(RECENT_ACTIVITY)),
            demo=self._demo,
        )
        self._latest = data
        self._read_at = self._clock.monotonic()
        return data

    async def _read_shop(self) -> _ShopReading:
        database = await database_health(
            self._shop, self._clock, self._options.shop_timeout_seconds, self._health_options
        )
        if database.status == ERROR:
            # Three more questions would only wait for three more time-outs.
            return _ShopReading(database, None, (), {})
        figures, orders, last_syncs = await asyncio.gather(
            self._ask("figures", self._shop.figures()),
            self._ask("recent orders", self._shop.recent_orders(RECENT_ORDERS)),
            self._ask("last syncs", self._shop.last_syncs()),
        )
        return _ShopReading(database, figures, orders or (), last_syncs or {})

    async def _ask(self, what: str, question: Awaitable[T]) -> T | None:
        try:
            return await within(self._clock, self._options.shop_timeout_seconds, question)
        except (ShopUnavailable, TimeoutError) as error:
            _log.warning("the shop's %s could not be read: %s", what, error)
        except Exception:  # noqa: BLE001 - boundary to the shop's schema: an odd table costs its figures, not the page
            _log.exception("the shop's %s could not be read", what)
        return None

    def _system_status(self, shop: _ShopReading, states: dict[str, MarketplaceSync]) -> SystemStatus:
        sessions = shop.figures.active_sessions if shop.figures else _NO_FIGURE
        api = self._health.api_health()
        return SystemStatus(
            active_sessions=int(sessions.value),
            api_health=api.status,
            database_status=shop.database.status,
            database_latency_ms=shop.database.latency_milliseconds,
            marketplace_sync=states,
            sources={
                "activeSessions": sessions.source,
                "apiHealth": api.source,
                "databaseStatus": shop.database.source,
                "databaseLatencyMs": shop.database.latency_source,
            },
        )

    def _business(self, figures: ShopFigures | None, utc_date: str) -> BusinessMetrics:
        if figures is None:
            # The last known currency stays: a page that shows 0 in another currency would be wrong twice.
            currency, decimals = self._currency
            return _business(None, currency, decimals, utc_date)
        self._currency = (figures.currency, figures.currency_decimals)
        return _business(figures, figures.currency, figures.currency_decimals, figures.store_date)


def metrics_of(data: DashboardData) -> MetricsUpdate:
    """What `metric:basic` may see of a dashboard."""
    system, business = data.system_status, data.business_metrics
    return MetricsUpdate(
        timestamp=data.timestamp,
        active_sessions=system.active_sessions,
        active_users=business.active_users,
        daily_transactions=business.daily_transactions,
        active_products=business.active_products,
        api_health=system.api_health,
        database_status=system.database_status,
        uptime=data.performance_metrics.uptime,
        sources={
            "activeSessions": system.sources["activeSessions"],
            "activeUsers": business.sources["activeUsers"],
            "dailyTransactions": business.sources["dailyTransactions"],
            "activeProducts": business.sources["activeProducts"],
            "apiHealth": system.sources["apiHealth"],
            "databaseStatus": system.sources["databaseStatus"],
            "uptime": data.performance_metrics.sources["uptime"],
        },
    )


def performance_of(data: DashboardData) -> PerformanceUpdate:
    """What `metric:performance` may see of a dashboard."""
    system = data.system_status
    return PerformanceUpdate(
        timestamp=data.timestamp,
        metrics=data.performance_metrics,
        api_health=system.api_health,
        database_status=system.database_status,
        database_latency_ms=system.database_latency_ms,
    )


def _performance(window: WindowFigures) -> PerformanceMetrics:
    # Without a request there is no response time and no share of failures; there is a throughput, and it is zero.
    measured = _OWN_TRAFFIC if window.requests else NO_SOURCE
    return PerformanceMetrics(
        response_time=round(window.p50_seconds * 1000, 2),
        response_time_p95=round(window.p95_seconds * 1000, 2),
        throughput=round(window.per_second, 2),
        error_rate=round(100 * window.failures / window.requests, 2) if window.requests else 0.0,
        uptime=round(window.uptime_seconds, 1),
        connections=window.connections,
        window_seconds=window.window_seconds,
        sources={
            "responseTime": measured,
            "responseTimeP95": measured,
            "throughput": _OWN_TRAFFIC,
            "errorRate": measured,
            "uptime": "own clock",
            "connections": window.connections_source,
        },
    )


def _business(figures: ShopFigures | None, currency: str, decimals: int, date: str) -> BusinessMetrics:
    known = figures is not None
    users = figures.active_users if figures else _NO_FIGURE
    transactions = figures.daily_transactions if figures else _NO_FIGURE
    revenue = figures.revenue if figures else _NO_FIGURE
    revenue_net = figures.revenue_net if figures else _NO_FIGURE
    conversion = figures.conversion_rate if figures else _NO_FIGURE
    out_of_stock = figures.out_of_stock if figures else _NO_FIGURE
    low_stock = figures.low_stock if figures else _NO_FIGURE
    products = figures.active_products if figures else _NO_FIGURE
    return BusinessMetrics(
        active_users=int(users.value),
        daily_transactions=int(transactions.value),
        revenue=rounded(revenue.value, decimals),
        revenue_net=rounded(revenue_net.value, decimals),
        conversion_rate=rounded(conversion.value, 2),
        currency=currency,
        currency_decimals=decimals,
        out_of_stock=int(out_of_stock.value),
        low_stock=int(low_stock.value),
        active_products=int(products.value),
        store_date=date,
        sources={
            "activeUsers": users.source,
            "dailyTransactions": transactions.source,
            "revenue": revenue.source,
            "revenueNet": revenue_net.source,
            "conversionRate": conversion.source,
            "outOfStock": out_of_stock.source,
            "lowStock": low_stock.source,
            "activeProducts": products.source,
            "currency": "shop settings" if known else NO_SOURCE,
            "storeDate": "shop settings" if known else NO_SOURCE,
        },
    )


def rounded(value: Decimal | int | float, decimals: int) -> float:
    """Money or a share as a JSON number, rounded as merchants do."""
    exact = value if isinstance(value, Decimal) else Decimal(str(value))
    return float(exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP))
