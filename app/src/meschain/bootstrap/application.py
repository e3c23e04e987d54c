"""`build`: opens what the application works with, in the order of need, and closes it again.

It starts nothing: whoever enters it runs the hubs, the background work and the listening server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import aiohttp
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from meschain.auth.own_accounts import AccountAdministration
from meschain.auth.passwords import Passwords
from meschain.bootstrap.alerts import Alerting, make_alert_sender, make_alerting
from meschain.bootstrap.hosting import ServiceProcess, make_hosting
from meschain.bootstrap.hub_place import CheckedEvents, HubPlace, Hubs, Listener
from meschain.bootstrap.hubs import add_hubs
from meschain.bootstrap.inbox import InboxParts, make_inbox
from meschain.bootstrap.legacy import make_legacy
from meschain.bootstrap.on_a_service import on_a_service
from meschain.bootstrap.own_sockets import on_own_sockets
from meschain.bootstrap.process_metrics import show_process
from meschain.bootstrap.routes import make_web
from meschain.bootstrap.services import Services, make_services, numbers_of_others, presence_options
from meschain.bootstrap.shop import ShopParts, open_shop
from meschain.bootstrap.stores import Stores, make_retention, make_stores
from meschain.bootstrap.two_sides import on_two_sides
from meschain.domain.roles import Identity, Role
from meschain.http.app import WebApplication
from meschain.http.health import BackgroundState
from meschain.hubs.idle_connections import IdleConnections
from meschain.hubs.log_ins import LogIns
from meschain.hubs.neighbours import BrokerNeighbours
from meschain.hubs.observer import HubObserver
from meschain.legacy.service import LegacyService
from meschain.opencart.demo.shop import DemoShop
from meschain.rollout.guard_alerts import GuardAlerts
from meschain.services.clock import SystemClock
from meschain.services.lease import Work, WorkLease
from meschain.services.ports import Clock, Topic
from meschain.services.traffic import ServiceTraffic, SlidingWindow
from meschain.settings import Settings
from meschain.state.database import Database
from meschain.state.demo_file import signing_secrets

_DEMO: Final = Identity("service:demo", "Demo shop", Role.SERVICE)


@dataclass(frozen=True, slots=True)
class Application:
    """What `build` put together. Open as long as its block."""

    web: WebApplication
    """The ASGI application; hubs included, for servers without the fast lane."""
    hubs: Hubs
    """Their lifespan is to be entered before the first request."""
    listener: Listener
    events: CheckedEvents | None
    """For hosts that check who sends a service's events; None: no service holds the connections."""
    everywhere: Mapping[str, Work]
    """What runs beside requests in each process, by name, each for ever."""
    exclusive: Mapping[str, Work]
    """What runs in one process of several at a time, under the lease."""
    lease: WorkLease
    legacy: LegacyService
    """Serves old pages on ports of its own, where the settings name any."""
    background_state: BackgroundState
    accounts: AccountAdministration
    clock: Clock
    demo_shop: DemoShop | None
    """None: a real shop is served."""


