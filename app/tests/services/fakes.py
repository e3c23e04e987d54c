"""Hand-written doubles of `services.ports`: stores in memory, a shop to program, a publisher that remembers.

The stores pass the same suites as those in SQL (`store_specs`).
"""

from __future__ import annotations

import asyncio
import heapq
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from meschain.domain.payloads import (
    BusinessMetrics,
    DashboardData,
    InventoryUpdate,
    MetricsUpdate,
    Notification,
    OrderNotification,
    PerformanceUpdate,
    SyncUpdate,
    SystemAlert,
    UserActivity,
)
from meschain.services.ports import (
    Figure,
    LastSync,
    MarketplaceFigures,
    NotificationsFull,
    ShopFigures,
    ShopUnavailable,
    SyncJob,
    SyncStep,
    WindowFigures,
)

START = datetime(2025, 3, 10, 9, 30, tzinfo=UTC)


class FakeClock:
    """Time that passes when a test says so."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return 1000.0 + self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._elapsed + seconds, self._count, future))
        await future

    async def advance(self, seconds: float) -> None:
        """Let time pass, waking sleepers in their order and letting the loop settle after each."""
        end = self._elapsed + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            when, _, future = heapq.heappop(self._sleepers)
            self._elapsed = max(self._elapsed, when)
            if not future.done():
                future.set_result(None)
                await settle()
        self._elapsed = end
        await settle()


async def settle() -> None:
    """Let everything that can run without time passing run."""
    for _ in range(50):
        await asyncio.sleep(0)


class MemoryPublisher:
    """Remembers what was published, in order; fails while `failures` is above 0."""

    def __init__(self) -> None:
        self.events: list[tuple[str, object]] = []
        self.failures = 0

    def _take(self, kind: str, payload: object) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise ConnectionError("the broker is away")
        self.events.append((kind, payload))

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events]

    def dashboards(self) -> list[DashboardData]:
        return [payload for _, payload in self.events if isinstance(payload, DashboardData)]

    def syncs(self) -> list[SyncUpdate]:
        return [payload for _, payload in self.events if isinstance(payload, SyncUpdate)]

    def alerts(self) -> list[SystemAlert]:
        return [payload for _, payload in self.events if isinstance(payload, SystemAlert)]

    def notifications(self) -> list[Notification]:
        return [payload for _, payload in self.events if isinstance(payload, Notification)]

    def orders(self) -> list[OrderNotification]:
        return [payload for _, payload in self.events if isinstance(payload, OrderNotification)]

    def activities(self) -> list[UserActivity]:
        return [payload for _, payload in self.events if isinstance(payload, UserActivity)]

    async def admin_dashboard(self, data: DashboardData) -> None:
        self._take("admin_dashboard", data)

    async def system_alert(self, alert: SystemAlert) -> None:
        self._take("system_alert", alert)

    async def notification(self, notification: Notification) -> None:
        self._take("notification", notification)

    async def user_activity(self, activity: UserActivity) -> None:
        self._take("user_activity", activity)

    async def order_received(self, order: OrderNotification) -> None:
        self._take("order_received", order)

    async def inventory_changed(self, update: InventoryUpdate) -> None:
        self._take("inventory_changed", update)

    async def sync_progress(self, update: SyncUpdate) -> None:
        self._take("sync_progress", update)

    async def marketplace_data(self, marketplace: str, data: Mapping[str, object]) -> None:
        self._take("marketplace_data", {**data, "marketplace": marketplace})

    async def metrics(self, data: MetricsUpdate | Mapping[str, object]) -> None:
        self._take("metrics", data)

    async def performance(self, data: PerformanceUpdate | Mapping[str, object]) -> None:
        self._take("performance", data)

    async def business(self, data: BusinessMetrics) -> None:
        self._take("business", data)

    async def granted_business(self, marketplaces: Sequence[str], data: BusinessMetrics) -> None:
        self._take(f"business of {', '.join(marketplaces)}", data)


class MemoryPresence:
    """Who is there, as a test says."""

    def __init__(self) -> None:
        self.groups: set[tuple[str, str]] = set()
        self.users: set[str] = set()

    async def anyone_in(self, hub: str, group: str) -> bool:
        return (hub, group) in self.groups

    async def user_is_connected(self, user_id: str) -> bool:
        return user_id in self.users


def some_figures() -> ShopFigures:
    return ShopFigures(
        store_date="2025-03-10",
        currency="TRY",
        currency_decimals=2,
        active_sessions=Figure(7, "sessions of the last 15 minutes"),
        active_users=Figure(3, "customer_online"),
        daily_transactions=Figure(12, "orders"),
        revenue=Figure(Decimal("1234.565"), "orders"),
        revenue_net=Figure(Decimal("1000.10"), "orders"),
        conversion_rate=Figure(Decimal("2.345"), "orders / product_report"),
        out_of_stock=Figure(2, "product"),
        low_stock=Figure(4, "product"),
        active_products=Figure(80, "product"),
    )


def some_order(number: int = 1, marketplace: str = "trendyol") -> OrderNotification:
    return OrderNotification(
        event_id=f"order:{number}",
        marketplace=marketplace,
        order_number=f"TY-{number}",
        order_id=number,
        marketplace_order_id=f"TY-{number}",
        customer="Ayşe Yılmaz",
        status="created",
        shop_status="Pending",
        total=99.9,
        currency="TRY",
        currency_decimals=2,
        item_count=1,
        occurred_at="2025-03-10T09:29:59.000Z",
        received_at="2025-03-10T09:30:00.000Z",
    )


class FakeShop:
    """A shop that answers what a test puts into it, and counts how often each question is asked."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.errors: dict[str, Exception] = {}
        self.hangs = False
        self.latency = 0.002
        self.shop_figures = some_figures()
        self.order_list: list[OrderNotification] = [some_order(n) for n in range(1, 9)]
        self.old_syncs: dict[str, LastSync] = {}
        self.marketplaces: dict[str, MarketplaceFigures] = {}
        self.calls: dict[str, int] = defaultdict(int)

    async def _asked(self, question: str) -> None:
        self.calls[question] += 1
        if self.hangs:
            await asyncio.Event().wait()
        error = self.errors.get(question, self.error)
        if error is not None:
            raise error

    async def name(self) -> str:
        await self._asked("name")
        return "Shop"

    async def currency(self) -> tuple[str, int]:
        await self._asked("currency")
        return "TRY", 2

    async def figures(self) -> ShopFigures:
        await self._asked("figures")
        return self.shop_figures

    async def recent_orders(self, limit: int, marketplaces: Sequence[str] | None = None) -> Sequence[OrderNotification]:
        await self._asked("recent_orders")
        seen = [o for o in reversed(self.order_list) if marketplaces is None or o.marketplace in marketplaces]
        return seen[:limit]

    async def orders(self, order_ids: Sequence[int]) -> Sequence[OrderNotification]:
        await self._asked("orders")
        return [order for order in self.order_list if order.order_id in order_ids]

    async def marketplace_figures(self, codes: Sequence[str]) -> Mapping[str, MarketplaceFigures]:
        await self._asked("marketplace_figures")
        return {code: self.marketplaces[code] for code in codes if code in self.marketplaces}

    async def last_syncs(self) -> Mapping[str, LastSync]:
        await self._asked("last_syncs")
        return self.old_syncs

    async def probe(self) -> float:
        await self._asked("probe")
        return self.latency

    async def newest_history_id(self) -> int:
        return 0

    async def confirmed_since(self, history_id: int, limit: int) -> tuple[int, Sequence[OrderNotification]]:
        return history_id, ()

    def go_away(self) -> None:
        self.error = ShopUnavailable("The shop's database does not answer; check opencart_url.")


