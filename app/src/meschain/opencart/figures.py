"""The shop's figures of one moment, by the product's definitions. Knows no marketplaces.

Costs per reading: five statements, none of which reads the whole `order` table. Orders have no index on dates, so the
lowest order id of the day is looked up once (and again every `day_scan_seconds`, in case something rewrote dates) and
the day is read from there by primary key; the same holds for `product_report`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from sqlalchemy import Column, Table, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from meschain.opencart.connection import ShopDatabase
from meschain.opencart.detection import ShopSchema
from meschain.opencart.exact_sum import exact_sum
from meschain.opencart.options import RevenueRule, ShopOptions
from meschain.opencart.settings_table import SettingsTable, ShopSettings
from meschain.opencart.store_time import FORMAT, StoreDay, local_text, store_day
from meschain.services.ports import Clock, Figure, ShopFigures

NO_SOURCE = "none"
_DAY_SECONDS = 86400


@dataclass(frozen=True, slots=True)
class StatusTotal:
    """The day's rows of one order status."""

    count: int
    total: Decimal


class DayFloor:
    """The lowest key that a table's rows of a day can have."""

    def __init__(self, clock: Clock, keep_seconds: float) -> None:
        self._clock = clock
        self._keep_seconds = keep_seconds
        self._kept: dict[str, tuple[str, float, int]] = {}

    async def find(self, connection: AsyncConnection, table: Table, key: Column[int], start: str) -> int:
        """Keys below it have a date before `start`; rows added later get higher keys."""
        now = self._clock.monotonic()
        kept = self._kept.get(table.name)
        if kept is not None and kept[0] == start and now - kept[1] < self._keep_seconds:
            return kept[2]
        # The highest key first: a row that arrives between the two statements lies above it.
        highest = await connection.scalar(select(func.max(key)))
        lowest = await connection.scalar(select(func.min(key)).where(table.c.date_added >= start))
        floor = int(lowest) if lowest is not None else int(highest or 0) + 1
        if lowest is not None and highest is not None:
            floor = min(floor, int(highest) + 1)
        self._kept[table.name] = (start, now, floor)
        return floor


def counts(settings: ShopSettings, rule: RevenueRule, status: int) -> bool:
    """Whether an order of that status is part of revenue and transactions."""
    if rule == "net":
        return status in settings.net_statuses
    if rule == "opencart":
        return status > 0
    return is_order(settings, status)


def is_order(settings: ShopSettings, status: int) -> bool:
    """Whether a row of that status was ever bought: begun checkouts have 0, and 4.1 voids unfinished ones."""
    return status > 0 and status != settings.void_status


def is_out(product: Table) -> ColumnElement[bool]:
    """Nothing is left of it."""
    return and_(product.c.subtract == 1, product.c.quantity <= 0)


def is_low(product: Table, threshold: int) -> ColumnElement[bool]:
    """Some is left, and not more than that."""
    return and_(product.c.subtract == 1, product.c.quantity > 0, product.c.quantity <= threshold)


def day_condition(table: Table, key: Column[int], floor: int, day: StoreDay) -> ColumnElement[bool]:
    return and_(key >= floor, table.c.date_added >= day.start, table.c.date_added < day.end)


