"""What travels to browsers, field for field; the TypeScript types are generated from these classes.

Attribute names are snake_case here and camelCase on the wire (`rename="camel"`). Times are ISO-8601 UTC strings with a
`Z`. Nothing that an old client reads may be null: a figure without a source is 0 or "unknown" and its name stands in
`sources` with the value "none" (specification: the product's domain sheet, dashboard object).
"""

from __future__ import annotations

from typing import Any

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
    """Seconds since the process of this service that has run longest started."""
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
    option_value_id: int = 0
    """The shop's `product_option_value_id` whose quantity it is; 0: the product's own."""
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
    """`queued` `running` `success` `error` `cancelled`."""
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
    state: str = "firing"
    """`firing` `acknowledged` `resolved`: it comes again with the same id when that changes."""
    rule: str = ""
    """Name of the rule that watches it; empty: none does."""
    acknowledged_by: str = ""


class AlertRow(Payload, frozen=True, kw_only=True):
    """One alert of the book, in `GET /api/alerts`."""

    id: str
    message: str
    level: str
    """`info` `warning` `error` `critical`."""
    timestamp: str
    """When it was raised."""
    source: str
    """`rule` `person` `system` `published`."""
    raised_by: str
    """For people: a name, or `system`."""
    rule: str
    """Name of the rule that raised it, or empty."""
    state: str
    """`firing` `acknowledged` `resolved`."""
    value: float | None
    """What was measured when it was raised."""
    threshold: float | None
    unit: str
    acknowledged_by: str
    acknowledged_at: str | None
    resolved_at: str | None


class AlertRuleRow(Payload, frozen=True, kw_only=True):
    """One rule, in `GET /api/alerts`."""

    name: str
    title: str
    unit: str
    """Empty: it either holds or does not, and the figure is 1 or 0."""
    threshold: float
    clear_at: float
    for_seconds: float
    level: str
    state: str
    """`ok` `pending` `firing` `unknown`."""
    value: float | None
    """What was measured at the last look; null: there was nothing to measure, or it could not be."""
    silenced_until: str | None
    silenced_by: str
    silence_reason: str


class AlertBookAnswer(Payload, frozen=True, kw_only=True):
    """Answer of `GET /api/alerts`."""

    alerts: list[AlertRow]
    """The newest first."""
    rules: list[AlertRuleRow]


class EventStamp(Payload, frozen=True, kw_only=True):
    """What each event that is kept has beside its own fields, so that nothing is lost and nothing shown twice."""

    event_id: str
    """Names what happened: one that was seen before is a double."""
    position: int
    """Its place in the order of all events; `ResumeEvents` takes it."""
    replayed: bool
    """It was missed, and comes by `ResumeEvents`; absent on one that comes live."""


class MissedEvent(Payload, frozen=True, kw_only=True):
    """An event as the one that would have been sent."""

    target: str
    payload: dict[str, Any]
    """With the fields of an event stamp, `replayed` among them."""


class ResumeAnswer(Payload, frozen=True, kw_only=True):
    """Answer of `ResumeEvents`."""

    position: int
    """Events up to here have been replayed; what still comes live and is not above it is a double."""
    complete: bool
    """False: the position given is older than what is kept, or not known, so that events were missed for good."""
    more: bool
    """Call again with this position: the rest follows."""
    orders: list[OrderNotification]
    """The ten latest, newest first, where nothing could be replayed; else empty."""
    events: list[MissedEvent]
    """What was missed, for who asked to have it in the answer; else it was sent before, and this is empty."""


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
    """`login` `logout` `command` `sync` `order` `alert` `shop_login` `connected` `disconnected`."""
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
    """The ten latest, newest first."""
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


class InboxRow(Payload, frozen=True, kw_only=True):
    """What a marketplace sent, without what it holds."""

    number: int
    vendor: str
    """As in its address: `etsy`, `ebay-soap` …"""
    store: str
    key: str
    """The vendor's own, the same for each repeat."""
    kind: str
    """The vendor's own name of what happened."""
    status: str
    """`waiting` `done` `dead` `dropped`."""
    attempts: int
    """Since it came, or since it was replayed."""
    note: str
    """What came of it, or why nothing did."""
    received_at: str
    next_attempt_at: str
    """Empty unless it waits."""
    finished_at: str
    """Empty while it waits."""


class InboxAttempt(Payload, frozen=True, kw_only=True):
    """One time that a delivery was worked on."""

    at: str
    status: str
    note: str


