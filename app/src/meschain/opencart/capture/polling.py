"""Changes by asking: what lies behind a number in tables that only grow, and the stock compared with what was told.

Needs SELECT and nothing else, so it works on any host. A quantity that changes twice between two looks is told once,
with its last value. Knows no binary log.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, select

from meschain.domain.events import NewEvent
from meschain.opencart.capture.journal import Capture, Journal, has_logins
from meschain.opencart.capture.numbering import Numbering
from meschain.opencart.capture.rows import OPTION, PRODUCT, HistoryRow, LoginRow, ShopRows, StockKind, StockRow
from meschain.opencart.schema import ShopTables
from meschain.services.ports import Changes

LARGEST_SHARE: Final = 0.25
"""Of the time, at most, that the database is asked for the stock: in a shop so large that this takes long, looks come
less often."""


@dataclass(frozen=True, slots=True)
class PollingOptions:
    """How often a shop is asked."""

    rows_seconds: float = 0.5
    """Between two looks for orders and log-ins: two questions by primary key."""
    stock_seconds: float = 1.0
    """Between two looks at the stock: it reads all quantities."""
    batch_rows: int = 200
    """Rows of a table that only grows, per question; after a long stop the rest follows at once."""
    page_rows: int = 1_000
    """Quantities per question, some milliseconds of the database. What one shows is told before the next is read."""


class PollingSource:
    """`services.ports.ChangeSource` by SELECT."""

    name = "polling"

    def __init__(self, capture: Capture, options: PollingOptions | None = None) -> None:
        self._capture = capture
        self._options = options or PollingOptions()

    async def changes(self) -> AsyncGenerator[Changes, None]:
        clock = self._capture.clock
        journal = await Journal.open(self._capture)
        look = Look(self._capture, journal, self._options)
        # Where a binary log was read to is worth nothing once quantities are known that it does not lead to.
        binlog: str | None = "" if await self._capture.cursors.load(self._capture.names.binlog) else None
        stock_due = clock.monotonic()
        while True:
            begun = clock.monotonic()
            rows, is_more = await look.rows()
            changes = journal.changes(await journal.take(rows), binlog=binlog)
            yield changes
            journal.stored(changes)
            if begun >= stock_due:
                async with aclosing(look.stock()) as pages:
                    async for events in pages:
                        changes = journal.changes(events, binlog=binlog)
                        yield changes
                        journal.stored(changes)
                stock_due = begun + max(self._options.stock_seconds, look.asked_seconds / LARGEST_SHARE)
            if not is_more:
                until = min(begun + self._options.rows_seconds, stock_due)
                await clock.sleep(max(0.0, until - clock.monotonic()))


class Look:
    """The questions, for one journal."""

    def __init__(self, capture: Capture, journal: Journal, options: PollingOptions | None = None) -> None:
        self._capture = capture
        self._journal = journal
        self._options = options or PollingOptions()
        self.asked_seconds = 0.0
        """How long the last look at the stock waited for the database."""

    async def rows(self) -> tuple[ShopRows, bool]:
        """New rows of the tables that only grow, and whether there are more. Raises: ShopUnavailable."""
        schema = await self._capture.database.schema()
        history, login = schema.tables.order_history, schema.tables.user_login
        columns = (history.c.order_history_id, history.c.order_id, history.c.order_status_id, history.c.date_added)
        found = await self._behind(self._journal.history, select(*columns), columns[0])
        logins: list[Any] = []
        if has_logins(schema):
            wanted = select(login.c.user_login_id, login.c.user_id, login.c.date_added)
            logins = await self._behind(self._journal.logins, wanted, login.c.user_login_id)
        rows = ShopRows(
            history=tuple(HistoryRow(*row) for row in found), logins=tuple(LoginRow(*row) for row in logins)
        )
        return rows, max(len(found), len(logins)) >= self._options.batch_rows

    async def stock(self) -> AsyncGenerator[list[NewEvent], None]:
        """Look at all quantities: what changed, as events, page by page. Raises: ShopUnavailable."""
        self.asked_seconds = 0.0
        schema = await self._capture.database.schema()
        # The account's grants may leave options out: then there is nothing to tell of them.
        has_options = schema.has("product_option_value", "product_option_value_id", "quantity")
        for kind in (PRODUCT, OPTION) if has_options else (PRODUCT,):
            above: int | None = -1
            while above is not None:
                rows, above = await self._page(kind, above)
                if self._journal.is_first:
                    self._journal.begin_stock(rows)
                elif rows:
                    yield await self._journal.take(ShopRows(stock=tuple(rows)))
        if self._journal.is_first:
            # Kept at once, and not before.
            self._journal.is_first = False
            yield []

    async def _behind(self, numbering: Numbering, wanted: Select[Any], key: Any) -> list[Any]:
        """Late ones first, then those behind the newest that was seen."""
        late = numbering.missing(self._capture.clock.monotonic())
        async with self._capture.database.connect() as connection:
            found = list((await connection.execute(wanted.where(key.in_(late)).order_by(key))).all()) if late else []
            behind = wanted.where(key > numbering.newest).order_by(key).limit(self._options.batch_rows)
            return found + list((await connection.execute(behind)).all())

    async def _page(self, kind: StockKind, above: int) -> tuple[Sequence[StockRow], int | None]:
        """Rows of the next keys that say something new, and where to go on; None: that was the end."""
        tables = (await self._capture.database.schema()).tables
        wanted, key = _quantities(tables, kind)
        begun = self._capture.clock.monotonic()
        async with self._capture.database.connect() as connection:
            found = (
                await connection.execute(wanted.where(key > above).order_by(key).limit(self._options.page_rows))
            ).all()
        self.asked_seconds += self._capture.clock.monotonic() - begun
        end: int | None = found[-1][0] if len(found) == self._options.page_rows else None
        known = self._journal.book.quantities(kind)
        rows = [StockRow(kind, *row) for row in found if known.get(row[0]) != row[2]]
        there = {row[0] for row in found}
        gone = [each for each in self._journal.book.keys(kind, above, end) if each not in there]
        return [*rows, *(StockRow(kind, each, each, None) for each in gone)], end


def _quantities(tables: ShopTables, kind: StockKind) -> tuple[Select[Any], Any]:
    """Key, product and quantity of what is counted, and the key."""
    if kind == PRODUCT:
        product = tables.product
        wanted = select(product.c.product_id, product.c.product_id.label("product"), product.c.quantity)
        return wanted.where(product.c.subtract == 1), product.c.product_id
    value = tables.product_option_value
    wanted = select(value.c.product_option_value_id, value.c.product_id, value.c.quantity)
    return wanted.where(value.c.subtract == 1), value.c.product_option_value_id
