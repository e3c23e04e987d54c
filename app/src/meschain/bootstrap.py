"""Puts the application together: the only place that knows which adapter stands behind which port, and the hosting.

`build` opens what the application works with, in the order of need, and closes it again. It starts nothing: whoever
entered it runs the hubs, the background work and the listening server. Single process is the one hosting so far.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from random import SystemRandom
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from starlette.routing import Route

from hubwire import HubServer, ServerOptions
from hubwire.azure.jwt import ClientTokens
from meschain.auth.bearer import Bearers
from meschain.auth.external_tokens import ExternalTokens
from meschain.auth.keys import CLIENT_KEYS, LOGIN_KEYS, Secrets
from meschain.auth.login import LoginService
from meschain.auth.login_tokens import LoginTokens
from meschain.auth.own_accounts import AccountAdministration, OwnAccounts
from meschain.auth.passwords import Passwords
from meschain.auth.ports import PasswordCheck
from meschain.auth.throttle import LoginThrottle, SlidingLimit
from meschain.domain.events import ADMIN_HUB, DASHBOARD_HUB, MARKETPLACE_HUB
from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.payloads import PublicInfo
from meschain.domain.roles import Identity, Role
from meschain.http.app import Guards, WebApplication
from meschain.http.bearer import Callers
from meschain.http.client_address import ClientAddress
from meschain.http.dashboard import dashboard_routes
from meschain.http.health import BackgroundState, Check, Health
from meschain.http.info import Info
from meschain.http.jobs import job_routes
from meschain.http.login import Login
from meschain.http.login_journal import LoginActivity
from meschain.http.marketplaces import marketplace_routes
from meschain.http.metering import HttpMetrics
from meschain.http.metrics import Metrics
from meschain.http.negotiate import HubAccess, Negotiate
from meschain.http.pages import Pages, packaged_pages
from meschain.http.probes import HttpProbe
from meschain.http.session import session_routes
from meschain.http.sync_endpoint import SyncEndpoint
from meschain.http.throttle import NegotiateThrottle
from meschain.hubs.admin import AdminHub
from meschain.hubs.authorise import Authorise
from meschain.hubs.dashboard import DashboardHub
from meschain.hubs.marketplace import MarketplaceHub
from meschain.hubs.observer import HubObserver
from meschain.hubs.presence import PlanePresence
from meschain.hubs.publisher import HubPublisher
from meschain.hubs.refusals import Refusals
from meschain.opencart.accounts import OpenCartAccounts
from meschain.opencart.connection import ShopDatabase
from meschain.opencart.demo.shop import PREFIX, VERSION, DemoShop
from meschain.opencart.options import ShopOptions
from meschain.opencart.orders import CURSOR, OrderHistorySource
from meschain.opencart.store import OpenCartShop
from meschain.services.activity import ActivityService
from meschain.services.admin_commands import AdminCommands
from meschain.services.alerts import AlertService
from meschain.services.clock import SystemClock
from meschain.services.dashboard import DashboardService
from meschain.services.dashboard_timer import DashboardTimer
from meschain.services.health import HealthMonitor
from meschain.services.marketplaces import MarketplaceService
from meschain.services.notifications import NotificationService
from meschain.services.options import DashboardOptions, RetentionOptions
from meschain.services.orders import OrderWatcher
from meschain.services.ports import Clock, OrderSource, ShopUnavailable, SyncRunner
from meschain.services.retention import Retention
from meschain.services.sync import SyncService
from meschain.services.sync_reports import SyncReports
from meschain.services.sync_runner import JobRunner
from meschain.services.traffic import SlidingWindow
from meschain.settings import Settings
from meschain.state.accounts import SqlAccountStore
from meschain.state.activity import SqlActivityStore
from meschain.state.alerts import SqlAlertStore
from meschain.state.audit import SqlAuditStore
from meschain.state.cursors import SqlCursorStore
from meschain.state.database import Database
from meschain.state.demo_file import signing_secrets
from meschain.state.groups import SqlGroupStore
from meschain.state.login_sessions import SqlLoginSessionStore
from meschain.state.notifications import SqlNotificationStore
from meschain.state.sync_jobs import SqlSyncJobStore

Work = Callable[[], Awaitable[None]]

CLIENT_PATH: Final = "/client"
"""Azure SignalR's path of the endpoint that clients are sent to."""
DEMO_SHOP_FILE: Final = "shop.db"
"""The demo shop's database within `data_dir`."""