class FakeTraffic:
    """A meter that shows what a test sets."""

    def __init__(self) -> None:
        self.window = WindowFigures(
            requests=200,
            failures=3,
            p50_seconds=0.0123,
            p95_seconds=0.2,
            per_second=3.3333,
            window_seconds=60.0,
            connections=5,
        )

    def figures(self) -> WindowFigures:
        return self.window


class MemoryAlerts:
    def __init__(self) -> None:
        self.rows: list[SystemAlert] = []

    async def add(self, alert: SystemAlert) -> None:
        self.rows.append(alert)

    async def latest(self, limit: int) -> Sequence[SystemAlert]:
        return self.rows[::-1][:limit]

    async def prune(self, before: datetime) -> int:
        kept = [row for row in self.rows if datetime.fromisoformat(row.timestamp) >= before]
        removed, self.rows = len(self.rows) - len(kept), kept
        return removed


class MemoryActivity:
    def __init__(self) -> None:
        self.rows: list[UserActivity] = []

    async def add(self, activity: UserActivity) -> None:
        if all(row.event_id != activity.event_id for row in self.rows):
            self.rows.append(activity)

    async def latest(self, limit: int) -> Sequence[UserActivity]:
        return self.rows[::-1][:limit]

    async def prune(self, before: datetime) -> int:
        kept = [row for row in self.rows if datetime.fromisoformat(row.occurred_at) >= before]
        removed, self.rows = len(self.rows) - len(kept), kept
        return removed


@dataclass
class AuditRow:
    user_id: str
    action: str
    details: Mapping[str, object]
    outcome: str


class MemoryAudit:
    def __init__(self) -> None:
        self.rows: list[AuditRow] = []

    async def add(self, user_id: str, action: str, details: Mapping[str, object], outcome: str) -> None:
        self.rows.append(AuditRow(user_id, action, details, outcome))


