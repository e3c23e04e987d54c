"""The seams of the use cases. Adapters: `state`, `opencart`, `hubs` and `http`; `bootstrap` puts them together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from meschain.domain.payloads import (
    BusinessMetrics,
    DashboardData,
    InventoryUpdate,
    MetricsUpdate,
    Notification,
    OrderNotification,
    PerformanceUpdate,
    StockRow,
    SyncUpdate,
    SystemAlert,
    UserActivity,
)


class Clock(Protocol):
    """Time. `SystemClock` stands in `services.clock`, the tests' `FakeClock` beside their fixtures."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Return after that time."""


# --- out: to the browsers -------------------------------------------------------------------------------------------


class Publisher(Protocol):
    """Sends events to the groups that may see them. Returns when accepted; delivery is the engine's."""

    async def admin_dashboard(self, data: DashboardData) -> None:
        """To `admins`."""

    async def system_alert(self, alert: SystemAlert) -> None:
        """To `admins`."""

    async def notification(self, notification: Notification) -> None:
        """To the user that it names, on every hub."""

    async def user_activity(self, activity: UserActivity) -> None:
        """To `admins`."""

    async def order_received(self, order: OrderNotification) -> None:
        """To the marketplace's group, and to `admins`."""

    async def inventory_changed(self, update: InventoryUpdate) -> None:
        """To the marketplace's group, and to `admins`."""

    async def sync_progress(self, update: SyncUpdate) -> None:
        """To the marketplace's group, and to `admins`."""

    async def marketplace_data(self, marketplace: str, data: Mapping[str, object]) -> None:
        """What a producer publishes by `SyncMarketplaceData`: `marketplaceSyncUpdate` with `marketplace` set."""

    async def metrics(self, data: MetricsUpdate | Mapping[str, object]) -> None:
        """To `metric:basic`."""

    async def performance(self, data: PerformanceUpdate | Mapping[str, object]) -> None:
        """To `metric:performance`."""

    async def business(self, data: BusinessMetrics) -> None:
        """To those of `metric:business` who see the whole shop."""

    async def granted_business(self, marketplaces: Sequence[str], data: BusinessMetrics) -> None:
        """To those of `metric:business` who see exactly these marketplaces."""


class Presence(Protocol):
    """Whether anybody listens, so that nothing is computed for nobody."""

    async def anyone_in(self, hub: str, group: str) -> bool: ...

    async def user_is_connected(self, user_id: str) -> bool: ...


# --- in: the shop ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and where it comes from; `source` "none": there is no source, and the value is 0."""

    value: Decimal | int | float
    source: str


@dataclass(frozen=True, slots=True)
class ShopFigures:
    """The shop's figures of one moment. Money is in the store's default currency."""

    store_date: str
    currency: str
    currency_decimals: int
    active_sessions: Figure
    active_users: Figure
    daily_transactions: Figure
    revenue: Figure
    revenue_net: Figure
    conversion_rate: Figure
    out_of_stock: Figure
    low_stock: Figure
    active_products: Figure


@dataclass(frozen=True, slots=True)
class MarketplaceFigures:
    """One marketplace today. Counts without a source are 0 and named in `sources` as "none"."""

    orders_today: int
    revenue_today: Decimal
    listings: int
    listings_out_of_step: int
    stock: Sequence[StockRow]
    sources: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LastSync:
    """What the old tables know of a marketplace's last sync."""

    status: str
    finished_at: datetime | None
    source: str


class Shop(Protocol):
    """Reads an OpenCart database. Never writes. Raises: ShopUnavailable when the database cannot be reached."""

    async def name(self) -> str: ...

    async def currency(self) -> tuple[str, int]:
        """Code and decimals of the store's default currency."""

    async def figures(self) -> ShopFigures: ...

    async def recent_orders(self, limit: int, marketplaces: Sequence[str] | None = None) -> Sequence[OrderNotification]:
        """Newest first; None: all, the shop's own counter included."""

    async def orders(self, order_ids: Sequence[int]) -> Sequence[OrderNotification]:
        """Those that exist and count as orders, by ascending id."""

    async def marketplace_figures(self, codes: Sequence[str]) -> Mapping[str, MarketplaceFigures]: ...

    async def last_syncs(self) -> Mapping[str, LastSync]:
        """By marketplace code, from the old tables that exist; missing: no source."""

    async def probe(self) -> float:
        """Ask the database for one row and return how long that took, in seconds."""

    async def newest_history_id(self) -> int:
        """The highest `order_history_id`; 0 for an empty table."""

    async def confirmed_since(self, history_id: int, limit: int) -> tuple[int, Sequence[OrderNotification]]:
        """Orders whose first confirming history row lies behind the cursor, and the cursor to continue from."""


class ShopUnavailable(Exception):
    """The shop's database cannot be reached or refuses; the text says what to do and holds no secret."""


