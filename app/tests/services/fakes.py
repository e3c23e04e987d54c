"""Hand-written doubles of `services.ports`: stores in memory, a shop to program, a publisher that remembers.

The stores pass the same suites as those in SQL (`store_specs`).
"""

from __future__ import annotations

import asyncio
import heapq
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from meschain.domain.events import NewEvent, StoredEvent
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
from meschain.domain.roles import Identity, Role
from meschain.services.ports import (
    Attendee,
    AuditEntry,
    ConnectionKey,
    Figure,
    LastSync,
    Lease,
    MarketplaceFigures,
    MonthOfCheckouts,
    MonthOfSales,
    NeighboursUnreachable,
    NotificationsFull,
    OnlineConnection,
    OpenConnection,
    SalesHistory,
    ShopFigures,
    ShopUnavailable,
    ShortProduct,
    StockOutlook,
    SyncJob,
    SyncSchedule,
    SyncStep,
    Told,
    WindowFigures,
)
from meschain.services.sync_status import ENDED_BY_ITSELF, SUCCESS, UNFINISHED
from meschain.services.text import clip

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

    def skip(self, seconds: float) -> None:
        """Something takes so long; nobody is woken."""
        self._elapsed += seconds

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

    def told(self) -> list[StoredEvent]:
        return [payload for _, payload in self.events if isinstance(payload, StoredEvent)]

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

    async def tell(self, events: Sequence[StoredEvent], told: Told | None = None) -> None:
        for stored in events:
            self._take("tell", stored)

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


def some_stock() -> InventoryUpdate:
    return InventoryUpdate(
        event_id="s",
        marketplace="n11",
        product_id=5,
        sku="",
        name="Çay",
        quantity=1,
        listed_quantity=2,
        reason="order",
        occurred_at="2025-03-10T09:30:00.000Z",
    )


def some_step() -> SyncUpdate:
    """Of a sync that runs."""
    return SyncUpdate(
        marketplace="n11",
        progress=1,
        completed=False,
        status="running",
        job_id="job",
        processed=1,
        failed=0,
        total=9,
        message="",
        occurred_at="2025-03-10T09:30:00.000Z",
    )


def some_history() -> SalesHistory:
    """Two months: two marketplaces, one that the product does not know, and the shop's own counter."""
    return SalesHistory(
        currency="TRY",
        currency_decimals=2,
        months=["2025-01", "2025-02", "2025-03"],
        sales=[
            MonthOfSales("2025-02", "trendyol", 2, Decimal("100.005")),
            MonthOfSales("2025-02", "shop", 1, Decimal("20")),
            MonthOfSales("2025-03", "trendyol", 1, Decimal("0.005")),
            MonthOfSales("2025-03", "n11", 3, Decimal("60")),
            MonthOfSales("2025-03", "bazaar", 1, Decimal("19.99")),
        ],
        checkouts={"2025-03": MonthOfCheckouts(8, 6)},
        sources={"revenue": "order.total", "orders": "order", "marketplaces": "meschain_order", "conversion": "order"},
    )


def some_outlook() -> StockOutlook:
    return StockOutlook(
        out_of_stock=Figure(2, "product"),
        low_stock=Figure(4, "product"),
        risk_days=14,
        sale_days=30,
        short=[
            ShortProduct(7, "S7", "Çay", -1, 45),
            ShortProduct(8, "S8", "Kase", 10, 70),
        ],
        source="product.quantity / order_product",
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
        self.history = some_history()
        self.asked_months: list[int] = []
        self.outlook = some_outlook()
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

    async def sales_history(self, months: int) -> SalesHistory:
        await self._asked("sales_history")
        self.asked_months.append(months)
        return self.history

    async def stock_outlook(self) -> StockOutlook:
        await self._asked("stock_outlook")
        return self.outlook

    async def last_syncs(self) -> Mapping[str, LastSync]:
        await self._asked("last_syncs")
        return self.old_syncs

    async def probe(self) -> float:
        await self._asked("probe")
        return self.latency

    async def newest_history_id(self) -> int:
        return 0

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
            uptime_seconds=90.04,
        )

    async def figures(self) -> WindowFigures:
        return self.window


class MemoryActivity:
    def __init__(self) -> None:
        self.rows: list[UserActivity] = []

    async def add(self, activity: UserActivity) -> None:
        if all(row.event_id != activity.event_id for row in self.rows):
            self.rows.append(activity)

    async def latest(self, limit: int) -> Sequence[UserActivity]:
        return self.rows[::-1][:limit]

    async def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        kept = [row for row in self.rows[-keep:] if datetime.fromisoformat(row.occurred_at) >= before]
        removed, self.rows = len(self.rows) - len(kept), kept
        yield removed


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


