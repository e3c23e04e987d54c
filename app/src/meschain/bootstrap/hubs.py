"""The hub server with the three hubs, hosted in this one process."""

from __future__ import annotations

from functools import partial
from typing import Final

from hubwire import HubServer, Observer, ServerOptions
from hubwire.azure.jwt import ClientTokens
from meschain.auth.keys import CLIENT_KEYS, Secrets
from meschain.bootstrap.services import Services
from meschain.bootstrap.stores import Stores
from meschain.domain.events import ADMIN_HUB, DASHBOARD_HUB, MARKETPLACE_HUB
from meschain.http.own_names import own_hosts, own_origins
from meschain.hubs.admin import AdminHub
from meschain.hubs.authorise import Authorise
from meschain.hubs.dashboard import DashboardHub
from meschain.hubs.log_ins import LogIns
from meschain.hubs.marketplace import MarketplaceHub
from meschain.hubs.refusals import Refusals
from meschain.services.ports import Clock
from meschain.settings import Settings

CLIENT_PATH: Final = "/client"
"""Azure SignalR's path of the endpoint that clients are sent to."""


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


def make_tokens(settings: Settings, secrets: Secrets, clock: Clock) -> ClientTokens:
    """What signs hub tokens and checks them."""
    return ClientTokens(
        secrets.access_keys(CLIENT_KEYS),
        [settings.public_url],
        lifetime_seconds=settings.client_token_seconds,
        clock=EngineClock(clock),
    )


def make_hub_server(settings: Settings, tokens: ClientTokens, observer: Observer, clock: Clock) -> HubServer:
    """A server without hubs yet: the services that hubs call publish through it."""
    options = ServerOptions(
        allowed_origins=own_origins(settings),
        allowed_hosts=own_hosts(settings),
        trusted_proxies=settings.trusted_proxies,
        client_path=CLIENT_PATH,
    )
    return HubServer(options, verifier=tokens, observer=observer, clock=EngineClock(clock))


def add_hubs(server: HubServer, stores: Stores, services: Services, log_ins: LogIns, clock: Clock) -> None:
    filters = [Authorise(stores.audit, clock), Refusals(), log_ins]
    admin = partial(
        AdminHub,
        groups=stores.groups,
        notifications=services.notifications,
        dashboard=services.dashboard,
        commands=services.commands,
        alerts=services.alerts,
        publisher=services.publisher,
    )
    marketplace = partial(
        MarketplaceHub,
        groups=stores.groups,
        notifications=services.notifications,
        sync=services.sync,
        publisher=services.publisher,
        clock=clock,
    )
    dashboard = partial(
        DashboardHub,
        groups=stores.groups,
        notifications=services.notifications,
        dashboard=services.dashboard,
        granted_business=services.granted_business,
        publisher=services.publisher,
    )
    server.add(admin, name=ADMIN_HUB, filters=filters)
    server.add(marketplace, name=MARKETPLACE_HUB, filters=filters)
    server.add(dashboard, name=DASHBOARD_HUB, filters=filters)
