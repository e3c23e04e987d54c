"""The services put together on doubles, as `bootstrap` does with adapters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import msgspec
import pytest
from app.tests.services.alert_fakes import MemoryAlertBook, no_messages
from app.tests.services.fakes import (
    FakeClock,
    FakeNeighbours,
    FakeRunner,
    FakeShop,
    FakeTraffic,
    MemoryActivity,
    MemoryAudit,
    MemoryEvents,
    MemoryJobs,
    MemoryNotifications,
    MemoryPresence,
    MemoryPublisher,
    MemorySchedules,
    settle,
)

from meschain.domain.events import SYNC
from meschain.domain.payloads import SyncUpdate
from meschain.domain.roles import Identity, Role
from meschain.services.activity import ActivityService
from meschain.services.admin_commands import AdminCommands
from meschain.services.alerts import AlertService
from meschain.services.dashboard import DashboardService
from meschain.services.dashboard_timer import DashboardTimer
from meschain.services.health import HealthMonitor
from meschain.services.notifications import NotificationService
from meschain.services.options import SyncOptions
from meschain.services.ports import Clock, SyncJobStore, SyncRunner
from meschain.services.sync import SyncService
from meschain.services.sync_execution import SyncExecution
from meschain.services.sync_reports import SyncReports
from meschain.services.sync_runner import JobRunner
from meschain.services.sync_schedules import SyncSchedules

ADMIN = Identity("own:1", "Ayşe", Role.ADMIN)


@dataclass
class World:
    """All doubles and the services on them."""

    clock: FakeClock = field(default_factory=FakeClock)
    publisher: MemoryPublisher = field(default_factory=MemoryPublisher)
    presence: MemoryPresence = field(default_factory=MemoryPresence)
    shop: FakeShop = field(default_factory=FakeShop)
    traffic: FakeTraffic = field(default_factory=FakeTraffic)
    alert_rows: MemoryAlertBook = field(default_factory=MemoryAlertBook)
    activity_rows: MemoryActivity = field(default_factory=MemoryActivity)
    notification_rows: MemoryNotifications = field(default_factory=MemoryNotifications)
    audit: MemoryAudit = field(default_factory=MemoryAudit)
    neighbours: FakeNeighbours = field(default_factory=FakeNeighbours)
    trendyol: FakeRunner = field(default_factory=FakeRunner)
    amazon: FakeRunner = field(default_factory=FakeRunner)

    def __post_init__(self) -> None:
        self.events = MemoryEvents(self.clock)
        self.jobs = MemoryJobs(self.clock, self.events)
        self.activity = ActivityService(self.activity_rows, self.publisher, self.clock)
        self.alerts = AlertService(
            book=self.alert_rows,
            audit=self.audit,
            activity=self.activity,
            publisher=self.publisher,
            messages=no_messages(self.clock),
            wake=lambda: None,
            clock=self.clock,
        )
        self.notifications = NotificationService(
            store=self.notification_rows,
            audit=self.audit,
            publisher=self.publisher,
            presence=self.presence,
            clock=self.clock,
        )
        self.health = HealthMonitor((), self.clock)
        self.dashboard = DashboardService(
            shop=self.shop,
            traffic=self.traffic,
            jobs=self.jobs,
            alerts=self.alert_rows,
            activity=self.activity_rows,
            health=self.health,
            clock=self.clock,
            demo=True,
        )
        self.timer = DashboardTimer(
            dashboard=self.dashboard,
            publisher=self.publisher,
            presence=self.presence,
            notifications=self.notifications,
            clock=self.clock,
        )
        self.runners = {"trendyol": self.trendyol, "amazon": self.amazon}
        self.reports = SyncReports()
        self.runner = self.worker("a")
        self.sync = SyncService(
            jobs=self.jobs,
            runners=self.runners,
            reports=self.reports,
            activity=self.activity,
            audit=self.audit,
            clock=self.clock,
            told=lambda: None,
            wake=self.runner.wake,
            look_at=self.runner.look_at,
            neighbours=self.neighbours,
        )
        self.schedule_rows = MemorySchedules()
        self.schedules = SyncSchedules(schedules=self.schedule_rows, sync=self.sync, audit=self.audit, clock=self.clock)
        self.commands = AdminCommands(dashboard=self.dashboard, sync=self.sync, alerts=self.alerts, audit=self.audit)

    def worker(
        self,
        name: str,
        runners: Mapping[str, SyncRunner] | None = None,
        *,
        jobs: SyncJobStore | None = None,
        clock: Clock | None = None,
        is_able: Callable[[], bool] | None = None,
        options: SyncOptions | None = None,
    ) -> JobRunner:
        """What runs jobs in a process, as it sees the store and the time."""
        jobs, clock = jobs or self.jobs, clock or self.clock
        execution = SyncExecution(
            jobs=jobs,
            runners=runners or self.runners,
            publisher=self.publisher,
            alerts=self.alerts,
            activity=self.activity,
            clock=clock,
            told=lambda: None,
            options=options,
        )
        return JobRunner(jobs=jobs, execution=execution, worker=name, clock=clock, is_able=is_able, options=options)

    def syncs(self) -> list[SyncUpdate]:
        """What was told of syncs, in order."""
        return [msgspec.convert(row.event.payload, SyncUpdate) for row in self.events.rows if row.event.kind == SYNC]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def clock(world: World) -> FakeClock:
    return world.clock


@pytest.fixture
def admin() -> Identity:
    return ADMIN


@asynccontextmanager
async def running(work: Callable[[], Awaitable[None]]) -> AsyncIterator[asyncio.Task[None]]:
    """Run a loop until the block ends."""

    async def run() -> None:
        await work()

    task = asyncio.create_task(run())
    try:
        await settle()
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


Run = Callable[[Callable[[], Awaitable[None]]], Awaitable["asyncio.Task[None]"]]


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    """Starts loops, which end with the test."""
    async with AsyncExitStack() as stack:

        async def start(work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
            return await stack.enter_async_context(running(work))

        yield start
