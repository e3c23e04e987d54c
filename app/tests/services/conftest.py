"""The services put together on doubles, as `bootstrap` does with adapters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest
from app.tests.services.fakes import (
    FakeClock,
    FakeRunner,
    FakeShop,
    FakeTraffic,
    MemoryActivity,
    MemoryAlerts,
    MemoryAudit,
    MemoryJobs,
    MemoryNotifications,
    MemoryPresence,
    MemoryPublisher,
    settle,
)

from meschain.domain.roles import Identity, Role
from meschain.services.activity import ActivityService
from meschain.services.admin_commands import AdminCommands
from meschain.services.alerts import AlertService
from meschain.services.dashboard import DashboardService
from meschain.services.dashboard_timer import DashboardTimer
from meschain.services.health import HealthMonitor
from meschain.services.notifications import NotificationService
from meschain.services.sync import SyncService
from meschain.services.sync_reports import SyncReports
from meschain.services.sync_runner import JobRunner

ADMIN = Identity("own:1", "Ayşe", Role.ADMIN)


@dataclass
class World:
    """All doubles and the services on them."""

    clock: FakeClock = field(default_factory=FakeClock)
    publisher: MemoryPublisher = field(default_factory=MemoryPublisher)
    presence: MemoryPresence = field(default_factory=MemoryPresence)
    shop: FakeShop = field(default_factory=FakeShop)
    traffic: FakeTraffic = field(default_factory=FakeTraffic)
    jobs: MemoryJobs = field(default_factory=MemoryJobs)
    alert_rows: MemoryAlerts = field(default_factory=MemoryAlerts)
    activity_rows: MemoryActivity = field(default_factory=MemoryActivity)
    notification_rows: MemoryNotifications = field(default_factory=MemoryNotifications)
    audit: MemoryAudit = field(default_factory=MemoryAudit)
    trendyol: FakeRunner = field(default_factory=FakeRunner)
    amazon: FakeRunner = field(default_factory=FakeRunner)

    def __post_init__(self) -> None:
        self.activity = ActivityService(self.activity_rows, self.publisher, self.clock)
        self.alerts = AlertService(
            store=self.alert_rows,
            audit=self.audit,
            activity=self.activity,
            publisher=self.publisher,
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
        runners = {"trendyol": self.trendyol, "amazon": self.amazon}
        self.reports = SyncReports()
        self.runner = JobRunner(
            jobs=self.jobs,
            runners=runners,
            publisher=self.publisher,
            alerts=self.alerts,
            activity=self.activity,
            clock=self.clock,
        )
        self.sync = SyncService(
            jobs=self.jobs,
            runners=runners,
            reports=self.reports,
            publisher=self.publisher,
            activity=self.activity,
            clock=self.clock,
            wake=self.runner.wake,
        )
        self.commands = AdminCommands(dashboard=self.dashboard, sync=self.sync, alerts=self.alerts, audit=self.audit)


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
