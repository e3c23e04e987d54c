"""What travels to browsers, field for field; the TypeScript types are generated from these classes.

Attribute names are snake_case here and camelCase on the wire (`rename="camel"`). Times are ISO-8601 UTC strings with a
`Z`. Nothing that an old client reads may be null: a figure without a source is 0 or "unknown" and its name stands in
`sources` with the value "none" (specification: the product's domain sheet, dashboard object).
"""

from __future__ import annotations

import msgspec


class Payload(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Base of all payloads."""


class MarketplaceSync(Payload, frozen=True, kw_only=True):
    """One marketplace in `systemStatus.marketplaceSync`."""

    status: str
    """`idle` `queued` `running` `success` `warning` `error` `unknown`; also the CSS class."""
    last_sync: str
    """When the last sync ended; empty: never, or not known."""
    source: str
    """`jobs`, the old table that it was read from, or `none`."""


class SystemStatus(Payload, frozen=True, kw_only=True):
    active_sessions: int
    api_health: str
    """`healthy` `warning` `error`, or `unknown` without a source; upper-cased by clients."""
    database_status: str
    """The same values."""
    database_latency_ms: float
    marketplace_sync: dict[str, MarketplaceSync]
    sources: dict[str, str]


class PerformanceMetrics(Payload, frozen=True, kw_only=True):
    """Our own HTTP and hub layers over the sliding window."""

    response_time: float
    """Milliseconds, median (p50)."""
    response_time_p95: float
    """Milliseconds."""
    throughput: float
    """Requests and hub calls per second."""
    error_rate: float
    """Percent."""
    uptime: float
    """Seconds since this server started."""
    connections: int
    """Open hub connections."""
    window_seconds: float
    sources: dict[str, str]


class BusinessMetrics(Payload, frozen=True, kw_only=True):
    active_users: int
    daily_transactions: int
    revenue: float
    """In `currency`, today, rounded to its decimals; summed as decimals."""
    revenue_net: float
    """The same for processing and complete statuses only."""
    conversion_rate: float
    """Percent."""
    currency: str
    """ISO code of the store's default currency."""
    currency_decimals: int
    out_of_stock: int
    low_stock: int
    active_products: int
    store_date: str
    """The store's today, `YYYY-MM-DD` in its own time zone."""
    sources: dict[str, str]
    """Figure -> where it comes from in a few words, or `none`."""


class OrderNotification(Payload, frozen=True, kw_only=True):
    """Argument of `orderNotification`; also a row of the recent orders."""

    event_id: str
    marketplace: str
    """A marketplace code, or `shop` for the shop's own counter."""
    order_number: str
    """What people call the order: the marketplace's number, else the shop's order id."""
    order_id: int
    """The shop's own id; 0 when it has none yet."""
    marketplace_order_id: str
    customer: str
    status: str
    """`created` or another word of the product's status list."""
    shop_status: str
    """The shop's own name of the status."""
    total: float
    """In `currency`, as the buyer saw it."""
    currency: str
    currency_decimals: int
    item_count: int
    occurred_at: str
    received_at: str


class InventoryUpdate(Payload, frozen=True, kw_only=True):
    """Argument of `inventoryUpdate`."""

    event_id: str
    marketplace: str
    product_id: int
    sku: str
    name: str
    quantity: int
    """What the shop has."""
    listed_quantity: int
    """What the marketplace shows; equal once synced."""
    reason: str
    """`stock_changed` `order` `cancel` `listing_status` `sync`."""
    occurred_at: str


class SyncUpdate(Payload, frozen=True, kw_only=True):
    """Argument of `marketplaceSyncUpdate`."""

    marketplace: str
    progress: float
    """0 to 100."""
    completed: bool
    status: str
    """`queued` `running` `success` `error`."""
    job_id: str
    processed: int
    failed: int
    total: int
    message: str
    occurred_at: str


class SystemAlert(Payload, frozen=True, kw_only=True):
    """Argument of `systemAlert`."""

    id: str
    message: str
    level: str
    """`info` `warning` `error` `critical`."""
    source: str
    """Who raised it, for people: a name, or `system`."""
    timestamp: str


class Notification(Payload, frozen=True, kw_only=True):
    """Argument of `receiveNotification`; stored until its user acknowledges it by `AcknowledgeNotification(id)`."""

    id: str
    user_id: str
    message: str
    type: str
    """`info` `success` `warning` `error`."""
    title: str
    duration: int
    """Milliseconds on screen; 0: until closed."""
    persistent: bool
    created_at: str


class UserActivity(Payload, frozen=True, kw_only=True):
    """Argument of `userActivityUpdate`; also a row of the recent activity."""

    event_id: str
    kind: str
    """`login` `logout` `command` `sync` `order` `alert` `shop_login`."""
    user: str
    text: str
    """One English sentence; pages translate by `kind` and `details`."""
    details: dict[str, str]
    occurred_at: str


class DashboardData(Payload, frozen=True, kw_only=True):
    """Argument of `updateAdminDashboard`."""

    timestamp: str
    system_status: SystemStatus
    performance_metrics: PerformanceMetrics
    business_metrics: BusinessMetrics
    team_achievements: dict[str, str]
    """Always empty: it has no source. Old clients pass it on."""
    recent_orders: list[OrderNotification]
    """The five latest."""
    recent_alerts: list[SystemAlert]
    """The ten latest, newest first."""
    recent_activity: list[UserActivity]
    """The ten latest, newest first."""
    demo: bool


class MetricsUpdate(Payload, frozen=True, kw_only=True):
    """Argument of `metricsUpdate`, sent to `metric:basic`. Old clients write key k into the element `metric-<k>`."""

    timestamp: str
    active_sessions: int
    active_users: int
    daily_transactions: int
    active_products: int
    api_health: str
    database_status: str
    uptime: float
    sources: dict[str, str]


class PerformanceUpdate(Payload, frozen=True, kw_only=True):
    """Argument of `performanceData`, sent to `metric:performance`."""

    timestamp: str
    metrics: PerformanceMetrics
    api_health: str
    database_status: str
    database_latency_ms: float


class StockRow(Payload, frozen=True, kw_only=True):
    """One product in a marketplace snapshot."""

    product_id: int
    sku: str
    name: str
    quantity: int
    listed_quantity: int
    in_step: bool


class MarketplaceSnapshot(Payload, frozen=True, kw_only=True):
    """One marketplace for the panel."""

    code: str
    name: str
    sync: MarketplaceSync
    progress: float
    """Of the running job, else 0 or 100."""
    job_id: str
    orders_today: int
    revenue_today: float
    currency: str
    currency_decimals: int
    listings: int
    listings_out_of_step: int
    stock: list[StockRow]
    """At most 50 products, those out of step and those short of stock first."""
    may_sync: bool
    sources: dict[str, str]


class PanelSnapshot(Payload, frozen=True, kw_only=True):
    """Answer of `GET /api/marketplaces`: what the caller may see."""

    timestamp: str
    marketplaces: list[MarketplaceSnapshot]
    recent_orders: list[OrderNotification]
    """The twenty latest of those marketplaces, newest first."""


class SessionInfo(Payload, frozen=True, kw_only=True):
    """Answer of `POST /api/login`, `POST /api/refresh` (with a token) and `GET /api/session` (without)."""

    user_id: str
    name: str
    role: str
    permissions: list[str]
    marketplaces: list[str]
    """Those that the caller may see."""
    hubs: list[str]
    """Those that the caller may enter, its default first."""
    demo: bool
    access_token: str = ""
    """Bearer token for `/api`; empty in `GET /api/session`."""
    expires_in: int = 0
    """Seconds of that token's life."""


class PublicInfo(Payload, frozen=True, kw_only=True):
    """Answer of `GET /api/info`, which needs no token: what a page shows before log-in."""

    product: str
    version: str
    demo: bool
    shop_name: str


class NegotiateAnswer(Payload, frozen=True, kw_only=True):
    """Answer of `POST /api/negotiate`: SignalR's own redirect (signalr-protocol 1.4)."""

    url: str
    access_token: str
