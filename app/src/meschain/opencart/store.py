"""`OpenCartShop`: the port `services.ports.Shop` on a shop's database. Puts the readers together; holds no SQL of its
own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import literal, select

from meschain.domain.payloads import OrderNotification, StockRow
from meschain.opencart.connection import ShopDatabase
from meschain.opencart.figures import DayFloor, FigureReader
from meschain.opencart.listings import ListingReader
from meschain.opencart.options import ShopOptions
from meschain.opencart.order_reader import OrderReader
from meschain.opencart.order_totals import OrderTotalsReader
from meschain.opencart.sales import SalesReader
from meschain.opencart.settings_table import SettingsTable
from meschain.opencart.stock_outlook import StockOutlookReader
from meschain.opencart.sync_history import SyncHistory
from meschain.services.ports import Clock, LastSync, MarketplaceFigures, SalesHistory, ShopFigures, StockOutlook


class OpenCartShop:
    """Reads one OpenCart database; never writes."""

    def __init__(self, database: ShopDatabase, clock: Clock, options: ShopOptions | None = None) -> None:
        options = options if options is not None else ShopOptions()
        self._database = database
        self._clock = clock
        self.settings = SettingsTable(
            database,
            clock,
            keep_seconds=options.settings_seconds,
            session_seconds=options.session_lifetime_seconds,
        )
        """The shop's settings; `OpenCartAccounts` reads them too."""
        floor = DayFloor(clock, options.day_scan_seconds)
        self._figures = FigureReader(database, self.settings, clock, options, floor)
        self.order_reader = OrderReader(database, self.settings, clock, options)
        """Reads single orders; change capture does so too."""
        self._listings = ListingReader(database, self.settings, clock, options, floor)
        self._sales = SalesReader(database, self.settings, clock, options)
        self._stock = StockOutlookReader(database, self.settings, clock, options)
        self.order_totals = OrderTotalsReader(database, self.settings)
        """Sums over all orders, which the old dialects show."""
        self._syncs = SyncHistory(database, self.settings, clock, keep_seconds=options.sync_history_seconds)

    async def name(self) -> str:
        return (await self.settings.read()).name

    async def currency(self) -> tuple[str, int]:
        settings = await self.settings.read()
        return settings.currency, settings.currency_decimals

    async def figures(self) -> ShopFigures:
        return await self._figures.read()

    async def recent_orders(self, limit: int, marketplaces: Sequence[str] | None = None) -> Sequence[OrderNotification]:
        return await self.order_reader.recent(limit, marketplaces)

    async def orders(self, order_ids: Sequence[int]) -> Sequence[OrderNotification]:
        return await self.order_reader.named(order_ids)

    async def marketplace_figures(self, codes: Sequence[str]) -> Mapping[str, MarketplaceFigures]:
        return await self._listings.read(codes)

    async def listed_stock(self, marketplace: str, skus: Sequence[str]) -> Mapping[str, StockRow]:
        """`services.webhook_ports.ListedStock`."""
        return await self._listings.stock(marketplace, skus)

    async def sales_history(self, months: int) -> SalesHistory:
        return await self._sales.read(months)

    async def stock_outlook(self) -> StockOutlook:
        return await self._stock.read()

    async def last_syncs(self) -> Mapping[str, LastSync]:
        return await self._syncs.read()

    async def probe(self) -> float:
        started = self._clock.monotonic()
        async with self._database.connect() as connection:
            await connection.execute(select(literal(1)))
        return self._clock.monotonic() - started

    async def newest_history_id(self) -> int:
        return await self.order_reader.newest_history_id()