class MemoryNotifications:
    def __init__(self, limit: int = 100) -> None:
        self.rows: dict[str, Notification] = {}
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()
        self._limit = limit

    def _pending(self, user_id: str) -> list[Notification]:
        return [n for n in self.rows.values() if n.user_id == user_id and n.id not in self.acknowledged]

    async def add(self, notification: Notification) -> None:
        pending = self._pending(notification.user_id)
        if len(pending) >= self._limit:
            oldest_sent = next((n.id for n in pending if n.id in self.sent), None)
            if oldest_sent is None:
                raise NotificationsFull(f"This user has {self._limit} notifications that never went out.")
            self.acknowledged.add(oldest_sent)
        self.rows[notification.id] = notification

    async def pending(self, user_id: str) -> Sequence[Notification]:
        return self._pending(user_id)[:100]

    async def acknowledge(self, user_id: str, notification_id: str) -> bool:
        if notification_id not in {n.id for n in self._pending(user_id)}:
            return False
        self.acknowledged.add(notification_id)
        return True

    async def mark_sent(self, notification_ids: Sequence[str]) -> None:
        self.sent.update(notification_ids)

    def _unsent(self, before: datetime) -> list[Notification]:
        return [
            n
            for n in self.rows.values()
            if n.id not in self.sent | self.acknowledged and datetime.fromisoformat(n.created_at) < before
        ]

    async def users_with_unsent(self, created_before: datetime, after: str, limit: int) -> Sequence[str]:
        return sorted({n.user_id for n in self._unsent(created_before) if n.user_id > after})[:limit]

    async def unsent(self, user_id: str, created_before: datetime) -> Sequence[Notification]:
        return [n for n in self._unsent(created_before) if n.user_id == user_id][:100]

    async def prune(self, before: datetime) -> int:
        old = [n.id for n in self.rows.values() if datetime.fromisoformat(n.created_at) < before]
        for notification_id in old:
            del self.rows[notification_id]
        return len(old)


class MemoryGroups:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], list[str]] = {}

    async def add(self, hub: str, user_id: str, groups: Sequence[str]) -> None:
        known = self.rows.setdefault((hub, user_id), [])
        known.extend(group for group in dict.fromkeys(groups) if group not in known)

    async def groups(self, hub: str, user_id: str) -> Sequence[str]:
        return sorted(self.rows.get((hub, user_id), ()))


class MemoryCursors:
    def __init__(self) -> None:
        self.rows: dict[str, int] = {}

    async def load(self, name: str) -> int | None:
        return self.rows.get(name)

    async def save(self, name: str, position: int) -> None:
        self.rows[name] = position


class MemoryJobs:
    def __init__(self) -> None:
        self.rows: dict[str, SyncJob] = {}

    async def create(self, job: SyncJob) -> SyncJob:
        for known in self.rows.values():
            if known.marketplace == job.marketplace and known.status in {"queued", "running"}:
                return known
        self.rows[job.id] = job
        return job

    async def get(self, job_id: str) -> SyncJob | None:
        return self.rows.get(job_id)

    async def next_queued(self) -> SyncJob | None:
        return next((job for job in self.rows.values() if job.status == "queued"), None)

    async def update(self, job: SyncJob) -> None:
        self.rows[job.id] = job

    async def latest(self) -> Mapping[str, SyncJob]:
        return {job.marketplace: job for job in self.rows.values()}

    async def latest_finished(self) -> Mapping[str, SyncJob]:
        return {job.marketplace: job for job in self.rows.values() if job.status in {"success", "error"}}

    async def unfinished(self) -> Sequence[SyncJob]:
        return [job for job in self.rows.values() if job.status in {"queued", "running"}]

    async def prune(self, before: datetime) -> int:
        newest = {job.id for job in self.rows.values() if self._is_newest(job)}
        old = [
            job.id
            for job in self.rows.values()
            if job.finished_at is not None and job.finished_at < before and job.id not in newest
        ]
        for job_id in old:
            del self.rows[job_id]
        return len(old)

    def _is_newest(self, job: SyncJob) -> bool:
        return [row for row in self.rows.values() if row.marketplace == job.marketplace][-1].id == job.id


@dataclass
class FakeRunner:
    """A `SyncRunner` whose steps a test feeds one by one: a step, an exception to raise, or None for the end."""

    steps: asyncio.Queue[SyncStep | Exception | None] = field(default_factory=asyncio.Queue)
    began: list[SyncJob] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    closed: int = 0

    async def run(self, job: SyncJob, report_token: str) -> AsyncIterator[SyncStep]:
        self.began.append(job)
        self.tokens.append(report_token)
        try:
            while (step := await self.steps.get()) is not None:
                if isinstance(step, Exception):
                    raise step
                yield step
        finally:
            self.closed += 1


def some_job(job_id: str = "job-1", marketplace: str = "trendyol", status: str = "queued") -> SyncJob:
    ended = status in {"success", "error"}
    return SyncJob(
        id=job_id,
        marketplace=marketplace,
        status=status,
        requested_by="own:1",
        progress=100.0 if status == "success" else 0.0,
        processed=0,
        failed=0,
        total=0,
        message="",
        created_at=START,
        started_at=START if status != "queued" else None,
        finished_at=START if ended else None,
        report_token_hash="",
    )
