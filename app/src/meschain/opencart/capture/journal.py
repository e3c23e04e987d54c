"""`Journal`: rows of the shop become events, whichever way the rows were read; and how far that came.

Everything in it follows from what is stored: whoever opens it anew after a failure begins where the last stored events
ended, and what is read twice gives the same events again, by the same ids. Knows neither polling nor the binary log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from meschain.domain.events import NewEvent
from meschain.opencart.capture.grouping import by_marketplace
from meschain.opencart.capture.login_events import LoginEvents
from meschain.opencart.capture.numbering import Numbering
from meschain.opencart.capture.order_changes import OrderChange, OrderChanges
from meschain.opencart.capture.order_events import OrderEvents
from meschain.opencart.capture.patience import LOOKS, Patience
from meschain.opencart.capture.rows import HistoryRow, ShopRows, StockRow
from meschain.opencart.capture.stock_book import StockBook, StockChange
from meschain.opencart.capture.stock_events import StockEvents
from meschain.opencart.connection import ShopDatabase
from meschain.opencart.detection import ShopSchema
from meschain.opencart.order_reader import OrderReader
from meschain.opencart.settings_table import SettingsTable
from meschain.services.ports import Changes, Clock, CursorStore

_log = logging.getLogger(__name__)

HISTORY: Final = "opencart.order_history"
LOGINS: Final = "opencart.user_login"
STOCK: Final = "opencart.stock"
BINLOG: Final = "opencart.binlog"

_CHUNK: Final = 500
"""Orders per IN list."""
_MOST_PASSED: Final = 10_000
"""Orders without history that are remembered as such; of others the history is asked."""


@dataclass(frozen=True, slots=True)
class CaptureNames:
    """Names of the cursors of one shop: the history of one says nothing about another's.

    Args:
        shop: what tells it from other shops, at most 20 characters.
    """

    shop: str

    @property
    def history(self) -> str:
        return f"{HISTORY}:{self.shop}"

    @property
    def logins(self) -> str:
        return f"{LOGINS}:{self.shop}"

    @property
    def stock(self) -> str:
        return f"{STOCK}:{self.shop}"

    @property
    def binlog(self) -> str:
        return f"{BINLOG}:{self.shop}"


@dataclass(frozen=True, slots=True)
class Capture:
    """What both ways of reading need."""

    database: ShopDatabase
    settings: SettingsTable
    orders: OrderReader
    cursors: CursorStore
    clock: Clock
    names: CaptureNames
    is_early: bool = False
    """Rows come from the binary log, where they stand a moment before what belongs to them can be read."""


class Journal:
    """One reading of the shop, from when it was opened to the first failure."""

    def __init__(
        self,
        capture: Capture,
        history: Numbering,
        logins: Numbering,
        book: StockBook,
        highest_order: int,
        *,
        is_first: bool,
    ) -> None:
        self._capture = capture
        self.history = history
        self.logins = logins
        self.book = book
        self.is_first = is_first
        """Nobody has looked at the stock before: the first look tells nothing."""
        self._orders = OrderChanges()
        self._highest_order = highest_order
        self._passed: set[int] = set()
        self._stored: dict[str, str] = {}
        patience = Patience(capture.clock, LOOKS if capture.is_early else 1)
        self._order_events = OrderEvents(capture.orders, patience)
        self._stock_events = StockEvents(capture.database, capture.settings, capture.clock, patience)
        self._login_events = LoginEvents(capture.database, capture.settings, capture.clock)

    @classmethod
    async def open(cls, capture: Capture) -> Journal:
        """Take up what is stored.

        Without stored positions it begins at the end of the shop's tables, for old orders are no news. So it does where
        a table ends before the position: that one was replaced. Raises: ShopUnavailable.
        """
        names, load = capture.names, capture.cursors.load
        ends = await _ends(capture)
        history = _position(await load(names.history), ends.history)
        logins = _position(await load(names.logins), ends.logins)
        main = await load(names.stock)
        if main:
            chunks = [await load(f"{names.stock}:{chunk}") or "" for chunk in StockBook.chunks(main)]
            book = StockBook.read(names.stock, main, chunks)
        else:
            # Numbers of a book that is begun anew must lie above those of the one before it.
            book = StockBook(names.stock, int(capture.clock.now().timestamp() * 1_000_000))
        highest = await _highest_order(capture, history)
        return cls(capture, Numbering(history), Numbering(logins), book, highest, is_first=not main)

    async def take(self, rows: ShopRows) -> list[NewEvent]:
        """The events of these rows, and those that a moment of waiting has settled. Raises: ShopUnavailable."""
        now = self._capture.clock.monotonic()
        void = (await self._capture.settings.read()).void_status
        await self._look_up(rows.history, void)
        changes = [*self._orders.take(rows.history, void, now), *self._orders.due(now)]
        self.history.see([row.history_id for row in rows.history], now)
        self.logins.see([row.login_id for row in rows.logins], now)
        stock = [change for change in map(self.book.take, rows.stock) if change is not None]
        events = await self._described(changes, stock)
        if rows.logins:
            events += await self._login_events.make(rows.logins)
        return by_marketplace(events)

    async def _described(self, orders: Sequence[OrderChange], stock: Sequence[StockChange]) -> list[NewEvent]:
        """Both at the same time: each asks the shop several questions one after the other."""
        if not orders or not stock:
            of_orders = await self._order_events.make(orders) if orders else []
            return of_orders + (await self._stock_events.make(stock) if stock else [])
        describing = asyncio.create_task(self._stock_events.make(stock))
        try:
            of_orders = await self._order_events.make(orders)
        except BaseException:
            describing.cancel()
            await asyncio.gather(describing, return_exceptions=True)
            raise
        return of_orders + await describing

    def begin_stock(self, rows: Sequence[StockRow]) -> None:
        """The first look: what is there is no news."""
        for row in rows:
            self.book.begin(row)

    def changes(self, events: Sequence[NewEvent], binlog: str | None = None) -> Changes:
        """The events, with every position that has moved.

        Args:
            binlog: where the binary log was read to; empty: it is not read. None: as it was.
        """
        names = self._capture.names
        held = self._orders.oldest_held
        history = self.history.position if held is None else min(self.history.position, held - 1)
        wanted = {names.history: str(history), names.logins: str(self.logins.position)}
        if binlog is not None:
            wanted[names.binlog] = binlog
        moved = {name: position for name, position in wanted.items() if self._stored.get(name) != position}
        # A book without the whole of the first look would make news of the rest.
        return Changes(events, moved if self.is_first else moved | self.book.cursors())

    def stored(self, changes: Changes) -> None:
        """These are stored."""
        self._stored |= changes.cursors
        if not self.is_first:
            self.book.stored()

    async def _look_up(self, rows: Sequence[HistoryRow], void: int) -> None:
        """Have the past of all orders of these rows."""
        unknown = self._orders.unknown(rows)
        for order_id in sorted(unknown):
            if self._is_fresh(order_id):
                self._orders.remember(order_id, (), void)
                del unknown[order_id]
        if unknown:
            for order_id, past in (await self._past(unknown)).items():
                self._orders.remember(order_id, past, void)

    def _is_fresh(self, order_id: int) -> bool:
        """Whether the history cannot name it yet, because it was begun later than all that it names."""
        if order_id > self._highest_order:
            room = _MOST_PASSED - len(self._passed)
            self._passed.update(range(max(self._highest_order + 1, order_id - room), order_id))
            self._highest_order = order_id
            return True
        if order_id in self._passed:
            self._passed.remove(order_id)
            return True
        return False

    async def _past(self, before: Mapping[int, int]) -> Mapping[int, list[HistoryRow]]:
        """Rows of these orders before a row each. Reads the whole table, which has no index on orders."""
        schema = await self._capture.database.schema()
        history = schema.tables.order_history
        past: dict[int, list[HistoryRow]] = {order_id: [] for order_id in before}
        wanted = sorted(before)
        columns = (history.c.order_history_id, history.c.order_id, history.c.order_status_id, history.c.date_added)
        async with self._capture.database.connect() as connection:
            for start in range(0, len(wanted), _CHUNK):
                rows = select(*columns).where(
                    history.c.order_id.in_(wanted[start : start + _CHUNK]),
                    history.c.order_history_id < max(before.values()),
                )
                for row in await connection.execute(rows.order_by(history.c.order_history_id)):
                    if row.order_history_id < before[row.order_id]:
                        past[row.order_id].append(
                            HistoryRow(row.order_history_id, row.order_id, row.order_status_id, row.date_added)
                        )
        return past


@dataclass(frozen=True, slots=True)
class _Ends:
    history: int
    logins: int


async def _ends(capture: Capture) -> _Ends:
    """The highest numbers of the tables that only grow; 0: it is empty, or the shop has none."""
    schema = await capture.database.schema()
    history, login = schema.tables.order_history, schema.tables.user_login
    async with capture.database.connect() as connection:
        newest = await connection.scalar(select(func.max(history.c.order_history_id)))
        newest_login = 0
        if has_logins(schema):
            newest_login = await connection.scalar(select(func.max(login.c.user_login_id))) or 0
    return _Ends(newest or 0, newest_login)


def has_logins(schema: ShopSchema) -> bool:
    """3.x keeps no such table, and a read-only account need not see it: then there is nothing to tell."""
    return schema.has("user_login", "user_login_id")


async def _highest_order(capture: Capture, position: int) -> int:
    schema = await capture.database.schema()
    history = schema.tables.order_history
    async with capture.database.connect() as connection:
        found = await connection.scalar(
            select(func.max(history.c.order_id)).where(history.c.order_history_id <= position)
        )
    return int(found or 0)


def _position(stored: str | None, newest: int) -> int:
    if not stored:
        return newest
    if int(stored) > newest:
        _log.warning("A table of the shop ends at %d, before the position %s: it was replaced.", newest, stored)
    return min(int(stored), newest)
