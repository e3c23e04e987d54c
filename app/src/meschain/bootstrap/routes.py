"""The web application: every route with what it calls, and the guards before them."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version

from prometheus_client import CollectorRegistry
from starlette.routing import Route

from hubwire import HubServer
from hubwire.azure.jwt import ClientTokens
from meschain.auth.bearer import Bearers
from meschain.auth.external_tokens import ExternalTokens
from meschain.auth.keys import LOGIN_KEYS, Secrets
from meschain.auth.login import LoginService
from meschain.auth.login_tokens import LoginTokens
from meschain.auth.own_accounts import OwnAccounts
from meschain.auth.passwords import Passwords
from meschain.auth.ports import PasswordCheck
from meschain.auth.throttle import LoginThrottle, SlidingLimit
from meschain.bootstrap.services import Services
from meschain.bootstrap.shop import ShopParts
from meschain.bootstrap.stores import Stores
from meschain.domain.payloads import PublicInfo
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
from meschain.http.own_names import own_hosts, own_origins
from meschain.http.pages import Pages, packaged_pages
from meschain.http.session import session_routes
from meschain.http.throttle import NegotiateThrottle
from meschain.hubs.log_ins import LogIns
from meschain.services.ports import Clock, ShopUnavailable
from meschain.services.traffic import SlidingWindow
from meschain.settings import Settings
from meschain.state.database import Database

_NEGOTIATE_WINDOW_SECONDS = 60.0
"""The settings count negotiations per minute."""


def make_web(
    settings: Settings,
    secrets: Secrets,
    tokens: ClientTokens,
    database: Database,
    stores: Stores,
    parts: ShopParts,
    services: Services,
    hubs: HubServer,
    registry: CollectorRegistry,
    window: SlidingWindow,
    background: BackgroundState,
    log_ins: LogIns,
    clock: Clock,
) -> WebApplication:
    address = ClientAddress(settings.trusted_proxies)
    ready: dict[str, Check] = {
        "database": database.probe,
        "shop": partial(_probe, parts),
        "background": background.check,
    }
    return WebApplication(
        routes=[
            *Health(ready).routes(),
            *Metrics(registry, settings.metrics_networks, address.of).routes(),
            *Info(partial(_public_info, settings, parts)).routes(),
            *_api_routes(settings, secrets, tokens, stores, parts, services, address, log_ins, clock),
        ],
        pages=Pages(packaged_pages()).routes(),
        hubs=hubs,
        guards=Guards(
            public_url=settings.public_url,
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
    tokens: ClientTokens,
    stores: Stores,
    parts: ShopParts,
    services: Services,
    address: ClientAddress,
    log_ins: LogIns,
    clock: Clock,
) -> list[Route]:
    login_tokens = LoginTokens(secrets.keys(LOGIN_KEYS), clock)
    checks: list[PasswordCheck] = [OwnAccounts(stores.accounts, Passwords()), parts.accounts]
    external = ExternalTokens(settings.token_issuers, clock)
    callers = Callers(Bearers(login_tokens, external, stores.sessions, checks, clock))

    def limit(hits: int, seconds: float) -> SlidingLimit:
        return SlidingLimit(hits, seconds, clock.monotonic)

    login = LoginService(
        checks,
        stores.sessions,
        login_tokens,
        LoginThrottle(
            limit(settings.login_failures_per_user, settings.login_window_seconds),
            limit(settings.login_failures_per_address, settings.login_window_seconds),
        ),
        clock,
        token_seconds=settings.login_token_seconds,
        session_seconds=settings.login_session_seconds,
        journal=LoginActivity(services.activity),
        on_end=log_ins.end,
    )
    negotiate = Negotiate(
        callers,
        HubAccess(tokens),
        NegotiateThrottle(
            limit(settings.negotiations_per_user, _NEGOTIATE_WINDOW_SECONDS),
            limit(settings.negotiations_per_address, _NEGOTIATE_WINDOW_SECONDS),
        ),
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


async def _probe(parts: ShopParts) -> None:
    await parts.shop.probe()


async def _public_info(settings: Settings, parts: ShopParts) -> PublicInfo:
    try:
        name = await parts.shop.name()
    except ShopUnavailable:
        name = ""
    return PublicInfo(product="MesChain-Sync", version=version("meschain"), demo=settings.demo, shop_name=name)
