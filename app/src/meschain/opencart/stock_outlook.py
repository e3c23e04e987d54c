"""What runs out soon: the shop's stock against what was sold in the last days. Knows no marketplaces and no money.

Sold is what took stock: OpenCart subtracts it when an order enters a processing or complete status, and puts it back
when the order leaves them. Stock of options is not looked at.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import Subquery, and_, func, literal, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from meschain.opencart.connection import ShopDatabase
from meschain.opencart.detection import ShopSchema
from meschain.opencart.figures import DayFloor, is_low, is_out
from meschain.opencart.options import ShopOptions
from meschain.opencart.settings_table import SettingsTable, ShopSettings
from meschain.opencart.store_time import local_text, store_day
from meschain.services.ports import Clock, Figure, ShortProduct, StockOutlook

SALE_DAYS: Final = 30
"""Long enough for what sells once a week, short enough to follow a season."""


class StockOutlookReader:
    """Reads `StockOutlook`."""

    def __init__(self, database: ShopDatabase, settings: SettingsTable, clock: Clock, options: ShopOptions) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._options = options
        self._floor = DayFloor(clock, options.day_scan_seconds)

    async def read(self) -> StockOutlook:
        """Raises: ShopUnavailable."""
        settings = await self._settings.read()
        schema = await self._database.schema()
        low = self._options.low_stock_threshold
        product = schema.tables.product
        async with self._database.connect() as connection:
            empty = await connection.scalar(select(func.count()).select_from(product).where(is_out(product)))
            few = await connection.scalar(select(func.count()).select_from(product).where(is_low(product, low)))
            short = await self._short(connection, schema, settings)
        return StockOutlook(
            out_of_stock=Figure(int(empty or 0), "product: subtract = 1 and quantity <= 0"),
            low_stock=Figure(int(few or 0), f"product: subtract = 1 and quantity 1 to {low}"),
            risk_days=self._options.stock_risk_days,
            sale_days=SALE_DAYS,
            short=short,
            source=f"product.quantity / order_product: last {SALE_DAYS} days, processing and complete statuses",
        )

    async def _short(
        self, connection: AsyncConnection, schema: ShopSchema, settings: ShopSettings
    ) -> list[ShortProduct]:
        order = schema.tables.order
        now = self._clock.now()
        since = now - timedelta(days=SALE_DAYS)
        floor = await self._floor.find(connection, order, order.c.order_id, store_day(since, settings.zone).start)
        took_stock = and_(
            order.c.order_id >= floor,
            order.c.date_added >= local_text(since, settings.zone),
            order.c.order_status_id.in_(sorted(settings.net_statuses)),
        )
        sold = _sold(schema, took_stock)
        product = schema.tables.product
        rows = product.join(sold, sold.c.product_id == product.c.product_id)
        # The account's grants may leave product_description out: then the model has to do as a name.
        description = schema.tables.product_description
        has_names = schema.has("product_description", "name")
        if has_names:
            rows = rows.outerjoin(
                description,
                and_(
                    description.c.product_id == product.c.product_id,
                    description.c.language_id == settings.language_id,
                ),
            )
        statement = (
            select(
                product.c.product_id,
                product.c.sku,
                product.c.model,
                product.c.quantity,
                sold.c.pieces,
                (description.c.name if has_names else literal("")).label("name"),
            )
            .select_from(rows)
            .where(
                product.c.subtract == 1,
                product.c.status == 1,
                product.c.date_available <= store_day(now, settings.zone).date,
                sold.c.pieces > 0,
                or_(
                    product.c.quantity <= 0,
                    product.c.quantity * SALE_DAYS < sold.c.pieces * self._options.stock_risk_days,
                ),
            )
        )
        found = [
            ShortProduct(
                product_id=row.product_id,
                sku=row.sku or row.model or "",
                name=row.name or row.model or "",
                quantity=row.quantity,
                sold=int(row.pieces),
            )
            for row in await connection.execute(statement)
        ]
        # Those that are out stand first, the best sold of them at the head.
        return sorted(found, key=lambda each: (max(0, each.quantity) / each.sold, -each.sold, each.product_id))


def _sold(schema: ShopSchema, took_stock: ColumnElement[bool]) -> Subquery:
    """Pieces by product; a variant of 4.x takes from its master's stock too."""
    order, item = schema.tables.order, schema.tables.order_product
    bought = order.join(item, item.c.order_id == order.c.order_id)
    lines = select(item.c.product_id, item.c.quantity).select_from(bought).where(took_stock)
    if not schema.version.is_4:
        taken = lines.subquery("taken")
    else:
        masters = select(item.c.master_id, item.c.quantity).select_from(bought).where(took_stock, item.c.master_id > 0)
        taken = union_all(lines, masters).subquery("taken")
    return (
        select(taken.c.product_id, func.sum(taken.c.quantity).label("pieces"))
        .group_by(taken.c.product_id)
        .subquery("sold")
    )
