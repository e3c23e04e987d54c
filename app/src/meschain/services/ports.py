"""The seams of the use cases. Adapters: `state`, `opencart`, `hubs` and `http`; `bootstrap` puts them together."""

from __future__ import annotations

import enum
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Protocol

from meschain.domain.events import NewEvent, StoredEvent
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
from meschain.domain.roles import Identity, Role


class Clock(Protocol):
    """Time. `SystemClock` stands in `services.clock`, the tests' `FakeClock` beside their fixtures."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Return after that time."""


# --- out: to the browsers -------------------------------------------------------------------------------------------


Told = set[tuple[str, int]]
"""What went out: hub, and position of the event."""


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

    async def tell(self, events: Sequence[StoredEvent], told: Told | None = None) -> None:
        """To the groups that `domain.event_routes` names, in their order; those of one group may share frames.

        Args:
            told: what was told before is left out, and what is told now is added, so that whoever tries again with the
                same set tells nothing twice.

        Raises: ClientsUnreachable, which says nothing against the events; anything else that one of them may be the
            cause of.
        """

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


class ClientsUnreachable(Exception):
    """What lies between this process and the clients is away; the text says what."""


class Presence(Protocol):
    """Whether anybody listens, so that nothing is computed for nobody."""

    async def anyone_in(self, hub: str, group: str) -> bool: ...

    async def user_is_connected(self, user_id: str) -> bool: ...


# --- the other processes of this service ----------------------------------------------------------------------------


class Neighbours(Protocol):
    """The other processes that serve the same shop.

    What they are told may be missed: whoever relies on it also looks by itself now and then. What is heard, is heard in
    the order in which one process told it.

    Suite: `NeighboursSpec`.
    """

    def tell(self, topic: str, message: str) -> None:
        """Tell all of them, and return at once. Where there are none, or they cannot be reached, nothing happens."""

    async def reach(self, topic: str, message: str) -> bool:
        """Tell all of them, and return whether it went out to any; False: there is none.

        Not promised: that the one whom it concerns is among those that heard it, still lives, or makes use of it.

        Raises: NeighboursUnreachable.
        """


class NeighboursUnreachable(Exception):
    """There may be other processes, and they cannot be told anything now; the text says what to do."""


class Topic:
    """What neighbours tell each other; the message is explained beside each."""

    LOG_IN_ENDED = "log-in ended"
    """The id of the log-in: close its connections."""
    LOG_IN_COUNT = "log-in count"
    """A step of the throttle of log-ins, as `auth.throttle` words it."""
    SYNC_STORED = "sync stored"
    """Nothing: a job waits."""
    SYNC_CANCEL = "sync cancel"
    """The id of a job that somebody asked to cancel while it runs."""
    EVENTS_STORED = "events stored"
    """Nothing: events wait to be told."""
    WEBHOOK_STORED = "webhook stored"
    """Nothing: a delivery waits."""
    SYNC_REPORT = "sync report"
    """A report on a running job, as `services.sync_reports` words it."""
    REFRESH = "refresh"
    """Nothing: pages may have missed something, so send them the present figures."""


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


@dataclass(frozen=True, slots=True)
class MonthOfSales:
    """One month of one marketplace, or of the shop's own counter."""

    month: str
    """`YYYY-MM` of the store's calendar."""
    marketplace: str
    """A code, or `shop`."""
    orders: int
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class MonthOfCheckouts:
    """Checkouts begun in the shop itself within a month, and those of them that were confirmed."""

    begun: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class SalesHistory:
    """Some months of the store. Money is in its default currency."""

    currency: str
    currency_decimals: int
    months: Sequence[str]
    """`YYYY-MM`, oldest first, the store's present one last."""
    sales: Sequence[MonthOfSales]
    """Of months without an order there is none."""
    checkouts: Mapping[str, MonthOfCheckouts]
    """By month; of those without a checkout there is none."""
    sources: Mapping[str, str]
    """Of `revenue`, `orders`, `marketplaces` and `conversion`; without one of `marketplaces` all orders count as the
    shop's."""


