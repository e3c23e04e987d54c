"""`meschain doctor`: tries everything that `meschain serve` needs, and says what holds, what does not and what to do.

Reads only: our own database is not migrated, the shop's is not written to. Exit code 0: serve would work; 1: it would
not.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from importlib import import_module
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer
from sqlalchemy import Table
from sqlalchemy.engine import make_url

from hubwire import BrokerUnavailable
from meschain.bootstrap import reach_redis, try_service
from meschain.database_url import without_password
from meschain.entrypoints.cli.reporting import CommandFailed, ConfigOption, DataDirOption, reporting
from meschain.entrypoints.findings import BAD, GOOD, ODD, Finding, show
from meschain.entrypoints.listening import listen
from meschain.entrypoints.old_pages import examine_old_pages
from meschain.entrypoints.running import DEMO_IN_DATABASE
from meschain.http.pages import Pages, packaged_pages
from meschain.opencart.capture.binlog_server import read_server
from meschain.opencart.connection import ShopDatabase
from meschain.opencart.detection import ShopSchema
from meschain.opencart.schema import ShopTables
from meschain.opencart.store import OpenCartShop
from meschain.services.clock import SystemClock
from meschain.services.ports import CaptureImpossible, ShopUnavailable
from meschain.settings import LoadedSettings, Settings, SettingsError, load_settings
from meschain.state.database import StateUnavailable
from meschain.state.inspection import pending_migrations

_DESCRIPTORS_OF_OUR_OWN: Final = 200
"""Databases, Redis, peers, files, and connections that come to be refused."""
_FEW_CONNECTIONS: Final = 1000
"""A few hundred pages are an office; below this limit a reconnect of all of them may not fit."""


@reporting
def doctor(
    config: ConfigOption = None,
    port: Annotated[int | None, typer.Option(help="As for serve.")] = None,
    data_dir: DataDirOption = None,
    opencart_url: Annotated[str | None, typer.Option(help="As for serve.")] = None,
    workers: Annotated[int | None, typer.Option(help="As for serve.")] = None,
    redis_url: Annotated[str | None, typer.Option(help="As for serve.")] = None,
) -> None:
    """Check settings, databases, Redis, SignalR, pages, port and certificates; say what to do about each."""
    given: dict[str, object] = {"port": port, "data_dir": data_dir, "opencart_url": opencart_url}
    loaded = load_settings(config, {**given, "workers": workers, "redis_url": redis_url})
    findings = asyncio.run(examine(loaded))
    show(findings, "`meschain serve` would not work as it should.", "Everything that `meschain serve` needs is there.")


async def examine(loaded: LoadedSettings) -> list[Finding]:
    """Every check, in the order in which to mend what they find."""
    settings = loaded.settings
    findings = [Finding("settings", GOOD, f"{len(loaded.sources)} given, the others by default")]
    findings += [*_data_dir(settings), await _state(settings)]
    findings += [finding async for finding in _shop(settings)]
    findings += [*await _redis(settings), *await _signalr(settings), *await _green(settings), *_descriptors(settings)]
    findings += [*_pages(), *_tls(settings), *_port(settings), *_public_url(settings)]
    return [*findings, *await examine_old_pages(settings)]


def _data_dir(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir.expanduser().absolute()
    if folder.is_dir():
        yield Finding("data folder", GOOD, str(folder))
    elif folder.exists():
        yield Finding("data folder", BAD, f"{folder} is a file; choose another data_dir.")
    else:
        yield Finding("data folder", GOOD, f"{folder} will be made")


async def _state(settings: Settings) -> Finding:
    shown = without_password(settings.state_url)
    try:
        pending = await pending_migrations(settings.state_url)
    except StateUnavailable as error:
        return Finding("own database", BAD, str(error))
    if pending is None:
        return Finding("own database", GOOD, f"{shown} is empty; serve makes the tables")
    if pending:
        return Finding("own database", GOOD, f"{shown} lacks {len(pending)} migrations; serve runs them")
    return Finding("own database", GOOD, f"{shown} is up to date")


async def _shop(settings: Settings) -> AsyncIterator[Finding]:
    if settings.opencart_url is None:
        yield Finding("shop", ODD, "the demo shop; set opencart_url to serve your own")
        if settings.database_url is not None:
            yield Finding("demo accounts", ODD, DEMO_IN_DATABASE)
        return
    database = ShopDatabase(
        settings.opencart_url.get_secret_value(), prefix=settings.opencart_prefix, version=settings.opencart_version
    )
    shop = OpenCartShop(database, SystemClock())
    try:
        seconds = await shop.probe()
        yield Finding("shop", GOOD, f"{database.place} answers in {seconds * 1000:.1f} ms")
        schema = await database.schema()
        yield Finding("shop version", GOOD, f"OpenCart {schema.version}, tables {settings.opencart_prefix}*")
        stored = await shop.settings.read()
        yield Finding("shop settings", GOOD, f"{stored.name}, time zone {stored.zone}, currency {stored.currency}")
        if stored.zone_note:
            yield Finding("shop time zone", ODD, stored.zone_note)
        for name, read in _reads(shop, database, schema.tables).items():
            await read()
            yield Finding(f"shop {name}", GOOD, "can be read")
        yield await _capture(settings, database, schema)
    except ShopUnavailable as error:
        yield Finding("shop", BAD, str(error))
    finally:
        await database.close()


def _reads(
    shop: OpenCartShop, database: ShopDatabase, tables: ShopTables
) -> dict[str, Callable[[], Awaitable[object]]]:
    """What needs SELECT on which tables."""
    return {
        "figures": shop.figures,
        "orders": lambda: shop.recent_orders(1),
        "order history": shop.newest_history_id,
        "marketplace links": lambda: shop.marketplace_figures(["trendyol"]),
        "sync history": shop.last_syncs,
        "admin users": lambda: _look_at(database, tables.user),
        "user groups": lambda: _look_at(database, tables.user_group),
    }


async def _capture(settings: Settings, database: ShopDatabase, schema: ShopSchema) -> Finding:
    """How changes of the shop will be followed."""
    orders, stock = settings.order_poll_seconds, settings.stock_poll_seconds
    polling = f"orders are asked for every {orders:g} s, stock every {stock:g} s"
    if settings.capture == "polling":
        kinds = {"user_login": "log-ins", "product_option_value": "the stock of options"}
        unseen = " and ".join(what for table, what in kinds.items() if not schema.has(table))
        return Finding(
            "change capture", GOOD, f"{polling}; this account sees nothing of {unseen}" if unseen else polling
        )
    try:
        server = await read_server(database)
    except CaptureImpossible as error:
        return Finding("change capture", ODD, f"{error} Until then {polling}.")
    return Finding("change capture", GOOD, f"by the binary log, which ends at {server.position}")


async def _look_at(database: ShopDatabase, table: Table) -> None:
    """Select no row of it, which needs the right to select."""
    async with database.connect() as connection:
        await connection.execute(table.select().limit(0))


async def _redis(settings: Settings) -> list[Finding]:
    if settings.redis_url is None:
        return [Finding("Redis", GOOD, "not used: one process serves")]
    place = without_password(settings.redis_url.get_secret_value())
    try:
        await reach_redis(settings)
    except BrokerUnavailable as error:
        return [Finding("Redis", BAD, f"{error.reason}; start it, or correct redis_url.")]
    except ValueError as error:
        return [Finding("Redis", BAD, f"{place} is no address of a Redis ({error}); correct redis_url.")]
    found = [Finding("Redis", GOOD, f"{place} answers")]
    if make_url(settings.state_url).get_backend_name() == "sqlite":
        text = "SQLite serves the processes of one machine; for several machines set database_url to a server."
        found.append(Finding("own database", ODD, text))
    return found


async def _signalr(settings: Settings) -> list[Finding]:
    if not settings.azure_signalr:
        return [Finding("SignalR service", GOOD, "not used: clients connect to this server")]
    found = []
    try:
        for place, error in (await try_service(settings)).items():
            text = f"{place} answers and knows our key" if error is None else str(error)
            found.append(Finding("SignalR service", GOOD if error is None else BAD, text))
    except SettingsError as wrong:
        return [Finding("SignalR service", BAD, str(wrong))]
    shown = f"{settings.upstream_path}{'?code=<upstream_code>' if settings.upstream_code else ''}"
    found.append(Finding("upstream", GOOD, f"the service has to call <an address of ours that it reaches>{shown}"))
    if settings.upstream_code is None:
        text = "anybody who has seen one event may send others; set upstream_code, and end the template with it."
        found.append(Finding("upstream_code", ODD, text))
    return found


async def _green(settings: Settings) -> list[Finding]:
    if not settings.green_signalr:
        return []
    try:
        answers = await try_service(settings, "green_signalr")
    except SettingsError as wrong:
        return [Finding("green side", BAD, str(wrong))]
    found = []
    for place, error in answers.items():
        text = f"{place} answers and knows our key" if error is None else str(error)
        found.append(Finding("green side", GOOD if error is None else BAD, text))
    shown = f"{settings.green_upstream_path}{'?code=<upstream_code>' if settings.upstream_code else ''}"
    found.append(Finding("green upstream", GOOD, f"it has to call <an address of ours that it reaches>{shown}"))
    return found


def _descriptors(settings: Settings) -> Iterator[Finding]:
    try:
        resource: Any = import_module("resource")
    except ImportError:  # Windows has no such limit
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        yield Finding("open files", GOOD, "not limited")
        return
    room = max(0, hard - _DESCRIPTORS_OF_OUR_OWN)
    text = f"{hard} a process, so about {room * settings.workers} connections with {settings.workers} of them"
    if room < _FEW_CONNECTIONS:
        yield Finding("open files", ODD, f"{text}; raise the limit (ulimit -n, LimitNOFILE) for more.")
    else:
        yield Finding("open files", GOOD, text)


def _pages() -> Iterator[Finding]:
    if Pages(packaged_pages()).are_built:
        yield Finding("pages", GOOD, "built")
    else:
        yield Finding("pages", BAD, "not built; in a clone run `make pages`, or install the wheel, which has them")


def _tls(settings: Settings) -> Iterator[Finding]:
    if settings.tls_certificate is None or settings.tls_key is None:
        yield Finding("TLS", GOOD, "not used here")
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.tls_certificate, settings.tls_key)
    except OSError as error:
        yield Finding("TLS", BAD, f"certificate and key cannot be used ({error}); give the pair in PEM.")
    else:
        yield Finding("TLS", GOOD, f"{settings.tls_certificate} and its key fit")


def _port(settings: Settings) -> Iterator[Finding]:
    try:
        with closing(listen(settings)):
            yield Finding("port", GOOD, f"{settings.host} port {settings.port} is free")
    except CommandFailed as error:
        yield Finding("port", BAD, str(error))


def _public_url(settings: Settings) -> Iterator[Finding]:
    parts = urlsplit(settings.public_url)
    is_local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if is_local and settings.host not in {"localhost", "127.0.0.1", "::1"}:
        text = f"{settings.public_url} leads browsers of other machines to themselves; set public_url."
        yield Finding("public_url", BAD, text)
    elif parts.scheme == "http" and not is_local:
        yield Finding("public_url", ODD, f"{settings.public_url} is not https: passwords and tokens travel in clear.")
    elif settings.tls_certificate is None and parts.scheme == "https" and not settings.trusted_proxies:
        text = f"{settings.public_url} is https, so a proxy stands before us; name it in trusted_proxies."
        yield Finding("public_url", ODD, text)
    else:
        yield Finding("public_url", GOOD, settings.public_url)
