"""The web application: every route with what it calls, and the guards before them."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version

from prometheus_client import CollectorRegistry
from starlette.routing import Route

from meschain.auth.api_keys import ApiKeys
from meschain.auth.bearer import Bearers
from meschain.auth.external_tokens import ExternalTokens
from meschain.auth.keys import LOGIN_KEYS, Secrets
from meschain.auth.login import LoginService
from meschain.auth.login_tokens import LoginTokens
from meschain.auth.names import PeopleNames
from meschain.auth.own_accounts import OwnAccounts
from meschain.auth.passwords import Passwords
from meschain.auth.ports import ClientAccess, PasswordCheck
from meschain.auth.rates import WeightedLimit
from meschain.auth.shop_sign_in import ShopSignIn
from meschain.auth.throttle import LoginThrottle, SlidingLimit
from meschain.bootstrap.alerts import Alerting
from meschain.bootstrap.hosting import Hosting, Neighbours
from meschain.bootstrap.hub_place import HubPlace
from meschain.bootstrap.inbox import InboxParts
from meschain.bootstrap.services import Services
from meschain.bootstrap.shop import ShopParts
from meschain.bootstrap.stores import Stores
from meschain.domain.payloads import PublicInfo
from meschain.http.alerts import AlertRoutes
from meschain.http.analytics import analytics_routes
from meschain.http.app import Guards, WebApplication
from meschain.http.audit import audit_routes
from meschain.http.bearer import Callers
from meschain.http.client_address import ClientAddress
from meschain.http.dashboard import dashboard_routes
from meschain.http.health import BackgroundState, Check, Health
from meschain.http.inbox import InboxRoutes
from meschain.http.info import Info
from meschain.http.legacy import legacy_routes
from meschain.http.login import Login
from meschain.http.login_journal import LoginActivity
from meschain.http.marketplaces import marketplace_routes
from meschain.http.metering import HttpMetrics
from meschain.http.metrics import Metrics
from meschain.http.names import names_routes
from meschain.http.negotiate import Negotiate
from meschain.http.opencart_session import OpenCartSession
from meschain.http.own_names import own_hosts, own_origins
from meschain.http.pages import Pages, packaged_pages
from meschain.http.presence import presence_routes
from meschain.http.publish import Publish
from meschain.http.rollout import RolloutRoutes
from meschain.http.session import session_routes
from meschain.http.sync_jobs import SyncJobRoutes
from meschain.http.sync_reports import report_routes
from meschain.http.throttle import NegotiateThrottle
from meschain.http.webhooks import WebhookRoutes
from meschain.hubs.log_ins import LogIns
from meschain.legacy.service import LegacyService
from meschain.services.audit_trail import AuditTrail
from meschain.services.booked_event_log import BookedEventLog
from meschain.services.lease import WorkLease
from meschain.services.options import AuditOptions
from meschain.services.ports import Clock, ShopUnavailable, Topic
from meschain.services.publishing import PublishService
from meschain.services.traffic import SlidingWindow
from meschain.settings import Settings
from meschain.state.database import Database

_MINUTE_SECONDS = 60.0
_WEBHOOK_WINDOW_SECONDS = 10.0
"""The settings count webhooks per ten seconds."""


def make_web(
    settings: Settings,
    secrets: Secrets,
    database: Database,
    stores: Stores,
    parts: ShopParts,
    services: Services,
    inbox: InboxParts,
    alerting: Alerting,
    place: HubPlace,
    registry: CollectorRegistry,
    window: SlidingWindow,
    background: BackgroundState,
    lease: WorkLease,
    log_ins: LogIns,
    hosting: Hosting,
    legacy: LegacyService,
    clock: Clock,
) -> WebApplication:
    address = ClientAddress(settings.trusted_proxies)
    ready: dict[str, Check] = {
        "database": database.probe,
        "shop": partial(_probe, parts),
        "background": background.check,
        "lease": lease.check,
    }
    ready |= place.ready

    def about() -> dict[str, str]:
        return {"node": hosting.node_id, "backgroundWorkAt": lease.holder}

    return WebApplication(
        routes=[
            *Health(ready, about).routes(),
            *Metrics(registry, settings.metrics_networks, address.of, alerting.state_metrics.ask).routes(),
            *Info(partial(_public_info, settings, parts)).routes(),
            *_api_routes(
                settings,
                secrets,
                place.access,
                stores,
                parts,
                services,
                inbox,
                alerting,
                address,
                log_ins,
                legacy,
                hosting.neighbours,
                clock,
            ),
        ],
        pages=Pages(packaged_pages()).routes(),
        hubs=place.hubs,
        guards=Guards(
            public_url=settings.public_url,
            client_origins=place.client_origins,
            allowed_origins=sorted(own_origins(settings)),
            allowed_hosts=own_hosts(settings),
            metrics=HttpMetrics(registry),
            record=window.record,
            monotonic=clock.monotonic,
        ),
    )


def _api_routes(
    settings: Settings,
    secrets: Secrets,
    access: ClientAccess,
    stores: Stores,
    parts: ShopParts,
    services: Services,
    inbox: InboxParts,
    alerting: Alerting,
    address: ClientAddress,
    log_ins: LogIns,
    legacy: LegacyService,
    neighbours: Neighbours,
    clock: Clock,
) -> list[Route]:
    login_tokens = LoginTokens(secrets.keys(LOGIN_KEYS), clock)
    checks: list[PasswordCheck] = [OwnAccounts(stores.accounts, Passwords()), parts.accounts]
    external = ExternalTokens(settings.token_issuers, clock)
    callers = Callers(Bearers(login_tokens, external, stores.sessions, checks, clock))

    def limit(hits: int, seconds: float) -> SlidingLimit:
        return SlidingLimit(hits, seconds, clock.monotonic)

    throttle = LoginThrottle(
        limit(settings.login_failures_per_user, settings.login_window_seconds),
        limit(settings.login_failures_per_address, settings.login_window_seconds),
        partial(neighbours.tell, Topic.LOG_IN_COUNT),
    )
    neighbours.hear(Topic.LOG_IN_COUNT, throttle.hear)
    login = LoginService(
        checks,
        stores.sessions,
        login_tokens,
        throttle,
        clock,
        token_seconds=settings.login_token_seconds,
        session_seconds=settings.login_session_seconds,
        journal=LoginActivity(
            services.activity, stores.audit, limit(AuditOptions().failures_per_minute, _MINUTE_SECONDS)
        ),
        on_end=log_ins.end,
    )
    negotiate = Negotiate(
        callers,
        access,
        NegotiateThrottle(
            limit(settings.negotiations_per_user, _MINUTE_SECONDS),
            limit(settings.negotiations_per_address, _MINUTE_SECONDS),
        ),
        address,
        clock,
        token_seconds=settings.client_token_seconds,
    )
    sign_in = ShopSignIn(
        parts.sessions,
        stores.tickets,
        checks,
        login,
        limit(settings.login_failures_per_address, settings.login_window_seconds),
        clock,
    )
    publish = Publish(
        ApiKeys(stores.api_keys, clock),
        PublishService(BookedEventLog(services.event_log, services.alerts, stores.alerts), stores.publications, clock),
        WeightedLimit(settings.published_events_per_minute, clock.monotonic),
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
        # What comes in bursts stands first: routes are looked through in their order.
        *negotiate.routes(),
        *WebhookRoutes(
            inbox.receiver, limit(settings.webhooks_per_address, _WEBHOOK_WINDOW_SECONDS), address, clock
        ).routes(),
        *publish.routes(),
        *login_routes.routes(),
        *session_routes(callers, demo=settings.demo),
        *OpenCartSession(sign_in, address, clock, public_url=settings.public_url, demo=settings.demo).routes(),
        *dashboard_routes(callers, services.dashboard),
        *marketplace_routes(callers, services.marketplaces),
        *analytics_routes(callers, services.analytics),
        *report_routes(services.sync),
        *names_routes(callers, PeopleNames(stores.accounts, parts.accounts), services.sync, services.schedules),
        *SyncJobRoutes(callers, services.sync, services.schedules).routes(),
        *InboxRoutes(callers, inbox.administration, shown_body_bytes=inbox.options.shown_body_bytes).routes(),
        *AlertRoutes(callers, alerting.administration).routes(),
        *RolloutRoutes(callers, services.rollout, has_green=bool(settings.green_signalr)).routes(),
        *legacy_routes(callers, legacy),
        *presence_routes(callers, services.who_is_online),
        *audit_routes(callers, AuditTrail(stores.audit)),
    ]


async def _probe(parts: ShopParts) -> None:
    await parts.shop.probe()


async def _public_info(settings: Settings, parts: ShopParts) -> PublicInfo:
    try:
        name = await parts.shop.name()
    except ShopUnavailable:
        name = ""
    return PublicInfo(product="MesChain-Sync", version=version("meschain"), demo=settings.demo, shop_name=name)
