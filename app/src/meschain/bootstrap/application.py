"""`build`: opens what the application works with, in the order of need, and closes it again.

It starts nothing: whoever enters it runs the hubs, the background work and the listening server. A single process that
holds the sockets itself is the one hosting so far; another one is chosen here and nowhere else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from hubwire import HubServer
from meschain.auth.own_accounts import AccountAdministration
from meschain.auth.passwords import Passwords
from meschain.bootstrap.hubs import add_hubs, make_hub_server, make_tokens
from meschain.bootstrap.routes import make_web
from meschain.bootstrap.services import Services, make_services
from meschain.bootstrap.shop import ShopParts, open_shop
from meschain.bootstrap.stores import Stores, make_retention, make_stores
from meschain.domain.roles import Identity, Role
from meschain.http.app import WebApplication
from meschain.http.health import BackgroundState
from meschain.hubs.log_ins import LogIns
from meschain.hubs.observer import HubObserver
from meschain.opencart.demo.shop import DemoShop
from meschain.opencart.login_activity import show_shop_logins
from meschain.services.clock import SystemClock
from meschain.services.ports import Clock
from meschain.services.traffic import SlidingWindow
from meschain.settings import Settings
from meschain.state.database import Database, StateUnavailable
from meschain.state.demo_file import signing_secrets

Work = Callable[[], Awaitable[None]]
"""Runs until it is cancelled."""

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


@asynccontextmanager
async def build(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Application]:
    """Open everything and put it together; closed at the end of the block.

    Raises: StateUnavailable, ShopUnavailable or DemoFileBroken with a text for the operator.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        _make_folder(settings.data_dir.expanduser())
        secrets = signing_secrets(settings)
        database = await Database.open(settings.state_url)
        stack.push_async_callback(database.close)
        stores = make_stores(database, clock)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        parts = await open_shop(settings, stores, clock, stack)

        registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        window = SlidingWindow(clock, max(1, round(settings.window_seconds)))
        observer = HubObserver(registry, window.record)
        window.count_connections_by(observer.connections)

        tokens = make_tokens(settings, secrets, clock)
        hubs = make_hub_server(settings, tokens, observer, clock)
        services = make_services(settings, stores, parts, window, hubs, http, clock)
        log_ins = LogIns(stores.sessions, hubs.plane, clock)
        add_hubs(hubs, stores, services, log_ins, clock)
        state = BackgroundState()
        yield Application(
            web=make_web(
                settings,
                secrets,
                tokens,
                database,
                stores,
                parts,
                services,
                hubs,
                registry,
                window,
                state,
                log_ins,
                clock,
            ),
            hubs=hubs,
            background=_background(stores, parts, services, log_ins, clock),
            background_state=state,
            accounts=AccountAdministration(stores.accounts, stores.sessions, Passwords(), clock),
            clock=clock,
            demo_shop=parts.demo,
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StateUnavailable(
            f"The folder {folder} cannot be made ({error.strerror}); choose another data_dir."
        ) from None


def _background(
    stores: Stores, parts: ShopParts, services: Services, log_ins: LogIns, clock: Clock
) -> Mapping[str, Work]:
    work: dict[str, Work] = {
        "dashboard": services.timer.run,
        "granted business": services.granted_business.run,
        "orders": services.orders.run,
        "shop log-ins": partial(show_shop_logins, parts.logins, services.activity),
        "sync jobs": services.job_runner.run,
        "health probes": services.health.run,
        "log-ins": log_ins.run,
        "retention": make_retention(stores, clock).run,
    }
    if parts.demo is not None:

        async def start_sync(marketplace: str) -> None:
            await services.sync.start(_DEMO, marketplace)

        work[DEMO_PEOPLE] = parts.demo.driver(start_sync).run
    return work


DEMO_PEOPLE: Final = "demo shop"
"""Name of the work that keeps the demo shop going; tests that want a quiet shop leave it out."""
