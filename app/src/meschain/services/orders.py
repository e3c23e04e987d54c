"""Announces newly confirmed orders. A publish that fails is tried again; the source's cursor moves on afterwards only.

Knows neither how orders are found nor who hears of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.payloads import OrderNotification
from meschain.services.activity import ActivityService
from meschain.services.options import OrderOptions
from meschain.services.ports import Clock, OrderSource, Publisher, ShopUnavailable

_log = logging.getLogger(__name__)


class OrderWatcher:
    """Carries orders from their source to the browsers.

    Args:
        refresh: Called after each batch, so that the figures follow.
    """

    def __init__(
        self,
        *,
        source: OrderSource,
        publisher: Publisher,
        activity: ActivityService,
        refresh: Callable[[], None],
        clock: Clock,
        options: OrderOptions | None = None,
    ) -> None:
        self._source = source
        self._publisher = publisher
        self._activity = activity
        self._refresh = refresh
        self._clock = clock
        self._options = options or OrderOptions()

    async def run(self) -> None:
        """Announce orders for ever; when the shop is not there, open its source again after a pause."""
        pause = self._options.first_pause_seconds
        while True:
            try:
                async for batch in self._source.confirmed():
                    pause = self._options.first_pause_seconds
                    await self._announce_all(batch)
            except ShopUnavailable as error:
                _log.warning("orders cannot be watched, trying again in %g s: %s", pause, error)
            await self._clock.sleep(pause)
            pause = min(pause * 2, self._options.longest_pause_seconds)

    async def _announce_all(self, batch: Sequence[OrderNotification]) -> None:
        for order in batch:
            await self._publish(order)
            where = MARKETPLACES.get(order.marketplace, "the shop")
            await self._activity.record(
                "order",
                order.customer,
                f"Order {order.order_number} from {where}.",
                {"orderNumber": order.order_number, "marketplace": order.marketplace},
                # An order announced again, after a crash between here and the cursor, is one row all the same.
                about=f"order {order.event_id}",
            )
        self._refresh()

    async def _publish(self, order: OrderNotification) -> None:
        pause = self._options.first_pause_seconds
        for attempt in range(1, self._options.attempts + 1):
            try:
                await self._publisher.order_received(order)
            except Exception:  # noqa: BLE001 - boundary to the hubs: tried again, then left to the figures and the log
                _log.warning("order %s was not announced, attempt %d", order.event_id, attempt, exc_info=True)
                if attempt == self._options.attempts:
                    # One order that cannot be sent may not hold up all behind it; it stays in the recent orders.
                    _log.error("order %s is given up after %d attempts", order.event_id, attempt)
                    return
                await self._clock.sleep(pause)
                pause = min(pause * 2, self._options.longest_pause_seconds)
            else:
                return