class MemoryAuditEntries:
    """`AuditEntries`; `prune` as the real one."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._newest = 0
        self.rows: list[AuditEntry] = []

    async def add(self, user_id: str, action: str, details: Mapping[str, object], outcome: str) -> None:
        self._newest += 1
        self.rows.append(AuditEntry(self._newest, self._clock.now(), user_id, action, details, outcome))

    async def entries(
        self, *, before: int | None = None, user_id: str | None = None, action: str | None = None, limit: int
    ) -> Sequence[AuditEntry]:
        return [
            row
            for row in reversed(self.rows)
            if (before is None or row.number < before)
            and user_id in {None, row.user_id}
            and action in {None, row.action}
        ][:limit]

    async def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        kept = [row for row in self.rows[-keep:] if row.at >= before]
        removed, self.rows = len(self.rows) - len(kept), kept
        yield removed


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

    async def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        too_many = list(self.rows.values())[: max(0, len(self.rows) - keep)]
        moments = {n.id: datetime.fromisoformat(n.created_at) for n in self.rows.values()}
        old = [
            n.id
            for n in self.rows.values()
            if (n.id in self.acknowledged and (n in too_many or moments[n.id] < before))
            or moments[n.id] < START - timedelta(days=365)
        ]
        for notification_id in old:
            del self.rows[notification_id]
        yield len(old)


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
        self.rows: dict[str, str] = {}

    async def load(self, name: str) -> str | None:
        return self.rows.get(name)

    async def save(self, name: str, position: str) -> None:
        self.rows[name] = position


class MemoryEvents:
    """Events and cursors; `prune` as the real one."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._stored_at: dict[int, datetime] = {}
        self._newest = 0
        self._published = {"": 0}
        self.rows: list[StoredEvent] = []
        self.cursors = MemoryCursors()

    async def append(self, events: Sequence[NewEvent], cursors: Mapping[str, str] = MappingProxyType({})) -> None:
        for event in events:
            if all(row.event.event_id != event.event_id for row in self.rows):
                self._newest += 1
                self._stored_at[self._newest] = self._clock.now()
                self.rows.append(StoredEvent(self._newest, event))
        self.cursors.rows.update(cursors)

    async def behind(self, position: int, limit: int) -> Sequence[StoredEvent]:
        return [row for row in self.rows if row.position > position][:limit]

    async def newest(self) -> int:
        return self._newest

    async def published(self, way: str = "") -> int:
        return self._published.get(way, self._published[""])

    async def mark_published(self, position: int, way: str = "") -> None:
        self._published[way] = max(self._published.get(way, 0), position)

    async def forget_way(self, way: str) -> None:
        self._published.pop(way, None)

    async def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        kept = [row for row in self.rows if not self._is_old(row, before, keep)]
        deleted, self.rows = len(self.rows) - len(kept), kept
        for done in range(0, deleted, 1_000):
            yield min(1_000, deleted - done)

    def _is_old(self, row: StoredEvent, before: datetime, keep: int) -> bool:
        is_too_many = row.position <= self._newest - keep
        return row.position <= self._published[""] and (is_too_many or self._stored_at[row.position] < before)


def some_event(number: int = 1, kind: str = "order", marketplace: str = "trendyol", key: str = "") -> NewEvent:
    """An event whose payload says its number; the real payloads are the publisher's tests' affair."""
    return NewEvent(f"event-{number}", kind, key or f"{kind}:{number}", marketplace, {"number": number}, START)