_DEMO: Final = Identity("service:demo", "Demo shop", Role.SERVICE)


@dataclass(frozen=True, slots=True)
class Application:
    """What `build` put together. Open as long as its block."""

    web: WebApplication
    """The ASGI application; hubs included, for servers without the fast lane."""
    hubs: HubServer
    """Its lifespan is to be entered before the first request."""
    background: Mapping[str, Work]
    """What runs beside requests, by name, each for ever."""
    background_state: BackgroundState
    accounts: AccountAdministration
    clock: Clock
    demo_shop: DemoShop | None
    """None: a real shop is served."""


@dataclass(frozen=True, slots=True)
class _Stores:
    """Our own tables."""

    accounts: SqlAccountStore
    sessions: SqlLoginSessionStore
    notifications: SqlNotificationStore
    groups: SqlGroupStore
    jobs: SqlSyncJobStore
    alerts: SqlAlertStore
    audit: SqlAuditStore
    activity: SqlActivityStore
    cursors: SqlCursorStore


@dataclass(frozen=True, slots=True)
class _Services:
    """The use cases."""

    publisher: HubPublisher
    activity: ActivityService
    alerts: AlertService
    notifications: NotificationService
    sync: SyncService
    job_runner: JobRunner
    health: HealthMonitor
    dashboard: DashboardService
    timer: DashboardTimer
    marketplaces: MarketplaceService
    commands: AdminCommands


class EngineClock:
    """The engine's clock on the application's, so that tests move both at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def time(self) -> float:
        return self._clock.now().timestamp()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


@asynccontextmanager
async def build(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Application]:
    """Open everything and put it together; closed at the end of the block.

    Raises: StateUnavailable, ShopUnavailable or DemoFileBroken with a text for the operator.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        settings.data_dir.expanduser().mkdir(mode=0o700, parents=True, exist_ok=True)
        secrets = signing_secrets(settings)
        database = await Database.open(settings.state_url)
        stack.push_async_callback(database.close)
        stores = _stores(database, clock)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        demo_shop, shop_database = await _open_shop(settings, clock, stack)
        shop = OpenCartShop(shop_database, clock, _shop_options(settings))
        shop_accounts = OpenCartAccounts(
            shop_database, shop.settings, stores.accounts, group_roles=settings.group_roles
        )
        orders = OrderHistorySource(
            shop, stores.cursors, clock, poll_seconds=settings.order_poll_seconds, name=_cursor_name(shop_database)
        )

        registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        window = SlidingWindow(clock, max(1, round(settings.window_seconds)))
        observer = HubObserver(registry, window.record)
        window.count_connections_by(observer.connections)
        engine_clock = EngineClock(clock)
        tokens = ClientTokens(
            secrets.access_keys(CLIENT_KEYS),
            [settings.public_url],
            lifetime_seconds=settings.client_token_seconds,
            clock=engine_clock,
        )
        hubs = HubServer(_server_options(settings), verifier=tokens, observer=observer, clock=engine_clock)

        reports = SyncReports()
        runners = _sync_runners(settings, demo_shop, http, reports, clock)
        services = _services(settings, stores, shop, window, hubs, runners, reports, http, clock)
        _add_hubs(hubs, stores, services, clock)

        state = BackgroundState()
        ready: dict[str, Check] = {"database": database.probe, "shop": partial(_probe, shop), "background": state.check}
        address = ClientAddress(settings.trusted_proxies)
        routes = [
            *Health(ready).routes(),
            *Metrics(registry, settings.metrics_networks, address.of).routes(),
            *Info(partial(_public_info, settings, shop)).routes(),
            *_api_routes(settings, stores, services, secrets, shop_accounts, HubAccess(tokens), address, clock),
        ]
        guards = Guards(
            public_url=settings.public_url,
            allowed_origins=sorted(_own_origins(settings)),
            allowed_hosts=_own_hosts(settings),
            metrics=HttpMetrics(registry),
            record=window.record,
            monotonic=clock.monotonic,
        )
        yield Application(
            web=WebApplication(routes=routes, pages=Pages(packaged_pages()).routes(), hubs=hubs, guards=guards),
            hubs=hubs,
            background=_background(stores, orders, services, demo_shop, clock),
            background_state=state,
            accounts=AccountAdministration(stores.accounts, stores.sessions, Passwords(), clock),
            clock=clock,
            demo_shop=demo_shop,
        )


