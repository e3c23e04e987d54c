"""`meschain doctor`: tries everything that `meschain serve` needs, and says what holds, what does not and what to do.

Reads only: our own database is not migrated, the shop's is not written to. Exit code 0: serve would work; 1: it would
not.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer
from rich.console import Console
from sqlalchemy import Table

from meschain.database_url import without_password
from meschain.entrypoints.cli.reporting import CommandFailed, ConfigOption, DataDirOption, reporting
from meschain.entrypoints.serve import DEMO_IN_DATABASE, listen
from meschain.http.pages import Pages, packaged_pages
from meschain.opencart.connection import ShopDatabase
from meschain.opencart.schema import ShopTables
from meschain.opencart.store import OpenCartShop
from meschain.services.clock import SystemClock
from meschain.services.ports import ShopUnavailable
from meschain.settings import LoadedSettings, Settings, load_settings
from meschain.state.database import StateUnavailable
from meschain.state.inspection import pending_migrations

_GOOD: Final = "ok"
_ODD: Final = "note"
_BAD: Final = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    topic: str
    verdict: str
    """`ok`, `note` (works, though it may not be meant) or `fail`."""
    text: str


@reporting
def doctor(
    config: ConfigOption = None,
    port: Annotated[int | None, typer.Option(help="As for serve.")] = None,
    data_dir: DataDirOption = None,
    opencart_url: Annotated[str | None, typer.Option(help="As for serve.")] = None,
) -> None:
    """Check settings, databases, pages, port and certificates; say what to do about what does not hold."""
    loaded = load_settings(config, {"port": port, "data_dir": data_dir, "opencart_url": opencart_url})
    findings = asyncio.run(examine(loaded))
    console = Console(width=None if sys.stdout.isatty() else 200, markup=False, highlight=False)
    for finding in findings:
        console.print(f"{finding.verdict:<5}{finding.topic}: {finding.text}")
    failures = sum(finding.verdict == _BAD for finding in findings)
    if failures:
        console.print(f"\n{failures} of {len(findings)} checks failed; `meschain serve` would not work as it should.")
        raise typer.Exit(1)
    console.print("\nEverything that `meschain serve` needs is there.")


async def examine(loaded: LoadedSettings) -> list[Finding]:
    """Every check, in the order in which to mend what they find."""
    settings = loaded.settings
    findings = [Finding("settings", _GOOD, f"{len(loaded.sources)} given, the others by default")]
    findings += [*_data_dir(settings), await _state(settings)]
    findings += [finding async for finding in _shop(settings)]
    findings += [*_pages(), *_tls(settings), *_port(settings), *_public_url(settings)]
    return findings


def _data_dir(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir.expanduser().absolute()
    if folder.is_dir():
        yield Finding("data folder", _GOOD, str(folder))
    elif folder.exists():
        yield Finding("data folder", _BAD, f"{folder} is a file; choose another data_dir.")
    else:
        yield Finding("data folder", _GOOD, f"{folder} will be made")


async def _state(settings: Settings) -> Finding:
    shown = without_password(settings.state_url)
    try:
        pending = await pending_migrations(settings.state_url)
    except StateUnavailable as error:
        return Finding("own database", _BAD, str(error))
    if pending is None:
        return Finding("own database", _GOOD, f"{shown} is empty; serve makes the tables")
    if pending:
        return Finding("own database", _GOOD, f"{shown} lacks {len(pending)} migrations; serve runs them")
    return Finding("own database", _GOOD, f"{shown} is up to date")


async def _shop(settings: Settings) -> AsyncIterator[Finding]:
    if settings.opencart_url is None:
        yield Finding("shop", _ODD, "the demo shop; set opencart_url to serve your own")
        if settings.database_url is not None:
            yield Finding("demo accounts", _ODD, DEMO_IN_DATABASE)
        return
    database = ShopDatabase(
        settings.opencart_url.get_secret_value(), prefix=settings.opencart_prefix, version=settings.opencart_version
    )
    shop = OpenCartShop(database, SystemClock())
    try:
        seconds = await shop.probe()
        yield Finding("shop", _GOOD, f"{database.place} answers in {seconds * 1000:.1f} ms")
        schema = await database.schema()
        yield Finding("shop version", _GOOD, f"OpenCart {schema.version}, tables {settings.opencart_prefix}*")
        stored = await shop.settings.read()
        yield Finding("shop settings", _GOOD, f"{stored.name}, time zone {stored.zone}, currency {stored.currency}")
        if stored.zone_note:
            yield Finding("shop time zone", _ODD, stored.zone_note)
        for name, read in _reads(shop, database, schema.tables).items():
            await read()
            yield Finding(f"shop {name}", _GOOD, "can be read")
    except ShopUnavailable as error:
        yield Finding("shop", _BAD, str(error))
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


async def _look_at(database: ShopDatabase, table: Table) -> None:
    """Select no row of it, which needs the right to select."""
    async with database.connect() as connection:
        await connection.execute(table.select().limit(0))


def _pages() -> Iterator[Finding]:
    if Pages(packaged_pages()).are_built:
        yield Finding("pages", _GOOD, "built")
    else:
        yield Finding("pages", _BAD, "not built; in a clone run `make pages`, or install the wheel, which has them")


def _tls(settings: Settings) -> Iterator[Finding]:
    if settings.tls_certificate is None or settings.tls_key is None:
        yield Finding("TLS", _GOOD, "not used here")
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.tls_certificate, settings.tls_key)
    except OSError as error:
        yield Finding("TLS", _BAD, f"certificate and key cannot be used ({error}); give the pair in PEM.")
    else:
        yield Finding("TLS", _GOOD, f"{settings.tls_certificate} and its key fit")


def _port(settings: Settings) -> Iterator[Finding]:
    try:
        with closing(listen(settings)):
            yield Finding("port", _GOOD, f"{settings.host} port {settings.port} is free")
    except CommandFailed as error:
        yield Finding("port", _BAD, str(error))


def _public_url(settings: Settings) -> Iterator[Finding]:
    parts = urlsplit(settings.public_url)
    is_local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if is_local and settings.host not in {"localhost", "127.0.0.1", "::1"}:
        text = f"{settings.public_url} leads browsers of other machines to themselves; set public_url."
        yield Finding("public_url", _BAD, text)
    elif parts.scheme == "http" and not is_local:
        yield Finding("public_url", _ODD, f"{settings.public_url} is not https: passwords and tokens travel in clear.")
    elif settings.tls_certificate is None and parts.scheme == "https" and not settings.trusted_proxies:
        text = f"{settings.public_url} is https, so a proxy stands before us; name it in trusted_proxies."
        yield Finding("public_url", _ODD, text)
    else:
        yield Finding("public_url", _GOOD, settings.public_url)