@dataclass(frozen=True, slots=True)
class ShortProduct:
    """A product whose stock lasts less than the shop's limit at the rate of its last sales."""

    product_id: int
    sku: str
    name: str
    quantity: int
    sold: int
    """Pieces within `StockOutlook.sale_days`."""


@dataclass(frozen=True, slots=True)
class StockOutlook:
    """The shop's stock against its sales."""

    out_of_stock: Figure
    low_stock: Figure
    risk_days: int
    sale_days: int
    short: Sequence[ShortProduct]
    """All of them; what runs out first at the head."""
    source: str
    """Of `short`."""


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

    async def sales_history(self, months: int) -> SalesHistory:
        """Revenue, orders and checkouts by month and marketplace, the present month among them. Reads many orders."""

    async def stock_outlook(self) -> StockOutlook:
        """What runs out soon. Reads the orders of some weeks."""

    async def last_syncs(self) -> Mapping[str, LastSync]:
        """By marketplace code, from the old tables that exist; missing: no source."""

    async def probe(self) -> float:
        """Ask the database for one row and return how long that took, in seconds."""

    async def newest_history_id(self) -> int:
        """The highest `order_history_id`; 0 for an empty table."""


class ShopUnavailable(Exception):
    """The shop's database cannot be reached or refuses; the text says what to do and holds no secret."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened in the shop, and the positions to continue from once it is stored. Both may be empty."""

    events: Sequence[NewEvent]
    cursors: Mapping[str, str]


class ChangeSource(Protocol):
    """What happens in the shop: orders, stock, log-ins. Suite: `ChangeSourceSpec`."""

    name: str
    """For people."""

    def changes(self) -> AsyncGenerator[Changes, None]:
        """Batches for ever, from the stored positions on; the order is kept per order and per product.

        One counts as stored when the next is asked for; one that was not is found again by whoever begins anew, with
        the same event ids. What the shop said only for a moment may be left out, its last word never. While nothing
        happens empty batches come, so that whoever asks can turn to something else.

        Raises:
            ShopUnavailable: the shop is away; begin anew after a pause.
            CaptureImpossible: this database does not offer it; the text says what to do.
        """


class CaptureImpossible(Exception):
    """The shop's database does not let its changes be followed in this way; the text says what to do."""


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
    """`queued` `running` `success` `error` `cancelled`."""
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
    """SHA-256 of the token of its run, which lets the shop report progress on it; empty: nobody may."""
    worker: str = ""
    """The process that runs it, or ran it last; empty: none did."""
    attempts: int = 0
    """How often it was begun; one that a process gave back is not counted."""
    cancel_requested_by: str = ""
    """Name of who asked to cancel it while it ran; empty: nobody did."""


class SyncJobStore(Protocol):
    """Sync jobs, each under a lease while it runs. The time of leases is the database's. Suite: `SyncJobStoreSpec`.

    A run is known by its `report_token_hash`. Events that come with a change are stored in the log of events together
    with it, all or nothing: so they are told in the order of the changes, and none that did not happen.
    """

    async def create(self, job: SyncJob, events: Sequence[NewEvent] = ()) -> SyncJob:
        """Store it with its events.

        When this id was stored before, or the marketplace has as many unfinished jobs as it may, return that job, or
        the newest of those, and store nothing.
        """

    async def get(self, job_id: str) -> SyncJob | None: ...

    async def claim(self, worker: str, run: str, seconds: float, leave: Collection[str] = ()) -> SyncJob | None:
        """Take the oldest job that is queued, or whose lease has run out, for so many seconds; None: there is none.

        Of several who ask at once one gets it. It is running then, and this run's; progress and counts are as they
        were. All who compete give the same `seconds`: a lease with clearly more left has run out too, for the
        database's clock was set back since.

        Args:
            leave: ids of jobs that are not to be taken.
        """

    async def renew(self, job_id: str, run: str, seconds: float) -> SyncJob | None:
        """Make the run's lease last for so many seconds from now; the job as it stands.

        None: the job is not this run's any more, or has ended.
        """

    async def release(self, job_id: str, run: str) -> None:
        """Give an unfinished job back, so that another may claim it at once; this run is no attempt."""

    async def update(self, job: SyncJob, run: str, events: Sequence[NewEvent] = ()) -> bool:
        """Store how far the run is, or how it ended, with the events that tell it.

        Not stored are who runs it, its attempts and the request to cancel, which others may change at the same time.
        Returns False, and stores nothing, when the job is another run's by now, or has ended.
        """

    async def cancel_queued(self, job: SyncJob, events: Sequence[NewEvent] = ()) -> bool:
        """Store a queued job as cancelled; False, and nothing is stored: it is not queued any more."""

    async def request_cancel(self, job_id: str, name: str) -> bool:
        """Remember who first asked to cancel a job that runs; False: it does not run."""

    async def history(self, marketplaces: Sequence[str], limit: int) -> Sequence[SyncJob]:
        """The jobs of these marketplaces, the newest first."""

    async def latest(self) -> Mapping[str, SyncJob]:
        """The newest job of each marketplace, by code."""

    async def latest_finished(self) -> Mapping[str, SyncJob]:
        """The newest job of each marketplace that came to its own end, so none that was cancelled, by code."""


