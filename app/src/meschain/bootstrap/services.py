"""The use cases on their ports."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial

import aiohttp

from meschain.bootstrap.hosting import Hosting
from meschain.bootstrap.hub_place import HubPlace, Hubs
from meschain.bootstrap.shop import ShopParts
from meschain.bootstrap.stores import Stores
from meschain.domain.marketplaces import MARKETPLACES
from meschain.http.probes import HttpProbe
from meschain.http.sync_endpoint import SyncEndpoint
from meschain.hubs.presence import PlanePresence
from meschain.hubs.publisher import HubPublisher
from meschain.rollout.plans import Rollout
from meschain.services.activity import ActivityService
from meschain.services.admin_commands import AdminCommands
from meschain.services.alert_messages import AlertMessages
from meschain.services.alert_sender import AlertSender
from meschain.services.alerts import AlertService
from meschain.services.analytics import AnalyticsService
from meschain.services.attendance import Attendance
from meschain.services.capture import ChangeCapture
from meschain.services.dashboard import DashboardService
from meschain.services.dashboard_timer import DashboardTimer
from meschain.services.event_log import TellingEventLog
from meschain.services.event_publisher import EventPublisher
from meschain.services.granted_business import GrantedBusiness
from meschain.services.health import HealthMonitor
from meschain.services.logged_publisher import LoggedPublisher
from meschain.services.marketplaces import MarketplaceService
from meschain.services.notifications import NotificationService
from meschain.services.options import DashboardOptions, EventOptions, PresenceOptions, SyncOptions
from meschain.services.ports import Clock, SyncRunner, Topic, TrafficMeter
from meschain.services.resume import ResumeService
from meschain.services.sync import SyncService
from meschain.services.sync_execution import SyncExecution
from meschain.services.sync_reports import SyncReports
from meschain.services.sync_runner import JobRunner
from meschain.services.sync_schedules import SyncSchedules
from meschain.services.who_is_online import WhoIsOnline
from meschain.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """One object per use case."""

    publisher: LoggedPublisher
    activity: ActivityService
    attendance: Attendance
    who_is_online: WhoIsOnline
    alerts: AlertService
    alert_messages: AlertMessages
    notifications: NotificationService
    sync: SyncService
    job_runner: JobRunner
    schedules: SyncSchedules
    health: HealthMonitor
    dashboard: DashboardService
    timer: DashboardTimer
    granted_business: GrantedBusiness
    event_log: TellingEventLog
    """What everybody is given who has events."""
    event_publishers: Mapping[str, EventPublisher]
    """By the name of the way that each takes."""
    resuming: ResumeService
    capture: ChangeCapture
    marketplaces: MarketplaceService
    analytics: AnalyticsService
    commands: AdminCommands
    synced: Collection[str]
    """Marketplaces that something syncs."""
    rollout: Rollout


def make_services(
    settings: Settings,
    stores: Stores,
    parts: ShopParts,
    traffic: TrafficMeter,
    place: HubPlace,
    http: aiohttp.ClientSession,
    hosting: Hosting,
    alert_sender: AlertSender,
    clock: Clock,
) -> Services:
    """The hubs are asked at each send only, so they may be added to their place afterwards."""
    hubs, neighbours = place.hubs, hosting.neighbours
    to_hubs = HubPublisher(hubs.context)
    event_options = EventOptions(window_seconds=settings.event_window_seconds)
    event_publishers = {
        way: EventPublisher(
            events=stores.events, publisher=HubPublisher(context_of), clock=clock, options=event_options, way=way
        )
        for way, context_of in (place.event_ways or {"": hubs.context}).items()
    }

    def wake_publishers() -> None:
        for event_publisher in event_publishers.values():
            event_publisher.wake()

    def tell_publishers() -> None:
        wake_publishers()
        neighbours.tell(Topic.EVENTS_STORED, "")

    event_log = TellingEventLog(stores.events, tell_publishers)
    publisher = LoggedPublisher(to_hubs, event_log)
    presence = PlanePresence(hubs.plane)
    reports = SyncReports()
    runners = _sync_runners(settings, parts, http, reports, clock)
    activity = ActivityService(stores.activity, publisher, clock)
    alert_messages = AlertMessages(alert_sender.channel_names, settings.alert_send_level, clock)
    alerts = AlertService(
        book=stores.alerts,
        audit=stores.audit,
        activity=activity,
        publisher=publisher,
        messages=alert_messages,
        wake=alert_sender.wake,
        clock=clock,
    )
    notifications = NotificationService(
        store=stores.notifications, audit=stores.audit, publisher=publisher, presence=presence, clock=clock
    )
    job_options = SyncOptions(parallel_jobs=settings.syncs_per_process)
    job_runner = JobRunner(
        jobs=stores.jobs,
        execution=SyncExecution(
            jobs=stores.jobs,
            runners=runners,
            publisher=publisher,
            alerts=alerts,
            activity=activity,
            clock=clock,
            told=tell_publishers,
            options=job_options,
        ),
        worker=hosting.node_id,
        clock=clock,
        is_able=hosting.reaches_all,
        options=job_options,
    )

    def wake() -> None:
        job_runner.wake()
        neighbours.tell(Topic.SYNC_STORED, "")

    async def look_at(job_id: str) -> None:
        await job_runner.look_at(job_id)
        neighbours.tell(Topic.SYNC_CANCEL, job_id)

    sync = SyncService(
        jobs=stores.jobs,
        runners=runners,
        reports=reports,
        activity=activity,
        audit=stores.audit,
        clock=clock,
        told=tell_publishers,
        wake=wake,
        look_at=look_at,
        neighbours=neighbours,
        options=job_options,
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
        shop=parts.shop,
        publisher=publisher,
        presence=presence,
        clock=clock,
        options=options,
        audiences=place.audiences,
        others=partial(numbers_of_others, hubs),
    )

    def refresh() -> None:
        timer.refresh()
        granted_business.refresh()

    neighbours.hear(Topic.SYNC_STORED, lambda _: job_runner.wake())
    neighbours.hear(Topic.SYNC_CANCEL, job_runner.look_at)
    neighbours.hear(Topic.EVENTS_STORED, lambda _: wake_publishers())
    neighbours.hear(Topic.SYNC_REPORT, reports.hear)
    neighbours.hear(Topic.REFRESH, lambda _: refresh())
    return Services(
        publisher=publisher,
        activity=activity,
        attendance=Attendance(
            connections=stores.connections,
            store=stores.attendance,
            activity=activity,
            clock=clock,
            options=presence_options(settings),
        ),
        who_is_online=WhoIsOnline(stores.connections, clock),
        alerts=alerts,
        alert_messages=alert_messages,
        notifications=notifications,
        sync=sync,
        job_runner=job_runner,
        schedules=SyncSchedules(
            schedules=stores.schedules, sync=sync, audit=stores.audit, clock=clock, options=job_options
        ),
        health=health,
        dashboard=dashboard,
        timer=timer,
        granted_business=granted_business,
        event_log=event_log,
        event_publishers=event_publishers,
        resuming=ResumeService(events=stores.events, shop=parts.shop, options=event_options),
        capture=ChangeCapture(
            sources=parts.changes, events=event_log, activity=stores.activity, refresh=refresh, clock=clock
        ),
        marketplaces=MarketplaceService(shop=parts.shop, jobs=stores.jobs, sync=sync, clock=clock, options=options),
        analytics=AnalyticsService(shop=parts.shop, clock=clock),
        commands=AdminCommands(dashboard=dashboard, sync=sync, alerts=alerts, audit=stores.audit),
        synced=runners.keys(),
        rollout=Rollout(
            plans=stores.plans,
            connections=stores.placed,
            reports=stores.reports,
            audit=stores.audit,
            clock=clock,
            has_green=bool(settings.green_signalr),
        ),
    )


def presence_options(settings: Settings) -> PresenceOptions:
    return PresenceOptions(grace_seconds=settings.presence_grace_seconds, idle_hours=settings.idle_connection_hours)


def numbers_of_others(hubs: Hubs) -> list[Mapping[str, float]]:
    """What each other process that lives told last of itself."""
    return [node.figures for node in hubs.nodes if not node.is_self]


def _sync_runners(
    settings: Settings, parts: ShopParts, http: aiohttp.ClientSession, reports: SyncReports, clock: Clock
) -> Mapping[str, SyncRunner]:
    """What syncs each marketplace: the shop's own programs where configured, in a demo its reconciliation elsewhere."""
    demo: Mapping[str, SyncRunner] = {} if parts.demo is None else dict.fromkeys(MARKETPLACES, parts.demo.sync_runner)
    endpoints = {
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
    return {**demo, **endpoints}