class FigureReader:
    """Reads `ShopFigures`."""

    def __init__(
        self, database: ShopDatabase, settings: SettingsTable, clock: Clock, options: ShopOptions, floor: DayFloor
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._options = options
        self._floor = floor

    async def read(self) -> ShopFigures:
        """Raises: ShopUnavailable."""
        settings = await self._settings.read()
        schema = await self._database.schema()
        day = store_day(self._clock.now(), settings.zone)
        async with self._database.connect() as connection:
            totals = await self._day_totals(connection, schema, day)
            sessions = await self._sessions(connection, schema, settings)
            users = await self._users(connection, schema, settings, sessions)
            out_of_stock, low_stock, active = await self._products(connection, schema, day)
            rule = self._options.revenue_rule
            transactions = sum(found.count for status, found in totals.items() if counts(settings, rule, status))
            conversion = await self._conversion(connection, schema, settings, day, totals, transactions)
        zone_note = f" ({settings.zone_note})" if settings.zone_note else ""
        return ShopFigures(
            store_date=day.date,
            currency=settings.currency,
            currency_decimals=settings.currency_decimals,
            active_sessions=sessions,
            active_users=users,
            daily_transactions=Figure(transactions, f"order: {_RULES[rule]}{zone_note}"),
            revenue=Figure(_sum(totals, settings, rule), f"order.total: {_RULES[rule]}{zone_note}"),
            revenue_net=Figure(_sum(totals, settings, "net"), f"order.total: {_RULES['net']}{zone_note}"),
            conversion_rate=conversion,
            out_of_stock=out_of_stock,
            low_stock=low_stock,
            active_products=active,
        )

    async def _day_totals(
        self, connection: AsyncConnection, schema: ShopSchema, day: StoreDay
    ) -> Mapping[int, StatusTotal]:
        order = schema.tables.order
        floor = await self._floor.find(connection, order, order.c.order_id, day.start)
        condition = day_condition(order, order.c.order_id, floor, day)
        rows = await connection.execute(
            select(order.c.order_status_id, func.count(), exact_sum(order.c.total))
            .where(condition)
            .group_by(order.c.order_status_id)
        )
        return {status: StatusTotal(count, total) for status, count, total in rows}

    async def _sessions(self, connection: AsyncConnection, schema: ShopSchema, settings: ShopSettings) -> Figure:
        if not schema.has("session", "expire"):
            return Figure(0, NO_SOURCE)
        session = schema.tables.session
        now = self._clock.now()
        # Every request rewrites expire = now + lifetime, so what expires later was seen later. It is UTC, alone of
        # all dates.
        unseen_seconds = max(0, settings.session_seconds - self._options.session_minutes * 60)
        since = (now + timedelta(seconds=unseen_seconds)).strftime(FORMAT)
        count = await connection.scalar(select(func.count()).where(session.c.expire > since).select_from(session))
        if not count and await connection.scalar(select(session.c.session_id).limit(1)) is None:
            return Figure(0, NO_SOURCE)  # sessions are kept in files or Redis
        minutes = min(self._options.session_minutes, settings.session_seconds // 60)
        return Figure(
            int(count or 0),
            f"session: seen in the last {minutes} min"
            f" (lifetime {settings.session_seconds} s, {settings.session_source})",
        )

    async def _users(
        self, connection: AsyncConnection, schema: ShopSchema, settings: ShopSettings, sessions: Figure
    ) -> Figure:
        if settings.counts_visitors and schema.has("customer_online", "date_added"):
            online = schema.tables.customer_online
            since = local_text(self._clock.now() - timedelta(hours=settings.online_hours), settings.zone)
            count = await connection.scalar(
                select(func.count()).where(online.c.date_added >= since).select_from(online)
            )
            return Figure(int(count or 0), f"customer_online: last {settings.online_hours} h")
        if sessions.source == NO_SOURCE:
            return Figure(0, NO_SOURCE)
        return Figure(sessions.value, f"{sessions.source}; config_customer_online is off")

    async def _products(
        self, connection: AsyncConnection, schema: ShopSchema, day: StoreDay
    ) -> tuple[Figure, Figure, Figure]:
        product = schema.tables.product
        low = self._options.low_stock_threshold
        row = (
            await connection.execute(
                select(
                    func.sum(case((is_out(product), 1), else_=0)),
                    func.sum(case((is_low(product, low), 1), else_=0)),
                    func.sum(case((and_(product.c.status == 1, product.c.date_available <= day.date), 1), else_=0)),
                )
            )
        ).one()
        return (
            Figure(int(row[0] or 0), "product: subtract = 1 and quantity <= 0"),
            Figure(int(row[1] or 0), f"product: subtract = 1 and quantity 1 to {low}"),
            Figure(int(row[2] or 0), "product: status = 1 and available"),
        )

    async def _conversion(
        self,
        connection: AsyncConnection,
        schema: ShopSchema,
        settings: ShopSettings,
        day: StoreDay,
        totals: Mapping[int, StatusTotal],
        transactions: int,
    ) -> Figure:
        """The best denominator that the shop has; OpenCart keeps no count of visits."""
        if settings.reports_products and schema.has("product_report", "ip"):
            report = schema.tables.product_report
            floor = await self._floor.find(connection, report, report.c.product_report_id, day.start)
            visitors = await connection.scalar(
                select(func.count(func.distinct(report.c.ip))).where(
                    day_condition(report, report.c.product_report_id, floor, day)
                )
            )
            if visitors:
                return _percent(transactions, visitors, "orders today / distinct ip in product_report today")
        if settings.session_seconds >= _DAY_SECONDS and schema.has("session", "expire"):
            session = schema.tables.session
            since = self._clock.now() + timedelta(seconds=settings.session_seconds - _DAY_SECONDS)
            alive = await connection.scalar(
                select(func.count()).where(session.c.expire > since.strftime(FORMAT)).select_from(session)
            )
            if alive:
                return _percent(transactions, alive, "orders today / sessions of the last 24 h")
        return await self._checkouts(connection, schema, settings, day, totals)

    async def _checkouts(
        self,
        connection: AsyncConnection,
        schema: ShopSchema,
        settings: ShopSettings,
        day: StoreDay,
        totals: Mapping[int, StatusTotal],
    ) -> Figure:
        begun = sum(found.count for found in totals.values())
        if not begun:
            return Figure(0, NO_SOURCE)
        if schema.version.is_4:
            confirmed = sum(found.count for status, found in totals.items() if is_order(settings, status))
            return _percent(confirmed, begun, "confirmed / begun checkouts today")
        # 3.x adds a row for every visit of the confirm page, so buyers are counted, not rows.
        order = schema.tables.order
        buyer = func.coalesce(func.nullif(order.c.email, ""), order.c.ip)
        bought = and_(order.c.order_status_id > 0, order.c.order_status_id != settings.void_status)
        floor = await self._floor.find(connection, order, order.c.order_id, day.start)
        row = (
            await connection.execute(
                select(func.count(func.distinct(case((bought, buyer)))), func.count(func.distinct(buyer))).where(
                    day_condition(order, order.c.order_id, floor, day)
                )
            )
        ).one()
        return _percent(row[0], row[1], "confirmed / begun checkouts today, by buyer")


_RULES: Mapping[RevenueRule, str] = {
    "gross": "today, status > 0 and not void",
    "net": "today, processing and complete statuses",
    "opencart": "today, status > 0",
}


def _sum(totals: Mapping[int, StatusTotal], settings: ShopSettings, rule: RevenueRule) -> Decimal:
    return sum((found.total for status, found in totals.items() if counts(settings, rule, status)), Decimal(0))


def _percent(part: int, whole: int, source: str) -> Figure:
    rate = Decimal(part * 100) / Decimal(whole) if whole else Decimal(0)
    return Figure(rate.quantize(Decimal("0.01"), ROUND_HALF_UP), source if whole else NO_SOURCE)