@dataclass(frozen=True, slots=True)
class SyncSchedule:
    """How often one marketplace is synced by itself."""

    marketplace: str
    every_minutes: int
    """0: never."""
    next_at: datetime | None
    """When next; None: never."""
    set_by: str


class SyncScheduleStore(Protocol):
    """Schedules of syncs, one of each marketplace at most. Suite: `SyncScheduleStoreSpec`."""

    async def schedules(self) -> Sequence[SyncSchedule]:
        """All that were ever set, those that are off included."""

    async def put(self, schedule: SyncSchedule) -> None:
        """Store it in the place of the marketplace's former one."""

    async def advance(self, seen: SyncSchedule, next_at: datetime) -> bool:
        """Move its next time; False: it is not as it was seen any more, and stays as it is."""


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


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, when, with which outcome."""

    number: int
    """Higher: later."""
    at: datetime
    user_id: str
    action: str
    details: Mapping[str, object]
    outcome: str


class AuditStore(Protocol):
    async def add(self, user_id: str, action: str, details: Mapping[str, object], outcome: str) -> None:
        """Append one row: who did what with which outcome. Details must hold no secret."""


class AuditEntries(AuditStore, Protocol):
    """The same for whoever reads it. Suite: `AuditSpec`."""

    async def entries(
        self, *, before: int | None = None, user_id: str | None = None, action: str | None = None, limit: int
    ) -> Sequence[AuditEntry]:
        """The newest first; those below the number `before`, of that user and of that action where they are given."""


class ActivityStore(Protocol):
    async def add(self, activity: UserActivity) -> None: ...

    async def latest(self, limit: int) -> Sequence[UserActivity]: ...


class Prunable(Protocol):
    """A store whose old rows are deleted. The suite of each store checks it."""

    def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        """Delete what is older than `before` and what is not among the newest `keep`, but nothing that is still needed.

        In small steps, each in a transaction of its own that holds few rows: after each it yields how many it deleted,
        and goes on when it is asked to, so that whoever asks leaves room for others in between.
        """


class CursorStore(Protocol):
    """Positions of watchers, by name; what one looks like is its watcher's own affair. Suite: `CursorStoreSpec`."""

    async def load(self, name: str) -> str | None: ...

    async def save(self, name: str, position: str) -> None:
        """Store it alone; a position that led to events is stored together with them, by `EventLog.append`."""


class EventLog(Protocol):
    """Where everybody puts events who has any; nothing else is needed for them to be told. Suite: `EventLogSpec`."""

    async def append(self, events: Sequence[NewEvent], cursors: Mapping[str, str] = MappingProxyType({})) -> None:
        """Store the events in their order, and the cursors that led to them, all or nothing.

        An event whose id is stored already is dropped, whatever else it says, for as long as events are kept. Returns
        when they are stored; they are told after that, at least once each. Raises: any error of the database.

        Args:
            cursors: position by name, as `CursorStore` keeps it.
        """