def _stores(database: Database, clock: Clock) -> _Stores:
    return _Stores(
        accounts=SqlAccountStore(database),
        sessions=SqlLoginSessionStore(database),
        notifications=SqlNotificationStore(database, clock),
        groups=SqlGroupStore(database, clock),
        jobs=SqlSyncJobStore(database),
        alerts=SqlAlertStore(database),
        audit=SqlAuditStore(database, clock),
        activity=SqlActivityStore(database),
        cursors=SqlCursorStore(database),
    )


async def _open_shop(settings: Settings, clock: Clock, stack: AsyncExitStack) -> tuple[DemoShop | None, ShopDatabase]:
    """The shop to read, and the demo shop behind it if it is one."""
    if settings.opencart_url is not None:
        database = ShopDatabase(
            settings.opencart_url.get_secret_value(),
            prefix=settings.opencart_prefix,
            version=settings.opencart_version,
        )
        stack.push_async_callback(database.close)
        return None, database
    path = settings.data_dir.expanduser().absolute() / DEMO_SHOP_FILE
    demo = await DemoShop.open(path, clock=clock, random=SystemRandom())
    stack.push_async_callback(demo.close)
    database = ShopDatabase(demo.url, prefix=PREFIX, version=VERSION)
    stack.push_async_callback(database.close)
    return demo, database


def _cursor_name(database: ShopDatabase) -> str:
    """One for each shop: the history of one says nothing about another's."""
    return f"{CURSOR}:{sha256(database.place.encode()).hexdigest()[:16]}"


def _shop_options(settings: Settings) -> ShopOptions:
    return ShopOptions(
        revenue_rule=settings.revenue_rule,
        low_stock_threshold=settings.low_stock_threshold,
        session_minutes=settings.session_minutes,
    )


def _sync_runners(
    settings: Settings, demo: DemoShop | None, http: aiohttp.ClientSession, reports: SyncReports, clock: Clock
) -> Mapping[str, SyncRunner]:
    """What syncs each marketplace: the demo's reconciliation, else the shop's own programs where configured."""
    if demo is not None:
        return dict.fromkeys(MARKETPLACES, demo.sync_runner)
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


def _services(
    settings: Settings,
    stores: _Stores,
    shop: OpenCartShop,
    window: SlidingWindow,
    hubs: HubServer,
    runners: Mapping[str, SyncRunner],
    reports: SyncReports,
    http: aiohttp.ClientSession,
    clock: Clock,
) -> _Services:
    publisher = HubPublisher(hubs.context)
    presence = PlanePresence(hubs.plane)
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
        shop=shop,
        traffic=window,
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
    return _Services(
        publisher=publisher,
        activity=activity,
        alerts=alerts,
        notifications=notifications,
        sync=sync,
        job_runner=job_runner,
        health=health,
        dashboard=dashboard,
        timer=timer,
        marketplaces=MarketplaceService(shop=shop, jobs=stores.jobs, sync=sync, clock=clock, options=options),
        commands=AdminCommands(dashboard=dashboard, sync=sync, alerts=alerts, audit=stores.audit),
    )


def _add_hubs(hubs: HubServer, stores: _Stores, services: _Services, clock: Clock) -> None:
    publisher = services.publisher
    filters = [Authorise(stores.audit, clock), Refusals()]
    groups, notifications = stores.groups, services.notifications
    admin = partial(
        AdminHub,
        groups=groups,
        notifications=notifications,
        dashboard=services.dashboard,
        commands=services.commands,
        alerts=services.alerts,
        publisher=publisher,
    )
    marketplace = partial(
        MarketplaceHub,
        groups=groups,
        notifications=notifications,
        sync=services.sync,
        publisher=publisher,
        clock=clock,
    )
    dashboard = partial(
        DashboardHub, groups=groups, notifications=notifications, dashboard=services.dashboard, publisher=publisher
    )
    hubs.add(admin, name=ADMIN_HUB, filters=filters)
    hubs.add(marketplace, name=MARKETPLACE_HUB, filters=filters)
    hubs.add(dashboard, name=DASHBOARD_HUB, filters=filters)


