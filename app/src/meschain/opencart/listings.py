"""One marketplace today: its orders, and its listings against the shop's stock. Knows no order's details.

Listings are rows of the old `meschain_product`; without that table, or without its `quantity` column, the figures
that need it have no source. The table has no unique key: of several rows for one product the newest counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from sqlalchemy import column, func, literal, or_, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.domain.payloads import StockRow
from meschain.opencart.connection import AnyRow, ShopDatabase
from meschain.opencart.detection import ShopSchema
from meschain.opencart.figures import NO_SOURCE, DayFloor, counts, day_condition
from meschain.opencart.marketplace_links import NO_LINK, MarketplaceLinks
from meschain.opencart.options import ShopOptions
from meschain.opencart.settings_table import SettingsTable, ShopSettings
from meschain.opencart.store_time import store_day
from meschain.services.ports import Clock, MarketplaceFigures

STOCK_ROWS: Final = 50
"""Products shown per marketplace: those out of step and those short of stock first."""


@dataclass(slots=True)
class _Today:
    orders: int = 0
    revenue: Decimal = Decimal(0)


@dataclass(slots=True)
class _Listed:
    count: int = 0
    rows: list[StockRow] = field(default_factory=list)


class ListingReader:
    """Reads `MarketplaceFigures`."""

    def __init__(
        self, database: ShopDatabase, settings: SettingsTable, clock: Clock, options: ShopOptions, floor: DayFloor
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._options = options
        self._floor = floor

    async def read(self, codes: Sequence[str]) -> Mapping[str, MarketplaceFigures]:
        """Raises: ShopUnavailable."""
        if not codes:
            return {}
        settings = await self._settings.read()
        schema = await self._database.schema()
        links = MarketplaceLinks(schema)
        async with self._database.connect() as connection:
            today = await self._today(connection, schema, settings, links)
            listings_source, compares, listed = await self._listings(connection, schema, settings, codes)
        found: dict[str, MarketplaceFigures] = {}
        for code in codes:
            orders = today.get(code, _Today())
            listing = listed.get(code, _Listed())
            rows = sorted(listing.rows, key=lambda row: (row.in_step, row.quantity, row.product_id))
            found[code] = MarketplaceFigures(
                orders_today=orders.orders,
                revenue_today=orders.revenue,
                listings=listing.count,
                listings_out_of_step=sum(not row.in_step for row in rows),
                stock=rows[:STOCK_ROWS],
                sources={
                    "ordersToday": links.source,
                    "revenueToday": links.source,
                    "listings": listings_source,
                    "listingsOutOfStep": listings_source if compares else NO_SOURCE,
                    "stock": listings_source if compares else NO_SOURCE,
                },
            )
        return found

    async def stock(self, code: str, skus: Sequence[str]) -> Mapping[str, StockRow]:
        """Stock of these articles as far as they are listed there, by sku. Raises: ShopUnavailable."""
        if not skus:
            return {}
        settings = await self._settings.read()
        schema = await self._database.schema()
        async with self._database.connect() as connection:
            _, _, listed = await self._listings(connection, schema, settings, [code], skus)
        return {row.sku: row for row in listed.get(code, _Listed()).rows}

    async def _today(
        self, connection: AsyncConnection, schema: ShopSchema, settings: ShopSettings, links: MarketplaceLinks
    ) -> Mapping[str, _Today]:
        order = schema.tables.order
        day = store_day(self._clock.now(), settings.zone)
        floor = await self._floor.find(connection, order, order.c.order_id, day.start)
        rows = (
            await connection.execute(
                select(order.c.order_id, order.c.order_status_id, order.c.total).where(
                    day_condition(order, order.c.order_id, floor, day), order.c.order_status_id > 0
                )
            )
        ).all()
        found = await links.find(connection, [row.order_id for row in rows])
        today: dict[str, _Today] = {}
        for row in rows:
            if counts(settings, self._options.revenue_rule, row.order_status_id):
                entry = today.setdefault(found.get(row.order_id, NO_LINK).marketplace, _Today())
                entry.orders += 1
                entry.revenue += row.total
        return today

    async def _listings(
        self,
        connection: AsyncConnection,
        schema: ShopSchema,
        settings: ShopSettings,
        codes: Sequence[str],
        skus: Sequence[str] | None = None,
    ) -> tuple[str, bool, Mapping[str, _Listed]]:
        name = schema.extension_table("meschain_product", "meschain_product_id", "product_id", "marketplace_id")
        names = schema.extension_table("meschain_marketplace", "marketplace_id", "code")
        if name is None or names is None:
            return NO_SOURCE, False, {}
        compares = schema.catalogue.has(name, "quantity")
        listed: dict[str, _Listed] = {}
        for row in await _listing_rows(connection, schema, settings, name, names, codes, skus, with_quantity=compares):
            entry = listed.setdefault(str(row.code).strip().lower(), _Listed())
            entry.count += 1
            if compares:
                entry.rows.append(
                    StockRow(
                        product_id=row.product_id,
                        sku=row.sku or row.model or "",
                        name=row.name or row.model or "",
                        quantity=row.quantity,
                        listed_quantity=row.listed_quantity,
                        in_step=row.listed_quantity == max(0, row.quantity),
                    )
                )
        return name, compares, listed


async def _listing_rows(
    connection: AsyncConnection,
    schema: ShopSchema,
    settings: ShopSettings,
    name: str,
    names: str,
    codes: Sequence[str],
    skus: Sequence[str] | None,
    *,
    with_quantity: bool,
) -> Sequence[AnyRow]:
    """Newest listing per product and marketplace, with the shop's side of it; of these skus alone, if given."""
    columns = ["meschain_product_id", "product_id", "marketplace_id", *(["quantity"] if with_quantity else [])]
    listing = table(name, *(column(each) for each in columns))
    marketplace = table(names, column("marketplace_id"), column("code"))
    newest = (
        select(func.max(listing.c.meschain_product_id).label("id"))
        .group_by(listing.c.marketplace_id, listing.c.product_id)
        .subquery("newest")
    )
    product = schema.tables.product
    rows = (
        listing.join(newest, newest.c.id == listing.c.meschain_product_id)
        .join(marketplace, marketplace.c.marketplace_id == listing.c.marketplace_id)
        .join(product, product.c.product_id == listing.c.product_id)
    )
    # The account's grants may leave product_description out: then the model has to do as a name.
    description = schema.tables.product_description
    has_names = schema.has("product_description", "name")
    if has_names:
        rows = rows.outerjoin(
            description,
            (description.c.product_id == product.c.product_id) & (description.c.language_id == settings.language_id),
        )
    statement = (
        select(
            marketplace.c.code,
            product.c.product_id,
            product.c.sku,
            product.c.model,
            product.c.quantity,
            (listing.c.quantity if with_quantity else literal(0)).label("listed_quantity"),
            (description.c.name if has_names else literal("")).label("name"),
        )
        .select_from(rows)
        .where(func.lower(marketplace.c.code).in_(codes))
    )
    if skus is not None:
        # A shop that leaves `sku` empty sells by `model`.
        statement = statement.where(or_(product.c.sku.in_(skus), (product.c.sku == "") & product.c.model.in_(skus)))
    return (await connection.execute(statement)).all()