class KeptEvents(EventLog, Protocol):
    """The events of the last hours as those see them who tell them. Suite: `EventLogSpec`.

    Positions have no holes, and events become visible in the order of their positions: whoever has read one has seen
    all before it, whatever stores events at the same time.
    """

    async def behind(self, position: int, limit: int) -> Sequence[StoredEvent]:
        """The first that are behind this position, in order: at least one where there are any, and not always as many
        as there are and the limit allows."""

    async def newest(self) -> int:
        """Position of the last one ever stored; 0: there was none."""

    async def published(self, way: str = "") -> int:
        """Position up to which they have been told on this way; 0 at first.

        Args:
            way: empty: the first. Another one that is new begins where that is.
        """

    async def mark_published(self, position: int, way: str = "") -> None:
        """Those up to this position have been told on this way; those behind it too, where another process has said so.

        What has been told on the first may be forgotten.
        """

    async def forget_way(self, way: str) -> None:
        """It is no more; if it comes again, it is new."""


NOBODY: Final = Identity("", "", Role.USER)
"""Who is behind a connection of which only the end is known."""


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """One hub connection, who is behind it, and by which log-in."""

    hub: str
    connection_id: str
    log_in: str
    """Empty: none of ours, as for a service or another issuer's token."""
    who: Identity = NOBODY
    opened_at: datetime | None = None
    """None: not known."""
    node: str = ""
    """The process that holds it; empty: a service does."""


ConnectionKey = tuple[str, str]
"""Hub and connection id."""


class LogInConnections(Protocol):
    """Which log-ins have open hub connections."""

    async def of_log_in(self, log_in: str) -> Sequence[OpenConnection]:
        """Those of one log-in."""

    async def log_ins(self, after: str, limit: int) -> Sequence[str]:
        """Log-ins behind `after`, ascending, that have an open connection."""


class OpenConnections(LogInConnections, Protocol):
    """Which hub connections are open, as their events told; an event may come twice. Suite: `OpenConnectionsSpec`."""

    async def opened(self, connection: OpenConnection) -> None: ...

    async def ended(self, hub: str, connection_id: str) -> None: ...


class ConnectionBooks(LogInConnections, Protocol):
    """One book or several, for whoever writes nothing into them."""

    async def run(self) -> None:
        """Write down what is new, for ever."""

    async def close(self) -> None:
        """Write down what is left, at a stop; what cannot be written is logged."""


class ConnectionBook(OpenConnections, ConnectionBooks, Protocol):
    """The connections whose events come to this process, which writes down for all what it hears of them."""

    def active(self, hub: str, connection_id: str) -> None:
        """A hub method was called on it just now. Returns at once: what is written follows within seconds."""


@dataclass(frozen=True, slots=True)
class OnlineConnection:
    """An open connection, and when somebody last did something on it."""

    connection: OpenConnection
    active_at: datetime


class WrittenConnections(Protocol):
    """Who is connected, over all processes, as each of them writes it down. Suite: `WrittenConnectionsSpec`."""

    async def write(self, opened: Sequence[OpenConnection], ended: Sequence[ConnectionKey]) -> None:
        """What a process knows of connections that it holds itself: it is the one to know, so a row that says
        otherwise is replaced."""

    async def write_active(self, moments: Mapping[ConnectionKey, datetime]) -> None:
        """When something was last done on these; those that are not open are left out."""

    async def held_by(self, node: str) -> Sequence[ConnectionKey]:
        """Those that are open and held by that process."""

    async def nodes(self) -> Sequence[str]:
        """The processes that hold open ones; empty text: a service does."""

    async def end_node(self, node: str, unseen_since: datetime | None = None) -> int:
        """All that this process held have ended; returns how many.

        Args:
            unseen_since: only those that nobody has heard of since then.
        """

    async def online(self) -> Sequence[OnlineConnection]:
        """All that are open and whose user is known, the newest first."""

    async def people(self) -> Sequence[Identity]:
        """Whose they are, without marketplaces and without the shop's programs; somebody may stand there twice."""

    async def idle(self, before: datetime, limit: int) -> Sequence[OpenConnection]:
        """Open ones on which nothing was done since `before`, those first on which nothing was for the longest time."""