class MemoryLeases:
    """Leases by the clock; fails while `is_away`, waits while `hangs`."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._rows: dict[str, tuple[str, int, float]] = {}
        self.is_away = False
        self.hangs = False

    async def take(self, name: str, holder: str, seconds: float) -> Lease:
        if self.is_away:
            raise ConnectionError("the database is away")
        if self.hangs:
            await asyncio.Event().wait()
        now = self._clock.monotonic()
        present, term, expires = self._rows.get(name, ("", 0, 0.0))
        if present not in {"", holder} and 0 < expires - now <= seconds + 1:
            return Lease(name, present, term, expires - now)
        is_renewed = present == holder and expires > now
        self._rows[name] = (holder, term if is_renewed else term + 1, now + seconds)
        return Lease(name, holder, self._rows[name][1], seconds)

    async def release(self, name: str, holder: str) -> None:
        present, term, _ = self._rows.get(name, ("", 0, 0.0))
        if present == holder:
            self._rows[name] = ("", term, 0.0)

    async def look(self, name: str) -> Lease | None:
        row = self._rows.get(name)
        return None if row is None else Lease(name, row[0], row[1], row[2] - self._clock.monotonic())

    async def forget(self, name: str) -> None:
        row = self._rows.get(name)
        if row is not None and (row[0] == "" or row[2] <= self._clock.monotonic()):
            del self._rows[name]


class MemoryConnections:
    """`WrittenConnections`; fails while `is_away`."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._seen: dict[ConnectionKey, datetime] = {}
        self.rows: dict[ConnectionKey, OnlineConnection] = {}
        self.is_away = False
        self.writes = 0

    async def write(self, opened: Sequence[OpenConnection], ended: Sequence[ConnectionKey]) -> None:
        self._there()
        self.writes += 1
        for each in opened:
            key = (each.hub, each.connection_id)
            kept = replace(
                each, who=replace(each.who, user_id=clip(each.who.user_id, 190), name=clip(each.who.name, 190))
            )
            self.rows[key] = OnlineConnection(kept, each.opened_at or self._clock.now())
            self._seen[key] = self._clock.now()
        for key in ended:
            self.rows.pop(key, None)

    async def write_active(self, moments: Mapping[ConnectionKey, datetime]) -> None:
        self._there()
        for key, moment in moments.items():
            if key in self.rows:
                self.rows[key] = OnlineConnection(self.rows[key].connection, moment)

    async def held_by(self, node: str) -> Sequence[ConnectionKey]:
        return [key for key, row in self.rows.items() if row.connection.node == node]

    async def nodes(self) -> Sequence[str]:
        return sorted({row.connection.node for row in self.rows.values()})

    async def end_node(self, node: str, unseen_since: datetime | None = None) -> int:
        held = await self.held_by(node)
        gone = [key for key in held if unseen_since is None or self._seen[key] < unseen_since]
        for key in gone:
            del self.rows[key]
        return len(gone)

    async def online(self) -> Sequence[OnlineConnection]:
        rows = sorted(self.rows.values(), key=lambda row: (row.connection.hub, row.connection.connection_id))
        return sorted(rows, key=lambda row: row.connection.opened_at or START, reverse=True)

    async def people(self) -> Sequence[Identity]:
        return [row.connection.who for row in self.rows.values() if row.connection.who.role is not Role.SERVICE]

    async def idle(self, before: datetime, limit: int) -> Sequence[OpenConnection]:
        idle = sorted((row for row in self.rows.values() if row.active_at < before), key=lambda row: row.active_at)
        return [row.connection for row in idle][:limit]

    def _there(self) -> None:
        if self.is_away:
            raise ConnectionError("the database is away")


class MemoryAttendance:
    """`AttendanceStore`; `fails_after` so many writes, once."""

    def __init__(self) -> None:
        self.rows: dict[str, Attendee] = {}
        self.fails_after: int | None = None

    async def attendees(self) -> Sequence[Attendee]:
        return [self.rows[user_id] for user_id in sorted(self.rows)]

    async def save(self, attendees: Sequence[Attendee]) -> None:
        self._count()
        self.rows |= {each.user_id: each for each in attendees}

    async def forget(self, user_ids: Sequence[str]) -> None:
        self._count()
        for user_id in user_ids:
            self.rows.pop(user_id, None)

    def _count(self) -> None:
        if self.fails_after is None:
            return
        if self.fails_after == 0:
            self.fails_after = None
            raise ConnectionError("the database is away")
        self.fails_after -= 1