@asynccontextmanager
async def build(
    settings: Settings, clock: Clock | None = None, process: ServiceProcess | None = None
) -> AsyncIterator[Application]:
    """Open everything and put it together, once `prepare` has run; closed at the end of the block.

    Args:
        process: which of several this one is; None: one of its own.

    Raises:
        StateUnavailable, DemoFileBroken: with a text for the operator.
        BrokerUnavailable: the Redis of the settings cannot be reached.
        SettingsError: a connection string cannot be used, or a store needs an extra that is not installed.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        secrets = signing_secrets(settings)
        hosting = make_hosting(settings, secrets, process)
        database = await Database.open(settings.state_url, migrate=False)
        stack.push_async_callback(database.close)
        stores = make_stores(database, clock, syncs_per_marketplace=settings.syncs_per_marketplace)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        parts = open_shop(settings, stores, clock, stack)

        registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        window = SlidingWindow(clock, max(1, round(settings.window_seconds)))
        hosting.numbers.add(window.numbers)
        observer = HubObserver(registry, window.record, holds_connections=not settings.azure_signalr)
        if settings.azure_signalr:
            place = on_a_service(settings, hosting, observer, stores, clock)
        else:
            place = on_own_sockets(settings, secrets, hosting, observer, window, stores, clock)
        if settings.green_signalr:
            place = on_two_sides(settings, place, hosting, observer, stores, clock)
        stack.push_async_callback(place.connections.close)
        hubs = place.hubs
        traffic = ServiceTraffic(window, partial(numbers_of_others, hubs), place.stored)
        sender = make_alert_sender(settings, stores, http, registry, clock)
        services = make_services(settings, stores, parts, traffic, place, http, hosting, sender, clock)
        inbox = make_inbox(
            settings, stores, parts, services.event_log, services.alerts, http, hosting.neighbours, registry, clock
        )
        alerting = make_alerting(settings, stores, parts, services, traffic, place, sender, registry, clock)
        log_ins = LogIns(stores.sessions, place.connections, hubs.plane, clock, place.neighbours_of_log_ins)
        hosting.neighbours.hear(Topic.LOG_IN_ENDED, log_ins.close)
        legacy = make_legacy(settings, secrets, stores, parts, services, registry, clock)
        add_hubs(hubs, stores, services, place.records, clock)
        state = BackgroundState()
        lease = WorkLease(stores.leases, hosting.node_id, clock, is_able=hosting.reaches_all)
        show_process(registry, hosting.node_id, hubs, lease)
        web = make_web(
            settings,
            secrets,
            database,
            stores,
            parts,
            services,
            inbox,
            alerting,
            place,
            registry,
            window,
            state,
            lease,
            log_ins,
            hosting,
            legacy,
            clock,
        )
        if isinstance(hosting.neighbours, BrokerNeighbours):
            await stack.enter_async_context(hosting.neighbours.lifespan())
        yield Application(
            web=web,
            hubs=hubs,
            listener=place.listener,
            events=place.events,
            everywhere={**_everywhere(services, place, log_ins, legacy), **place.everywhere},
            exclusive=_exclusive(settings, stores, parts, services, inbox, alerting, place, clock),
            lease=lease,
            legacy=legacy,
            background_state=state,
            accounts=AccountAdministration(stores.accounts, stores.sessions, Passwords(), clock),
            clock=clock,
            demo_shop=parts.demo,
        )


def _everywhere(services: Services, place: HubPlace, log_ins: LogIns, legacy: LegacyService) -> Mapping[str, Work]:
    """What concerns this process alone, or is shared by all."""
    return {
        SYNC_JOBS: services.job_runner.run,
        "granted audiences": services.granted_business.look_after,
        "health probes": services.health.run,
        "log-ins": log_ins.run,
        "old pages": legacy.run,
        "who is connected": place.connections.run,
    }


def _exclusive(
    settings: Settings,
    stores: Stores,
    parts: ShopParts,
    services: Services,
    inbox: InboxParts,
    alerting: Alerting,
    place: HubPlace,
    clock: Clock,
) -> Mapping[str, Work]:
    """What would be done twice, or told twice, if two processes did it."""
    work: dict[str, Work] = {
        "dashboard": services.timer.run,
        **{f"events {way}".strip(): each.run for way, each in services.event_publishers.items()},
        "granted business": services.granted_business.run,
        "changes of the shop": services.capture.run,
        "sync schedules": services.schedules.run,
        "retention": make_retention(settings, stores, clock).run,
        "idle connections": IdleConnections(
            stores.connections, place.hubs.plane, clock, presence_options(settings)
        ).run,
        "attendance": services.attendance.run,
        **inbox.exclusive,
        **alerting.exclusive,
        **place.exclusive,
    }
    if settings.green_signalr:
        work["alerts of the roll-out"] = GuardAlerts(stores.plans, services.alerts.raise_by_system, clock).run
    if parts.demo is not None:

        async def start_sync(marketplace: str) -> None:
            await services.sync.start(_DEMO, marketplace)

        work[DEMO_PEOPLE] = parts.demo.driver(start_sync).run
    return work


SYNC_JOBS: Final = "sync jobs"
"""Name of the work that executes syncs, which processes share; hosts that stop at any moment keep it to one."""
DEMO_PEOPLE: Final = "demo shop"
"""Name of the work that keeps the demo shop going; tests that want a quiet shop leave it out."""