class InboxDelivery(InboxRow, frozen=True, kw_only=True):
    """Answer of `GET /api/inbox/{number}`: one delivery with all that is kept of it."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    """Its first 64 KiB."""
    body_encoding: str
    """`text`, or `base64` where it is no text."""
    body_bytes: int
    """Of the whole body."""
    tries: list[InboxAttempt]
    """The latest twenty times that it was worked on, the latest last."""


class InboxList(Payload, frozen=True, kw_only=True):
    """Answer of `GET /api/inbox`."""

    waiting: int
    dead: int
    """Given up, until somebody replays or drops them."""
    oldest_waiting: str
    """When it came; empty: none waits."""
    vendors: list[str]
    """Those that have a store in the settings."""
    deliveries: list[InboxRow]
    """The newest first."""


class InboxReplay(Payload, frozen=True, kw_only=True):
    """Answer of `POST /api/inbox/replay-dead`: a page of those that were given up is worked on again."""

    replayed: int
    before: int | None
    """Ask again with `?before=` this; null: that was all."""


class SyncJobRow(Payload, frozen=True, kw_only=True):
    """One sync, as it stands or as it ended."""

    id: str
    marketplace: str
    status: str
    """`queued` `running` `success` `error` `cancelled`."""
    requested_by: str
    """User id; `service:schedule` where a schedule began it."""
    progress: float
    """0 to 100; never less than it was."""
    processed: int
    failed: int
    total: int
    message: str
    created_at: str
    started_at: str | None
    """When it was first begun; null: it waits."""
    finished_at: str | None
    attempts: int
    """How often it was begun; above 1, a process that ran it was lost."""
    can_cancel: bool
    """Unfinished, and nobody has asked for it yet."""


class ScheduleRow(Payload, frozen=True, kw_only=True):
    """How often one marketplace is synced by itself."""

    marketplace: str
    every_minutes: int
    """0: never."""
    next_at: str | None
    """When next; null: never."""
    set_by: str
    """User id of who set it last; empty: nobody has."""


class SyncJobList(Payload, frozen=True, kw_only=True):
    """Answer of `GET /api/jobs`: of the marketplaces that the caller may sync."""

    jobs: list[SyncJobRow]
    """The newest first."""
    schedules: list[ScheduleRow]
    """One for each of these marketplaces."""


class SyncJobAccepted(Payload, frozen=True, kw_only=True):
    """Answer of `POST /api/jobs`."""

    job_id: str
    """Of the sync that was stored, or of one that waits or runs already."""


class AnalyticsMonth(Payload, frozen=True, kw_only=True):
    """One month of the store's calendar, of what the caller may see. Null: there is no source."""

    month: str
    """`YYYY-MM`; the last one is not over yet."""
    revenue: float | None
    """In the answer's currency, rounded to its decimals; summed as decimals."""
    orders: int | None
    checkouts: int | None
    """Begun in the shop itself; marketplaces bring orders that are bought already."""
    confirmed: int | None
    """Of these, those that became orders."""
    conversion: float | None
    """Percent of the checkouts that were confirmed; null in a month without any."""


class MarketplaceSales(Payload, frozen=True, kw_only=True):
    """What one marketplace brought in the months of the answer."""

    code: str
    """A marketplace code, or `shop` for the shop's own counter."""
    revenue: list[float]
    """Month by month, as in `months`."""
    orders: list[int]
    total_revenue: float
    total_orders: int
    share: float | None
    """Percent of the revenue of all that are listed; null while there is none."""


class ProductAtRisk(Payload, frozen=True, kw_only=True):
    """A product whose stock does not last."""

    product_id: int
    sku: str
    name: str
    quantity: int
    """In stock; negative when more was sold than there was."""
    sold: int
    """Pieces within `saleDays`."""
    per_day: float
    """The same per day."""
    days_left: float
    """Days that the stock lasts at that rate; 0: there is none."""


class StockRisk(Payload, frozen=True, kw_only=True):
    """Stock of the shop. Null: there is no source."""

    out_of_stock: int | None
    low_stock: int | None
    at_risk: int | None
    """Products whose stock lasts less than `riskDays`."""
    risk_days: int
    sale_days: int
    """The last days by whose sales that is told."""
    products: list[ProductAtRisk]
    """The first fifty of them, those that run out first at the head."""


class Analytics(Payload, frozen=True, kw_only=True):
    """Answer of `GET /api/analytics`. Null: there is no source."""

    timestamp: str
    """When it was read."""
    age_seconds: float
    """How long ago that was."""
    fresh_seconds: float
    """For how long the same will be answered."""
    currency: str
    currency_decimals: int
    months: list[AnalyticsMonth]
    """Oldest first, the store's present month last."""
    marketplaces: list[MarketplaceSales]
    """Those that the caller may see, the shop's own counter last; empty without a source."""
    stock: StockRisk
    sources: dict[str, str]
    """Figure -> where it comes from in a few words, or `none`."""


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


class NamesAnswer(Payload, frozen=True, kw_only=True):
    """Answer of `GET /api/names`."""

    names: dict[str, str]
    """User id -> name, of those that are known."""