class StoredConnections(OpenConnections, Protocol):
    """The same for all processes, where none of them holds the connections itself.

    Events may then also come late and in the wrong order: a connection that has ended never opens again.

    Suite: `StoredConnectionsSpec`.
    """

    async def among(self, hub: str, connection_ids: Sequence[str]) -> Sequence[OpenConnection]:
        """Those of them that are open and whose user is known; a few hundred at most."""

    async def count(self) -> int:
        """Open connections of all hubs, those included whose end nobody told yet."""

    async def unseen(self, before: datetime, limit: int) -> Sequence[OpenConnection]:
        """Open ones that nobody has heard of since `before`, those first that were not for the longest time."""

    async def seen(self, connection: OpenConnection) -> None:
        """It was there just now."""


class Phase(enum.StrEnum):
    """What was told of somebody's presence."""

    COMING = "coming"
    """That they are there is to be told."""
    HERE = "here"
    """It was told."""
    GOING = "going"
    """That they left is to be told."""


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody who was told of as being there, or is to be."""

    user_id: str
    name: str
    role: Role
    phase: Phase
    since: datetime
    absent_since: datetime | None
    """None: there is an open connection."""


class AttendanceStore(Protocol):
    """Who was told of as being there. Suite: `AttendanceStoreSpec`."""

    async def attendees(self) -> Sequence[Attendee]:
        """All, by user id."""

    async def save(self, attendees: Sequence[Attendee]) -> None:
        """Store them all or none, each in place of what was known of its user."""

    async def forget(self, user_ids: Sequence[str]) -> None: ...


class AudienceStore(Protocol):
    """Which sets of marketplaces somebody watches the figures of. Suite: `AudienceStoreSpec`."""

    async def watch(self, marketplaces: Sequence[str]) -> None:
        """Somebody with these grants is there now."""

    async def watched(self) -> Mapping[tuple[str, ...], datetime]:
        """The sets, and when somebody last came for each."""

    async def forget(self, marketplaces: Sequence[str], watched_at: datetime) -> None:
        """Nobody is there any more; does nothing when somebody came after `watched_at`."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as it stands: who holds it, and for how long."""

    name: str
    holder: str
    """Empty: nobody."""
    term: int
    """Grows each time the lease changes hands or is taken after it ran out, never else."""
    left_seconds: float
    """Until it may be taken by another, by the database's own clock; 0 or less: now."""


class LeaseStore(Protocol):
    """Leases that several processes compete for. Time is the database's, so that no two machines' clocks need agree.

    Suite: `LeaseStoreSpec`.
    """

    async def take(self, name: str, holder: str, seconds: float) -> Lease:
        """Take a lease that nobody holds or that has run out, or make our own last for `seconds` from now.

        All who compete for it give the same `seconds`: one of another that has clearly more left has run out too, for
        the database's clock was set back since.

        Returns the lease as it stands afterwards: ours, or another's, which is left as it was. Of several who take it
        at once one gets it.
        """

    async def release(self, name: str, holder: str) -> None:
        """Give it back, so that another may take it at once; does nothing to a lease of somebody else."""

    async def look(self, name: str) -> Lease | None:
        """The lease as it stands, changing nothing; None: it was never taken, or is forgotten."""

    async def forget(self, name: str) -> None:
        """Let it be as if it was never taken, unless somebody holds it."""


# --- health ---------------------------------------------------------------------------------------------------------


class HealthProbe(Protocol):
    """A configured endpoint of the shop's or a marketplace's API."""

    name: str

    async def check(self) -> str:
        """`healthy`, `warning` (slow or odd answer) or `error`."""


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """What the HTTP and hub layers of all processes of the service saw over the window."""

    requests: int
    failures: int
    p50_seconds: float
    p95_seconds: float
    per_second: float
    window_seconds: float
    connections: int
    uptime_seconds: float
    """Since the process that has run longest was started."""
    connections_source: str = "own traffic"
    """Who counted the connections."""


class TrafficMeter(Protocol):
    """Our own traffic over a sliding window."""

    async def figures(self) -> WindowFigures: ...