def _api_routes(
    settings: Settings,
    stores: _Stores,
    services: _Services,
    secrets: Secrets,
    shop_accounts: OpenCartAccounts,
    access: HubAccess,
    address: ClientAddress,
    clock: Clock,
) -> list[Route]:
    tokens = LoginTokens(secrets.keys(LOGIN_KEYS), clock)
    checks: list[PasswordCheck] = [OwnAccounts(stores.accounts, Passwords()), shop_accounts]
    external = ExternalTokens(settings.token_issuers, clock)
    callers = Callers(Bearers(tokens, external, stores.sessions, checks, clock))
    limit = partial(SlidingLimit, monotonic=clock.monotonic)
    window = settings.login_window_seconds
    login = LoginService(
        checks,
        stores.sessions,
        tokens,
        LoginThrottle(
            limit(settings.login_failures_per_user, window), limit(settings.login_failures_per_address, window)
        ),
        clock,
        token_seconds=settings.login_token_seconds,
        session_seconds=settings.login_session_seconds,
        journal=LoginActivity(services.activity),
    )
    negotiate = Negotiate(
        callers,
        access,
        NegotiateThrottle(limit(settings.negotiations_per_user, 60.0), limit(settings.negotiations_per_address, 60.0)),
        address,
        clock,
        token_seconds=settings.client_token_seconds,
    )
    login_routes = Login(
        login,
        callers,
        address,
        clock,
        public_url=settings.public_url,
        allowed_origins=settings.allowed_origins,
        demo=settings.demo,
    )
    return [
        *login_routes.routes(),
        *session_routes(callers, demo=settings.demo),
        *negotiate.routes(),
        *dashboard_routes(callers, services.dashboard),
        *marketplace_routes(callers, services.marketplaces),
        *job_routes(services.sync),
    ]


def _background(
    stores: _Stores, orders: OrderSource, services: _Services, demo: DemoShop | None, clock: Clock
) -> Mapping[str, Work]:
    days = RetentionOptions()
    retention = Retention(
        {
            "alerts": (stores.alerts, days.alert_days),
            "activity": (stores.activity, days.activity_days),
            "audit": (stores.audit, days.audit_days),
            "notifications": (stores.notifications, days.notification_days),
            "sync jobs": (stores.jobs, days.sync_job_days),
        },
        clock,
        days,
    )
    watcher = OrderWatcher(
        source=orders,
        publisher=services.publisher,
        activity=services.activity,
        refresh=services.timer.refresh,
        clock=clock,
    )
    work: dict[str, Work] = {
        "dashboard": services.timer.run,
        "orders": watcher.run,
        "sync jobs": services.job_runner.run,
        "health probes": services.health.run,
        "retention": retention.run,
    }
    if demo is not None:

        async def start_sync(marketplace: str) -> None:
            await services.sync.start(_DEMO, marketplace)

        work["demo shop"] = demo.driver(start_sync).run
    return work


def _server_options(settings: Settings) -> ServerOptions:
    return ServerOptions(
        allowed_origins=_own_origins(settings),
        allowed_hosts=_own_hosts(settings),
        trusted_proxies=settings.trusted_proxies,
        client_path=CLIENT_PATH,
    )


def _own_origins(settings: Settings) -> frozenset[str]:
    """Origins whose pages may talk to us: those configured, the public one, and this machine's names for itself.

    The last because hub addresses name `public_url`: a page opened as 127.0.0.1 talks to localhost.
    """
    scheme = urlsplit(settings.public_url).scheme
    loopback = {f"{scheme}://{name}:{settings.port}" for name in _LOOPBACK_NAMES} if _is_loopback(settings.host) else ()
    return frozenset({*settings.allowed_origins, settings.public_url, *loopback})


def _own_hosts(settings: Settings) -> frozenset[str]:
    """Host headers that are answered, without ports."""
    public = urlsplit(settings.public_url).hostname or ""
    names = {f"[{public}]" if ":" in public else public, *_LOOPBACK_NAMES, *settings.allowed_hosts}
    if settings.host not in _ANY_ADDRESS:
        names.add(f"[{settings.host}]" if ":" in settings.host else settings.host.lower())
    return frozenset(names)


_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
_ANY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host == "::1" or host.startswith("127.")


async def _probe(shop: OpenCartShop) -> None:
    await shop.probe()


async def _public_info(settings: Settings, shop: OpenCartShop) -> PublicInfo:
    try:
        name = await shop.name()
    except ShopUnavailable:
        name = ""
    return PublicInfo(product="MesChain-Sync", version=version("meschain"), demo=settings.demo, shop_name=name)
