"""The three hubs in memory: real hubs, filters, services and publisher on the services' doubles and local planes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from app.tests.services import fakes
from app.tests.services.alert_fakes import MemoryAlertBook, no_messages

from hubwire.testing.hub_tester import HubTester, HubTesterClient
from meschain.auth.claims import claims_of
from meschain.domain.events import ADMIN_HUB, DASHBOARD_HUB, MARKETPLACE_HUB
from meschain.domain.roles import Identity, Role
from meschain.hubs.admin import AdminHub
from meschain.hubs.authorise import Authorise
from meschain.hubs.dashboard import DashboardHub
from meschain.hubs.entered_groups import EnteredGroups
from meschain.hubs.marketplace import MarketplaceHub
from meschain.hubs.presence import PlanePresence
from meschain.hubs.publisher import HubPublisher
from meschain.hubs.refusals import Refusals
from meschain.services.activity import ActivityService
from meschain.services.admin_commands import AdminCommands
from meschain.services.alerts import AlertService
from meschain.services.dashboard import DashboardService
from meschain.services.granted_business import GrantedBusiness
from meschain.services.health import HealthMonitor
from meschain.services.notifications import NotificationService
from meschain.services.options import EventOptions
from meschain.services.resume import ResumeService
from meschain.services.sync import SyncService
from meschain.services.sync_reports import SyncReports

GRANTED = ("trendyol", "n11")
"""What every caller of these tests was granted, whether its role makes use of it or not."""


def caller(role: Role, marketplaces: tuple[str, ...] = GRANTED, name: str = "") -> Identity:
    """Somebody of that role."""
    prefix = "service" if role is Role.SERVICE else "own"
    return Identity(f"{prefix}:{name or role.value}", name or role.value, role, marketplaces)


async def nobody_runs_it(_job_id: str) -> None:
    """Syncs are stored here, and no more."""


@dataclass
class Hubs:
    """Everything behind the hubs, to look into."""

    clock: fakes.FakeClock = field(default_factory=fakes.FakeClock)
    audit: fakes.MemoryAudit = field(default_factory=fakes.MemoryAudit)
    groups: fakes.MemoryGroups = field(default_factory=fakes.MemoryGroups)
    notifications: fakes.MemoryNotifications = field(default_factory=fakes.MemoryNotifications)
    shop: fakes.FakeShop = field(default_factory=fakes.FakeShop)
    alerts: MemoryAlertBook = field(default_factory=MemoryAlertBook)
    activity: fakes.MemoryActivity = field(default_factory=fakes.MemoryActivity)

    def __post_init__(self) -> None:
        self.events = fakes.MemoryEvents(self.clock)
        self.jobs = fakes.MemoryJobs(self.clock, self.events)
        self.publisher = HubPublisher(lambda hub: self.testers[hub].context)
        presence = PlanePresence(lambda hub: self.testers[hub].plane)
        activity = ActivityService(self.activity, self.publisher, self.clock)
        alerts = AlertService(
            book=self.alerts,
            audit=self.audit,
            activity=activity,
            publisher=self.publisher,
            messages=no_messages(self.clock),
            wake=lambda: None,
            clock=self.clock,
        )
        resuming = ResumeService(events=self.events, shop=self.shop, options=EventOptions(replay=3, replay_scan=8))
        sync = SyncService(
            jobs=self.jobs,
            runners={code: fakes.FakeRunner() for code in ("trendyol", "n11", "amazon")},
            reports=SyncReports(),
            activity=activity,
            audit=self.audit,
            clock=self.clock,
            told=lambda: None,
            wake=lambda: None,
            look_at=nobody_runs_it,
        )
        self.dashboard_service = DashboardService(
            shop=self.shop,
            traffic=fakes.FakeTraffic(),
            jobs=self.jobs,
            alerts=self.alerts,
            activity=self.activity,
            health=HealthMonitor([], self.clock),
            clock=self.clock,
            demo=True,
        )
        self.notification_service = NotificationService(
            store=self.notifications,
            audit=self.audit,
            publisher=self.publisher,
            presence=presence,
            clock=self.clock,
        )
        commands = AdminCommands(dashboard=self.dashboard_service, sync=sync, alerts=alerts, audit=self.audit)
        filters = [Authorise(self.audit, self.clock), Refusals()]
        shared: dict[str, Any] = {
            "groups": self.groups,
            "entered": EnteredGroups(),
            "notifications": self.notification_service,
            "publisher": self.publisher,
        }
        admin = partial(
            AdminHub, resuming=resuming, dashboard=self.dashboard_service, commands=commands, alerts=alerts, **shared
        )
        marketplace = partial(MarketplaceHub, resuming=resuming, sync=sync, clock=self.clock, **shared)
        self.granted_business = GrantedBusiness(
            shop=self.shop, publisher=self.publisher, presence=presence, clock=self.clock
        )
        dashboard = partial(
            DashboardHub, dashboard=self.dashboard_service, granted_business=self.granted_business, **shared
        )
        self.testers: Mapping[str, HubTester] = {
            ADMIN_HUB: HubTester(admin, name=ADMIN_HUB, filters=filters),
            MARKETPLACE_HUB: HubTester(marketplace, name=MARKETPLACE_HUB, filters=filters),
            DASHBOARD_HUB: HubTester(dashboard, name=DASHBOARD_HUB, filters=filters),
        }

    async def connect(self, hub: str, identity: Identity) -> HubTesterClient:
        """Raises: hubwire.testing.hub_tester.ConnectFailed."""
        return await self.testers[hub].connect(identity.user_id, claims=claims_of(identity))


def events(client: HubTesterClient, target: str) -> list[Any]:
    """The argument of every such event that a client received."""
    return [arguments[0] for name, arguments in client.received if name == target]
