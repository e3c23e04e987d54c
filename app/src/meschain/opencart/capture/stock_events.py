"""Changes of stock as events: `inventoryUpdate`, one for each marketplace that lists the product. Knows no snapshot."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import column, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from meschain.domain.events import NewEvent
from meschain.domain.new_events import inventory_event
from meschain.domain.payloads import InventoryUpdate
from meschain.opencart.capture.patience import Patience
from meschain.opencart.capture.rows import OPTION
from meschain.opencart.capture.stock_book import StockChange
from meschain.opencart.connection import AnyRow, ShopDatabase
from meschain.opencart.detection import ShopSchema
from meschain.opencart.marketplace_links import LONGEST_CODE, SHOP
from meschain.opencart.settings_table import SettingsTable, ShopSettings
from meschain.opencart.store_time import iso_utc
from meschain.services.ports import Clock

LISTING_SECONDS: Final = 5.0
"""How long a product's listings are kept: the table has no index on products, so reading them reads it whole."""
MOST_LISTINGS: Final = 20_000
"""Products whose listings are kept."""

_CHUNK: Final = 500
"""Products per IN list."""


class StockEvents:
    """Describes them by what the shop's tables hold now, the quantity apart, which is that of the change."""

    def __init__(self, database: ShopDatabase, settings: SettingsTable, clock: Clock, patience: Patience) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._patience = patience
        self._listings: OrderedDict[int, tuple[float, Mapping[str, int]]] = OrderedDict()

    async def make(self, changes: Sequence[StockChange]) -> list[NewEvent]:
        """In their order; a product that is gone has none. Raises: ShopUnavailable."""
        settings = await self._settings.read()
        schema = await self._database.schema()
        wanted = sorted({change.row.product_id for change in changes})
        async with self._database.connect() as connection:
            products = await self._patience.look(lambda: _products(connection, schema, settings, wanted), len(wanted))
            await self._read_listings(connection, schema, [product for product in wanted if product in products])
        now = iso_utc(self._clock.now())
        return [
            inventory_event(update)
            for change in changes
            if change.row.product_id in products
            for update in self._updates(change, products[change.row.product_id], now)
        ]

    def _updates(self, change: StockChange, product: AnyRow, now: str) -> Iterable[InventoryUpdate]:
        """One for each marketplace; the shop's own where there is none."""
        about = f"opencart:stock:{product.product_id}:{change.number}"
        listed = self._listings[product.product_id][1] or {SHOP: change.quantity}
        for code, listed_quantity in sorted(listed.items()):
            yield InventoryUpdate(
                event_id=about if code == SHOP else f"{about}:{code}",
                marketplace=code,
                product_id=product.product_id,
                option_value_id=change.row.row_id if change.row.kind == OPTION else 0,
                sku=product.sku or product.model or "",
                name=product.name or product.model or "",
                quantity=change.quantity,
                listed_quantity=listed_quantity,
                reason="stock_changed",
                occurred_at=now,
            )

    async def _read_listings(self, connection: AsyncConnection, schema: ShopSchema, wanted: Sequence[int]) -> None:
        """Have the listings of these products, none of them older than a few seconds."""
        now = self._clock.monotonic()
        missing = [each for each in wanted if each not in self._listings or self._listings[each][0] <= now]
        found = await _listings(connection, schema, missing) if missing else {}
        for product_id in missing:
            self._listings[product_id] = (now + LISTING_SECONDS, found.get(product_id, {}))
            self._listings.move_to_end(product_id)
        while len(self._listings) > max(MOST_LISTINGS, len(wanted)):
            self._listings.popitem(last=False)


async def _products(
    connection: AsyncConnection, schema: ShopSchema, settings: ShopSettings, wanted: Sequence[int]
) -> Mapping[int, AnyRow]:
    product, description = schema.tables.product, schema.tables.product_description
    # The account's grants may leave product_description out: then the model has to do as a name.
    has_names = schema.has("product_description", "name")
    rows = product.outerjoin(
        description,
        (description.c.product_id == product.c.product_id) & (description.c.language_id == settings.language_id),
    )
    name = description.c.name if has_names else product.c.model
    statement = select(product.c.product_id, product.c.sku, product.c.model, name.label("name")).select_from(
        rows if has_names else product
    )
    found: dict[int, AnyRow] = {}
    for start in range(0, len(wanted), _CHUNK):
        some = product.c.product_id.in_(wanted[start : start + _CHUNK])
        found.update((row.product_id, row) for row in await connection.execute(statement.where(some)))
    return found


async def _listings(
    connection: AsyncConnection, schema: ShopSchema, wanted: Sequence[int]
) -> Mapping[int, Mapping[str, int]]:
    """What each marketplace shows of a product, by the newest of several rows."""
    name = schema.extension_table("meschain_product", "meschain_product_id", "product_id", "marketplace_id", "quantity")
    names = schema.extension_table("meschain_marketplace", "marketplace_id", "code")
    if name is None or names is None:
        return {}
    listing = table(
        name, *(column(each) for each in ("meschain_product_id", "product_id", "marketplace_id", "quantity"))
    )
    marketplace = table(names, column("marketplace_id"), column("code"))
    rows = listing.join(marketplace, marketplace.c.marketplace_id == listing.c.marketplace_id)
    statement = (
        select(listing.c.product_id, marketplace.c.code, listing.c.quantity)
        .select_from(rows)
        .order_by(listing.c.meschain_product_id)
    )
    found: dict[int, dict[str, int]] = {}
    for start in range(0, len(wanted), _CHUNK):
        some = listing.c.product_id.in_(wanted[start : start + _CHUNK])
        for row in await connection.execute(statement.where(some)):
            code = str(row.code or "").strip().lower()[:LONGEST_CODE]
            if code:
                found.setdefault(row.product_id, {})[code] = int(row.quantity)
    return found
