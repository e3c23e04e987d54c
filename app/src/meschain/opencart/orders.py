"""Newly confirmed orders as they happen, found by asking the order history for what lies behind a cursor.

Knows no SQL: the shop says which orders a stretch of history confirmed. Change capture will be another source of the
same port.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from typing import Final

from meschain.domain.payloads import OrderNotification
from meschain.services.ports import Clock, CursorStore, Shop, ShopUnavailable

log = logging.getLogger(__name__)

CURSOR: Final = "opencart.order_history"
BATCH_ROWS: Final = 200
"""History rows per question; after a long stop the rest follows at once."""
LONGEST_PAUSE_SECONDS: Final = 15.0
"""Between attempts while the shop's database is gone."""


class OrderHistorySource:
    """`services.ports.OrderSource` by polling."""

    def __init__(
        self,
        shop: Shop,
        cursors: CursorStore,
        clock: Clock,
        *,
        poll_seconds: float = 0.5,
        name: str = CURSOR,
        batch_rows: int = BATCH_ROWS,
    ) -> None:
        """
        Args:
            poll_seconds: half a second by default: an order is to be seen within one.
            name: of the cursor; another shop needs another one.
        """
        self._shop = shop
        self._cursors = cursors
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._name = name
        self._batch_rows = batch_rows

    async def confirmed(self) -> AsyncIterator[Sequence[OrderNotification]]:
        """Batches for ever. Without a stored cursor it begins at the newest row: old orders are no news."""
        cursor = await self._start()
        pause = self._poll_seconds
        while True:
            try:
                following, orders = await self._shop.confirmed_since(cursor, self._batch_rows)
            except ShopUnavailable as error:
                pause = await self._wait_out(error, pause)
                continue
            pause = self._poll_seconds
            if orders:
                yield orders
            if following != cursor:
                # Asked for more, so the batch is taken: a stop before this line announces it again, never loses it.
                cursor = following
                await self._cursors.save(self._name, cursor)
            elif not orders:
                await self._clock.sleep(self._poll_seconds)

    async def _start(self) -> int:
        cursor = await self._cursors.load(self._name)
        pause = self._poll_seconds
        while True:
            try:
                newest = await self._shop.newest_history_id()
                break
            except ShopUnavailable as error:
                pause = await self._wait_out(error, pause)
        if cursor is not None and cursor <= newest:
            return cursor
        if cursor is not None:
            log.warning("The order history ends at %d, before the cursor %d: it was replaced.", newest, cursor)
        await self._cursors.save(self._name, newest)
        return newest

    async def _wait_out(self, error: ShopUnavailable, pause: float) -> float:
        log.warning("Orders cannot be watched, trying again in %g s: %s", pause, error)
        await self._clock.sleep(pause)
        return min(pause * 2, LONGEST_PAUSE_SECONDS)
