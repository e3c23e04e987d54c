"""`OpenCartShop`: the port `services.ports.Shop` on a shop's database. Puts the readers together; holds no SQL of its
own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import literal, select

from meschain.domain.payloads import OrderNotification
from meschain.opencart.connection import ShopDatabase
from meschain.opencart.figures import DayFloor, FigureReader
from meschain.opencart.listings import ListingReader
from meschain.opencart.options import ShopOptions
from meschain.opencart.order_reader import OrderReader
from meschain.opencart.settings_table import SettingsTable
from meschain.opencart.sync_history import SyncHistory
from meschain.services.ports import Clock, LastSync, MarketplaceFigures, ShopFigures


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
        self._orders = OrderReader(database, self.settings, clock, options)
        self._listings = ListingReader(database, self.settings, clock, options, floor)
        self._syncs = SyncHistory(database, self.settings, clock, keep_seconds=options.sync_history_seconds)

    async def name(self) -> str:
        return (await self.settings.read()).name

    async def currency(self) -> tuple[str, int]:
        settings = await self.settings.read()
        return settings.currency, settings.currency_decimals

    async def figures(self) -> ShopFigures:
        return await self._figures.read()

    async def recent_orders(self, limit: int, marketplaces: Sequence[str] | None = None) -> Sequence[OrderNotification]:
        return await self._orders.recent(limit, marketplaces)

    async def orders(self, order_ids: Sequence[int]) -> Sequence[OrderNotification]:
        return await self._orders.named(order_ids)

    async def marketplace_figures(self, codes: Sequence[str]) -> Mapping[str, MarketplaceFigures]:
        return await self._listings.read(codes)

    async def last_syncs(self) -> Mapping[str, LastSync]:
        return await self._syncs.read()

    async def probe(self) -> float:
        started = self._clock.monotonic()
        async with self._database.connect() as connection:
            await connection.execute(select(literal(1)))
        return self._clock.monotonic() - started

    async def newest_history_id(self) -> int:
        return await self._orders.newest_history_id()

    async def confirmed_since(self, history_id: int, limit: int) -> tuple[int, Sequence[OrderNotification]]:
        return await self._orders.confirmed_since(history_id, limit)
