"""What the shop's `setting`, `currency` and `order_status` tables say, kept for a short while. Knows no figures."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.opencart.connection import ShopDatabase
from meschain.opencart.detection import ShopSchema
from meschain.opencart.schema import Version
from meschain.opencart.store_time import zone_of
from meschain.services.ports import Clock

log = logging.getLogger(__name__)

VOID_STATUS: Final = 16
"""`config_void_status_id` out of the box, also where the setting is missing."""
COMPLETE_STATUSES: Final = (5, 3)
PROCESSING_STATUSES: Final = (5, 1, 2, 12, 3)
OLD_SESSION_SECONDS: Final = 1440
"""3.x takes PHP's session.gc_maxlifetime, whose default this is."""
NEW_SESSION_SECONDS: Final = 86400
"""`config_session_expire` of 4.x out of the box."""


@dataclass(frozen=True, slots=True)
class ShopSettings:
    """The settings that we need, in types."""

    name: str
    zone: tzinfo
    zone_note: str
    """Empty, or what is wrong with `config_timezone`."""
    currency: str
    decimals: Mapping[str, int]
    """Decimal places by currency code."""
    void_status: int
    complete_statuses: frozenset[int]
    processing_statuses: frozenset[int]
    session_seconds: int
    session_source: str
    counts_visitors: bool
    """`config_customer_online`."""
    online_hours: int
    reports_products: bool
    """`config_product_report_status`."""
    asks_second_factor: bool
    status_names: Mapping[int, str]
    """In the language of the administration."""
    language_id: int

    @property
    def currency_decimals(self) -> int:
        return self.decimals.get(self.currency, 2)

    @property
    def net_statuses(self) -> frozenset[int]:
        return self.complete_statuses | self.processing_statuses


class SettingsTable:
    """Reads and keeps the settings."""

    def __init__(
        self, database: ShopDatabase, clock: Clock, *, keep_seconds: float = 30.0, session_seconds: int | None = None
    ) -> None:
        """
        Args:
            session_seconds: life of a session where the shop's database does not hold it.
        """
        self._database = database
        self._clock = clock
        self._keep_seconds = keep_seconds
        self._session_seconds = session_seconds
        self._kept: tuple[float, ShopSettings] | None = None

    async def read(self) -> ShopSettings:
        """The settings, at most `keep_seconds` old. Raises: ShopUnavailable."""
        now = self._clock.monotonic()
        if self._kept is not None and now - self._kept[0] < self._keep_seconds:
            return self._kept[1]
        schema = await self._database.schema()
        async with self._database.connect() as connection:
            settings = await self._load(connection, schema)
        self._kept = (now, settings)
        return settings

    async def _load(self, connection: AsyncConnection, schema: ShopSchema) -> ShopSettings:
        tables = schema.tables
        setting = tables.setting
        rows = await connection.execute(
            select(setting.c.key, setting.c.value)
            .where(setting.c.store_id == 0, setting.c.key.like("config\\_%", escape="\\"))
            .order_by(setting.c.setting_id)
        )
        values: dict[str, str] = {key: value for key, value in rows}
        currencies = await connection.execute(select(tables.currency.c.code, tables.currency.c.decimal_place))
        decimals = {code: _number(str(places), 2) for code, places in currencies}
        language_id = await _language(connection, schema, values)
        status = tables.order_status
        names = await connection.execute(
            select(status.c.order_status_id, status.c.name).where(status.c.language_id == language_id)
        )
        zone, note = _zone(values.get("config_timezone") or "UTC")
        seconds, source = self._session(values, schema.version)
        return ShopSettings(
            name=values.get("config_name") or "OpenCart",
            zone=zone,
            zone_note=note,
            currency=values.get("config_currency") or "USD",
            decimals=decimals,
            void_status=_number(values.get("config_void_status_id"), VOID_STATUS),
            complete_statuses=_ids(values.get("config_complete_status"), COMPLETE_STATUSES),
            processing_statuses=_ids(values.get("config_processing_status"), PROCESSING_STATUSES),
            session_seconds=seconds,
            session_source=source,
            counts_visitors=_is_on(values.get("config_customer_online")),
            online_hours=_number(values.get("config_customer_online_expire"), 1) if schema.version.is_4 else 1,
            reports_products=_is_on(values.get("config_product_report_status")),
            asks_second_factor=_asks_second_factor(values, schema.version),
            status_names={number: name for number, name in names},
            language_id=language_id,
        )

    def _session(self, values: Mapping[str, str], version: Version) -> tuple[int, str]:
        if version.is_4:
            return _number(values.get("config_session_expire"), NEW_SESSION_SECONDS), "config_session_expire"
        if self._session_seconds is not None:
            return self._session_seconds, "configured"
        return OLD_SESSION_SECONDS, "PHP's default"


def _zone(name: str) -> tuple[tzinfo, str]:
    zone = zone_of(name)
    if zone is not None:
        return zone, ""
    log.warning("config_timezone of the shop is no known zone, using UTC: %r", name)
    return UTC, f"config_timezone {name!r} is unknown, UTC is used"


def _asks_second_factor(values: Mapping[str, str], version: Version) -> bool:
    if version is Version.V4_0:
        return _is_on(values.get("config_security"))
    return version is Version.V4_1 and _is_on(values.get("config_user_2fa"))


async def _language(connection: AsyncConnection, schema: ShopSchema, values: Mapping[str, str]) -> int:
    """The administration's language id: by setting, by its code, else the lowest that statuses have a name in."""
    configured = _number(values.get("config_language_id"), 0)
    if configured:
        return configured
    code = values.get("config_language_admin") or values.get("config_admin_language")
    if code and schema.has("language", "code"):
        language = schema.tables.language
        found = await connection.scalar(select(language.c.language_id).where(language.c.code == code))
        if found is not None:
            return int(found)
    lowest = await connection.scalar(select(func.min(schema.tables.order_status.c.language_id)))
    return int(lowest or 1)


def _number(text: str | None, default: int) -> int:
    try:
        return int(text) if text is not None and text.strip() else default
    except ValueError:
        return default


def _is_on(text: str | None) -> bool:
    return text is not None and text.strip() not in {"", "0"}


def _ids(text: str | None, default: Sequence[int]) -> frozenset[int]:
    """A JSON list of ids, which OpenCart writes as strings."""
    try:
        found = json.loads(text) if text else None
    except ValueError:
        found = None
    if not isinstance(found, list):
        return frozenset(default)
    return frozenset(int(item) for item in found if str(item).lstrip("-").isdigit())