class MemoryJobs:
    """Jobs, with leases by the clock, and events put into a log of events."""

    def __init__(
        self,
        clock: FakeClock | None = None,
        events: MemoryEvents | None = None,
        *,
        per_marketplace: int = 1,
    ) -> None:
        self._clock = clock or FakeClock()
        self.events = events or MemoryEvents(self._clock)
        self._per_marketplace = per_marketplace
        self._lease_until: dict[str, float] = {}
        self.rows: dict[str, SyncJob] = {}

    async def create(self, job: SyncJob, events: Sequence[NewEvent] = ()) -> SyncJob:
        unfinished = [row for row in self._unfinished() if row.marketplace == job.marketplace]
        if job.id in self.rows:
            return self.rows[job.id]
        if job.status in UNFINISHED and len(unfinished) >= self._per_marketplace:
            return unfinished[-1]
        self.rows[job.id] = job
        await self.events.append(events)
        return job

    async def get(self, job_id: str) -> SyncJob | None:
        return self.rows.get(job_id)

    async def claim(self, worker: str, run: str, seconds: float, leave: Collection[str] = ()) -> SyncJob | None:
        now = self._clock.monotonic()
        for job in self._unfinished():
            left = self._lease_until.get(job.id, 0.0) - now
            if job.id not in leave and not 0 < left <= seconds + 1:
                self._lease_until[job.id] = now + seconds
                self.rows[job.id] = replace(
                    job, status="running", worker=worker, report_token_hash=run, attempts=job.attempts + 1
                )
                return self.rows[job.id]
        return None

    async def renew(self, job_id: str, run: str, seconds: float) -> SyncJob | None:
        if not self._is_held(job_id, run):
            return None
        self._lease_until[job_id] = self._clock.monotonic() + seconds
        return self.rows[job_id]

    async def release(self, job_id: str, run: str) -> None:
        if self._is_held(job_id, run):
            self._lease_until[job_id] = 0.0
            self.rows[job_id] = replace(self.rows[job_id], attempts=self.rows[job_id].attempts - 1)

    async def update(self, job: SyncJob, run: str, events: Sequence[NewEvent] = ()) -> bool:
        return await self._change(job, events) if self._is_held(job.id, run) else False

    async def cancel_queued(self, job: SyncJob, events: Sequence[NewEvent] = ()) -> bool:
        return await self._change(job, events) if self._has_status(job.id, "queued") else False

    async def _change(self, job: SyncJob, events: Sequence[NewEvent]) -> bool:
        present = self.rows[job.id]
        self.rows[job.id] = replace(
            job,
            worker=present.worker,
            attempts=present.attempts,
            cancel_requested_by=present.cancel_requested_by,
        )
        await self.events.append(events)
        return True

    async def request_cancel(self, job_id: str, name: str) -> bool:
        if not self._has_status(job_id, "running"):
            return False
        if not self.rows[job_id].cancel_requested_by:
            self.rows[job_id] = replace(self.rows[job_id], cancel_requested_by=name)
        return True

    async def history(self, marketplaces: Sequence[str], limit: int) -> Sequence[SyncJob]:
        return [job for job in reversed(self.rows.values()) if job.marketplace in marketplaces][:limit]

    async def latest(self) -> Mapping[str, SyncJob]:
        return {job.marketplace: job for job in self.rows.values()}

    async def latest_finished(self) -> Mapping[str, SyncJob]:
        return {job.marketplace: job for job in self.rows.values() if job.status in ENDED_BY_ITSELF}

    async def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        well = {job.marketplace: job for job in self.rows.values() if job.status == SUCCESS}
        of_each = (await self.latest(), await self.latest_finished(), well)
        shown = {job.id for newest in of_each for job in newest.values()}
        too_many = list(self.rows.values())[: max(0, len(self.rows) - keep)]
        gone = [
            job.id
            for job in self.rows.values()
            if job.finished_at is not None and (job in too_many or job.finished_at < before) and job.id not in shown
        ]
        for job_id in gone:
            del self.rows[job_id]
        yield len(gone)

    def _unfinished(self) -> Sequence[SyncJob]:
        return [job for job in self.rows.values() if job.status in UNFINISHED]

    def _has_status(self, job_id: str, status: str) -> bool:
        return job_id in self.rows and self.rows[job_id].status == status

    def _is_held(self, job_id: str, run: str) -> bool:
        return self._has_status(job_id, "running") and self.rows[job_id].report_token_hash == run


class MemorySchedules:
    def __init__(self) -> None:
        self.rows: dict[str, SyncSchedule] = {}

    async def schedules(self) -> Sequence[SyncSchedule]:
        return [self.rows[code] for code in sorted(self.rows)]

    async def put(self, schedule: SyncSchedule) -> None:
        self.rows[schedule.marketplace] = schedule

    async def advance(self, seen: SyncSchedule, next_at: datetime) -> bool:
        present = self.rows[seen.marketplace]
        if (present.every_minutes, present.next_at) != (seen.every_minutes, seen.next_at):
            return False
        self.rows[seen.marketplace] = replace(present, next_at=next_at)
        return True


class FakeNeighbours:
    """Other processes, whose hearing a test gives; none without it. Nobody can be reached while `is_away`."""

    def __init__(self, hear: Callable[[str, str], None] | None = None) -> None:
        self.hear = hear
        self.told: list[tuple[str, str]] = []
        self.is_away = False

    def tell(self, topic: str, message: str) -> None:
        self.told.append((topic, message))
        if self.hear is not None and not self.is_away:
            self.hear(topic, message)

    async def reach(self, topic: str, message: str) -> bool:
        if self.is_away:
            raise NeighboursUnreachable("the broker is away")
        self.tell(topic, message)
        return self.hear is not None


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
    ended = status not in UNFINISHED
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
