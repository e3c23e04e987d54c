"""When each marketplace was last synced, as the old extension's tables say. Knows no jobs of ours.

Sources in order: `meschain_sync_log`, `trendyol_sync_logs`, `meschain_product.last_sync`; for each marketplace the
first one that knows it. The kept answer saves a scan of the log, which has no index on the marketplace in some
generations.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Final

from sqlalchemy import column, func, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.opencart.connection import ShopDatabase
from meschain.opencart.detection import ShopSchema
from meschain.opencart.settings_table import SettingsTable
from meschain.opencart.store_time import FORMAT, parse_local
from meschain.services.ports import Clock, LastSync

_STATUSES: Final[Mapping[str, str]] = {
    "success": "success",
    "synced": "success",
    "completed": "success",
    "ok": "success",
    "warning": "warning",
    "partial": "warning",
    "error": "error",
    "failed": "error",
    "running": "running",
    "processing": "running",
    "pending": "idle",
}
"""The old tables' words -> ours; any other word is `unknown`."""


class SyncHistory:
    """Reads `LastSync` by marketplace code."""

    def __init__(
        self, database: ShopDatabase, settings: SettingsTable, clock: Clock, *, keep_seconds: float = 10.0
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._keep_seconds = keep_seconds
        self._kept: tuple[float, Mapping[str, LastSync]] | None = None

    async def read(self) -> Mapping[str, LastSync]:
        """Raises: ShopUnavailable."""
        now = self._clock.monotonic()
        if self._kept is not None and now - self._kept[0] < self._keep_seconds:
            return self._kept[1]
        zone = (await self._settings.read()).zone
        schema = await self._database.schema()
        found: dict[str, LastSync] = {}
        async with self._database.connect() as connection:
            for source in (_from_log, _from_trendyol, _from_listings):
                for code, last in (await source(connection, schema, zone)).items():
                    found.setdefault(code, last)
        self._kept = (now, found)
        return found


def _last_sync(status: object, date: object, zone: tzinfo, source: str) -> LastSync:
    text = date.strftime(FORMAT) if hasattr(date, "strftime") else None if date is None else str(date)[:19]
    word = _STATUSES.get(str(status or "").strip().lower(), "unknown")
    return LastSync(status=word, finished_at=parse_local(text, zone), source=source)


async def _from_log(connection: AsyncConnection, schema: ShopSchema, zone: tzinfo) -> Mapping[str, LastSync]:
    name = schema.extension_table("meschain_sync_log", "marketplace", "status", "created_at")
    key = schema.catalogue.keys.get(name) if name is not None else None
    if name is None or key is None:
        return {}
    log = table(name, column(key), column("marketplace"), column("status"), column("created_at"))
    newest = select(func.max(log.c[key])).group_by(log.c.marketplace).scalar_subquery()
    rows = await connection.execute(
        select(log.c.marketplace, log.c.status, log.c.created_at).where(log.c[key].in_(newest)).order_by(log.c[key])
    )
    return {str(code).strip().lower(): _last_sync(status, date, zone, name) for code, status, date in rows}


async def _from_trendyol(connection: AsyncConnection, schema: ShopSchema, zone: tzinfo) -> Mapping[str, LastSync]:
    name = schema.extension_table("trendyol_sync_logs", "status", "created_at")
    key = schema.catalogue.keys.get(name) if name is not None else None
    if name is None or key is None:
        return {}
    log = table(name, column(key), column("status"), column("created_at"))
    row = (
        await connection.execute(select(log.c.status, log.c.created_at).order_by(log.c[key].desc()).limit(1))
    ).first()
    return {} if row is None else {"trendyol": _last_sync(row[0], row[1], zone, name)}


async def _from_listings(connection: AsyncConnection, schema: ShopSchema, zone: tzinfo) -> Mapping[str, LastSync]:
    name = schema.extension_table(
        "meschain_product", "meschain_product_id", "marketplace_id", "last_sync", "sync_status"
    )
    names = schema.extension_table("meschain_marketplace", "marketplace_id", "code")
    if name is None or names is None:
        return {}
    listing = table(
        name, *(column(each) for each in ("meschain_product_id", "marketplace_id", "last_sync", "sync_status"))
    )
    marketplace = table(names, column("marketplace_id"), column("code"))
    # Real tables hold either no date or a zero date for "never"; both sort below any real one.
    latest = (
        select(listing.c.marketplace_id, func.max(listing.c.last_sync).label("at"))
        .where(listing.c.last_sync > "1000-01-01 00:00:00")
        .group_by(listing.c.marketplace_id)
        .subquery("latest")
    )
    rows = await connection.execute(
        select(marketplace.c.code, listing.c.sync_status, listing.c.last_sync)
        .select_from(
            listing.join(
                latest,
                (latest.c.marketplace_id == listing.c.marketplace_id) & (latest.c["at"] == listing.c.last_sync),
            ).join(marketplace, marketplace.c.marketplace_id == listing.c.marketplace_id)
        )
        .order_by(listing.c.meschain_product_id)
    )
    return {
        str(code).strip().lower(): _last_sync(status, date, zone, f"{name}.last_sync") for code, status, date in rows
    }