class OrderSource(Protocol):
    """Newly confirmed orders as they happen; change capture will be another source behind this port."""

    def confirmed(self) -> AsyncIterator[Sequence[OrderNotification]]:
        """Batches in order, never empty. One counts as taken when the next is asked for (cursor stored then)."""


# --- our own state --------------------------------------------------------------------------------------------------


class NotificationStore(Protocol):
    async def add(self, notification: Notification) -> None:
        """Store before anybody is told.

        Above the limit of pending ones per user the oldest that went out gives way: pages that know no acknowledgement
        would be cut off otherwise. Raises: NotificationsFull when none of them went out.
        """

    async def pending(self, user_id: str) -> Sequence[Notification]:
        """Not acknowledged, oldest first, at most 100."""

    async def acknowledge(self, user_id: str, notification_id: str) -> bool:
        """Mark as delivered; False: that user has no such pending notification."""

    async def mark_sent(self, notification_ids: Sequence[str]) -> None:
        """Remember that they went out to their users at least once; they stay pending."""

    async def users_with_unsent(self, created_before: datetime, after: str, limit: int) -> Sequence[str]:
        """Users behind `after`, ascending, who have a pending notification that never went out."""

    async def unsent(self, user_id: str, created_before: datetime) -> Sequence[Notification]:
        """That user's pending notifications that never went out, oldest first, at most 100."""


class NotificationsFull(Exception):
    """The user has too many notifications that never went out; the text names the limit."""


class GroupStore(Protocol):
    """Groups that a user joined on request, restored when it connects again."""

    async def add(self, hub: str, user_id: str, groups: Sequence[str]) -> None: ...

    async def groups(self, hub: str, user_id: str) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class SyncJob:
    """A stored request to sync one marketplace."""

    id: str
    marketplace: str
    status: str
    """`queued` `running` `success` `error`."""
    requested_by: str
    progress: float
    processed: int
    failed: int
    total: int
    message: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    report_token_hash: str
    """SHA-256 of the token that lets the shop report progress on this job; empty: nobody may."""


class SyncJobStore(Protocol):
    async def create(self, job: SyncJob) -> SyncJob:
        """Store it; if the marketplace has a job that is queued or running, return that one instead."""

    async def get(self, job_id: str) -> SyncJob | None: ...

    async def next_queued(self) -> SyncJob | None:
        """The oldest queued job."""

    async def update(self, job: SyncJob) -> None: ...

    async def latest(self) -> Mapping[str, SyncJob]:
        """The newest job of each marketplace, by code."""

    async def latest_finished(self) -> Mapping[str, SyncJob]:
        """The newest job of each marketplace that has ended, by code."""

    async def unfinished(self) -> Sequence[SyncJob]:
        """Queued and running ones; those running at start were cut off by a stop."""


@dataclass(frozen=True, slots=True)
class SyncStep:
    """Progress of a running sync."""

    processed: int
    """Items handled so far, those that failed included."""
    failed: int
    total: int
    message: str = ""
    changed: Sequence[InventoryUpdate] = ()


class SyncRunner(Protocol):
    """Executes a sync job. Raises: SyncFailed with a text for people."""

    def run(self, job: SyncJob, report_token: str) -> AsyncIterator[SyncStep]: ...


class SyncFailed(Exception):
    """The sync could not be done."""


class AlertStore(Protocol):
    async def add(self, alert: SystemAlert) -> None: ...

    async def latest(self, limit: int) -> Sequence[SystemAlert]: ...


class AuditStore(Protocol):
    async def add(self, user_id: str, action: str, details: Mapping[str, object], outcome: str) -> None:
        """Append one row: who did what with which outcome. Details must hold no secret."""


class ActivityStore(Protocol):
    async def add(self, activity: UserActivity) -> None: ...

    async def latest(self, limit: int) -> Sequence[UserActivity]: ...


class Prunable(Protocol):
    """A store whose old rows are deleted."""

    async def prune(self, before: datetime) -> int:
        """Delete what is older, except what is still needed; returns how many rows."""


class CursorStore(Protocol):
    """Positions of watchers, by name."""

    async def load(self, name: str) -> int | None: ...

    async def save(self, name: str, position: int) -> None: ...


# --- health ---------------------------------------------------------------------------------------------------------


class HealthProbe(Protocol):
    """A configured endpoint of the shop's or a marketplace's API."""

    name: str

    async def check(self) -> str:
        """`healthy`, `warning` (slow or odd answer) or `error`."""


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """What our HTTP and hub layers saw over the window."""

    requests: int
    failures: int
    p50_seconds: float
    p95_seconds: float
    per_second: float
    window_seconds: float
    connections: int


class TrafficMeter(Protocol):
    """Our own traffic over a sliding window."""

    def figures(self) -> WindowFigures: ...
