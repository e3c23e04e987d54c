"""The use cases on their ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from hubwire import HubServer
from meschain.bootstrap.shop import ShopParts
from meschain.bootstrap.stores import Stores
from meschain.domain.marketplaces import MARKETPLACES
from meschain.http.probes import HttpProbe
from meschain.http.sync_endpoint import SyncEndpoint
from meschain.hubs.presence import PlanePresence
from meschain.hubs.publisher import HubPublisher
from meschain.services.activity import ActivityService
from meschain.services.admin_commands import AdminCommands
from meschain.services.alerts import AlertService
from meschain.services.dashboard import DashboardService
from meschain.services.dashboard_timer import DashboardTimer
from meschain.services.granted_business import GrantedBusiness
from meschain.services.health import HealthMonitor
from meschain.services.marketplaces import MarketplaceService
from meschain.services.notifications import NotificationService
from meschain.services.options import DashboardOptions
from meschain.services.orders import OrderWatcher
from meschain.services.ports import Clock, SyncRunner, TrafficMeter
from meschain.services.sync import SyncService
from meschain.services.sync_reports import SyncReports
from meschain.services.sync_runner import JobRunner
from meschain.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """One object per use case."""

    publisher: HubPublisher
    activity: ActivityService
    alerts: AlertService
    notifications: NotificationService
    sync: SyncService
    job_runner: JobRunner
    health: HealthMonitor
    dashboard: DashboardService
    timer: DashboardTimer
    granted_business: GrantedBusiness
    orders: OrderWatcher
    marketplaces: MarketplaceService
    commands: AdminCommands


def make_services(
    settings: Settings,
    stores: Stores,
    parts: ShopParts,
    traffic: TrafficMeter,
    hubs: HubServer,
    http: aiohttp.ClientSession,
    clock: Clock,
) -> Services:
    """The hubs are asked at each send only, so they may be added to the server afterwards."""
    publisher = HubPublisher(hubs.context)
    presence = PlanePresence(hubs.plane)
    reports = SyncReports()
    runners = _sync_runners(settings, parts, http, reports, clock)
    activity = ActivityService(stores.activity, publisher, clock)
    alerts = AlertService(store=stores.alerts, audit=stores.audit, activity=activity, publisher=publisher, clock=clock)
    notifications = NotificationService(
        store=stores.notifications, audit=stores.audit, publisher=publisher, presence=presence, clock=clock
    )
    job_runner = JobRunner(
        jobs=stores.jobs, runners=runners, publisher=publisher, alerts=alerts, activity=activity, clock=clock
    )
    sync = SyncService(
        jobs=stores.jobs,
        runners=runners,
        reports=reports,
        publisher=publisher,
        activity=activity,
        clock=clock,
        wake=job_runner.wake,
    )
    probes = [HttpProbe(name, url, http, clock) for name, url in settings.health_endpoints.items()]
    health = HealthMonitor(probes, clock)
    options = DashboardOptions(interval_seconds=settings.dashboard_interval_seconds)
    dashboard = DashboardService(
        shop=parts.shop,
        traffic=traffic,
        jobs=stores.jobs,
        alerts=stores.alerts,
        activity=stores.activity,
        health=health,
        clock=clock,
        demo=settings.demo,
        options=options,
    )
    timer = DashboardTimer(
        dashboard=dashboard,
        publisher=publisher,
        presence=presence,
        notifications=notifications,
        clock=clock,
        options=options,
    )
    granted_business = GrantedBusiness(
        shop=parts.shop, publisher=publisher, presence=presence, clock=clock, options=options
    )

    def refresh() -> None:
        timer.refresh()
        granted_business.refresh()

    return Services(
        publisher=publisher,
        activity=activity,
        alerts=alerts,
        notifications=notifications,
        sync=sync,
        job_runner=job_runner,
        health=health,
        dashboard=dashboard,
        timer=timer,
        granted_business=granted_business,
        orders=OrderWatcher(source=parts.orders, publisher=publisher, activity=activity, refresh=refresh, clock=clock),
        marketplaces=MarketplaceService(shop=parts.shop, jobs=stores.jobs, sync=sync, clock=clock, options=options),
        commands=AdminCommands(dashboard=dashboard, sync=sync, alerts=alerts, audit=stores.audit),
    )


def _sync_runners(
    settings: Settings, parts: ShopParts, http: aiohttp.ClientSession, reports: SyncReports, clock: Clock
) -> Mapping[str, SyncRunner]:
    """What syncs each marketplace: the demo's reconciliation, else the shop's own programs where configured."""
    if parts.demo is not None:
        return dict.fromkeys(MARKETPLACES, parts.demo.sync_runner)
    return {
        code: SyncEndpoint(
            url=endpoint.url,
            secret=endpoint.secret.get_secret_value().encode(),
            report_base=settings.public_url,
            session=http,
            reports=reports,
            clock=clock,
        )
        for code, endpoint in settings.sync_endpoints.items()
    }