class ServerMoving(Payload, frozen=True, kw_only=True):
    """Open another connection, drop doubles by `eventId`, then close this one."""

    deadline: str
    """When this connection is closed by us, if it is still there."""
    reason: str
    """`rollout`: another place is to hold the connection."""
    url: str = ""
    """Where to, as negotiate would answer now; good for a minute. Empty: ask negotiate."""
    access_token: str = ""
    """For that place."""


class RolloutPlan(Payload, frozen=True, kw_only=True):
    """One version of the plan that says who is sent to which side."""

    version: int
    """0: there was never a plan."""
    state: str
    """`none` `running` `held` `rolled_back`."""
    percent: int
    """Of the users, those on green."""
    roles: list[str]
    user_ids: list[str]
    marketplaces: list[str]
    """Whoever is chosen by these three is on green whatever the percentage."""
    shadow: bool
    """Whether what both sides deliver is compared."""
    changed_by: str
    changed_at: str
    """Empty: there was never a plan."""
    reason: str


class SideFigures(Payload, frozen=True, kw_only=True):
    """How one side did in the last seconds."""

    connections: int
    """Open now."""
    connects_failed: float
    """Percent of the attempts."""
    errors: float
    """Percent of calls and sends."""
    latency_ms: float
    """From publishing to a client, the 95th percentile; 0: not measured."""


class RolloutReport(Payload, frozen=True, kw_only=True):
    """Answer of `GET /api/rollout`."""

    has_green: bool
    """Whether there is a second side at all."""
    plan: RolloutPlan
    sides: dict[str, SideFigures]
    """`blue` and `green`."""
    guard: str
    """What the guards think: empty while nothing is wrong."""
    compared: int
    """Events that both sides delivered, since the comparison began."""
    differences: list[str]
    """What one of them did not, the newest last."""
    history: list[RolloutPlan]
    """The newest versions, newest first."""


class ConnectionOnline(Payload, frozen=True, kw_only=True):
    """One open hub connection of a person."""

    hub: str
    marketplaces: list[str]
    """Those that its token lets it see."""
    connected_at: str
    last_active_at: str
    """Its last call of a hub method, or its connect; known to a quarter of a minute."""
    node: str
    """The process that holds it; empty: a service does."""


class PersonOnline(Payload, frozen=True, kw_only=True):
    """Somebody with an open hub connection, or one of the shop's programs."""

    user_id: str
    name: str
    role: str
    connection_count: int
    connections: list[ConnectionOnline]
    """The newest twenty of them, newest first."""


class PeopleOnline(Payload, frozen=True, kw_only=True):
    """Answer of `GET /api/presence`: who is there now, over all processes. Who is there twice counts once."""

    timestamp: str
    people_count: int
    people: list[PersonOnline]
    """The first five hundred by name."""
    by_hub: dict[str, int]
    """People by the hubs that they are connected to; one may be in several."""
    by_role: dict[str, int]
    by_marketplace: dict[str, int]
    """People by the marketplaces that they may see."""


class AuditRow(Payload, frozen=True, kw_only=True):
    """One act of a person or a program."""

    id: int
    """Higher: later."""
    at: str
    user_id: str
    """Who did it; empty: nobody who was known, as at a log-in that failed."""
    action: str
    details: dict[str, str]
    outcome: str
    """`ok…`, `refused: …` or `failed: …`."""


class AuditPage(Payload, frozen=True, kw_only=True):
    """Answer of `GET /api/audit`."""

    entries: list[AuditRow]
    """The newest first."""
    next: int | None
    """What to give as `before` for the entries behind these; null: there are none."""


class SignInAddress(Payload, frozen=True, kw_only=True):
    """Answer of `POST /api/session/opencart/ticket`: where the shop sends its administrator's browser."""

    url: str
    """Good once."""
    expires_in: int
    """Seconds."""


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


class LegacyListenerRow(Payload, frozen=True, kw_only=True):
    """A port on which old pages are served."""

    name: str
    port: int
    dialect: str
    """`ratchet` `native` `role` `panel`, or empty: told by what is dialled and said."""
    role: str
    """Of who comes without a signed link, at most."""
    ceiling: str


class LegacyPage(Payload, frozen=True, kw_only=True):
    """Whoever still uses an old dialect, from one address."""

    listener: str
    dialect: str
    origin: str
    """Of the page; empty: a program."""
    address: str
    user_agent: str
    role: str
    """What it was last taken for."""
    proved: bool
    """By a signed link or a log-in."""
    first_seen_at: str
    last_seen_at: str
    open: bool
    """It was connected within the last minutes."""
    connections: int
    """Opened altogether."""
    received: int
    """Frames that it sent altogether."""


class LegacyReport(Payload, frozen=True, kw_only=True):
    """Answer of `GET /api/legacy`."""

    listeners: list[LegacyListenerRow]
    pages: list[LegacyPage]
    """Those seen last first."""
