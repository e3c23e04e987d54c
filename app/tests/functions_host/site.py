"""The application as functions, with its demo shop, as its users see it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
from app.tests.azure_service import AzureService
from app.tests.functions_host.host import FunctionsHost, functions_host
from app.tests.functions_host.signalr_extension import PATH
from app.tests.program import free_port
from app.tests.site import START_SECONDS, Site

from meschain.bootstrap import DEMO_PEOPLE
from meschain.entrypoints.demo_accounts import prepare_demo_accounts
from meschain.entrypoints.functions import Instance, make_function_app
from meschain.entrypoints.functions.http import UPSTREAM_ROUTE
from meschain.entrypoints.functions.timer import STAY_SECONDS
from meschain.services.lease import WorkLease
from meschain.settings import Settings

SHORT_STAY_SECONDS = 0.01
"""Of a timer's call in tests that wait for its end."""

NO_SERVICE = f"Endpoint=http://localhost:1;AccessKey={secrets.token_urlsafe(33)};Version=1.0;"
"""Where no service answers; enough for what asks for none."""


def settings_behind_a_service(data_dir: Path, **settings: object) -> Settings:
    """Settings of functions; of a demo shop unless they name another, and of no service unless they name one."""
    return Settings(**{"data_dir": data_dir, "azure_signalr": NO_SERVICE, **settings})  # type: ignore[arg-type] # it checks


@dataclass(frozen=True)
class FunctionsSite:
    """A running Functions app."""

    site: Site
    host: FunctionsHost
    instance: Instance


@asynccontextmanager
async def functions_site(
    data_dir: Path,
    *,
    stay_seconds: float = SHORT_STAY_SECONDS,
    with_timers: bool = False,
    demo_people: bool = False,
    access_keys: Sequence[str] = (),
    system_key: str | None = None,
    **settings: object,
) -> AsyncIterator[FunctionsSite]:
    """Run it on a free port, or that of the settings, until the end of the block.

    Args:
        demo_people: Whether the demo shop's buyers and staff act by themselves.
        access_keys, system_key: of the SignalR extension.
    """
    made = settings_behind_a_service(data_dir, **{"port": free_port(), **settings})
    instance = Instance(lambda: made, leave_out=frozenset() if demo_people else frozenset({DEMO_PEOPLE}))
    app = make_function_app(instance, stay_seconds=stay_seconds)
    try:
        async with (
            functions_host(
                app, port=made.port, access_keys=access_keys, system_key=system_key, with_timers=with_timers
            ) as (host, url),
            aiohttp.ClientSession() as http,
        ):
            application = await instance.application()
            accounts = await prepare_demo_accounts(application.accounts, data_dir) if made.demo else ()
            passwords = {account.username: account.password for account in accounts}
            yield FunctionsSite(Site(url, passwords, application, made, http, made.public_url), host, instance)
    finally:
        # After the host: a call that came later would open the application again.
        await instance.close()


@asynccontextmanager
async def functions_on_a_service(
    data_dir: Path, *, demo_people: bool = False, by_triggers: bool = False, **settings: Any
) -> AsyncIterator[FunctionsSite]:
    """The functions with their timers, and a `hubwire service` that holds the connections and sends them its events.

    Args:
        by_triggers: Whether events come by the web hook of the SignalR extension, and not by our own function.
    """
    code, port = secrets.token_urlsafe(33), free_port()
    path = PATH if by_triggers else f"/{UPSTREAM_ROUTE}"
    service = AzureService(data_dir.parent / "service", f"http://127.0.0.1:{port}{path}?code={code}")
    await asyncio.to_thread(service.start)
    try:
        async with functions_site(
            data_dir,
            stay_seconds=STAY_SECONDS,
            with_timers=True,
            demo_people=demo_people,
            access_keys=[service.key],
            system_key=code,
            port=port,
            azure_signalr=service.connection_string,
            upstream_code=code,
            **settings,
        ) as functions:
            yield replace(functions, site=replace(functions.site, clients_at=service.url))
    finally:
        await asyncio.to_thread(service.stop)


@asynccontextmanager
async def on_functions(data_dir: Path, *, demo_people: bool = False, **settings: Any) -> AsyncIterator[Site]:
    """The site alone, as other hostings give it."""
    async with functions_on_a_service(data_dir, demo_people=demo_people, **settings) as functions:
        yield functions.site


async def somebody_works(*leases: WorkLease) -> None:
    """Wait until one of these processes does the work of one for all."""
    async with asyncio.timeout(START_SECONDS):
        while not any(lease.is_held for lease in leases):  # noqa: ASYNC110 - a lease tells nobody
            await asyncio.sleep(0.01)
