"""Changes of orders as events: `orderNotification`, and an activity for each new one. Knows no history."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meschain.domain.events import NewEvent
from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.new_events import activity_event, order_event
from meschain.domain.payloads import OrderNotification, UserActivity
from meschain.opencart.capture.order_changes import OrderChange
from meschain.opencart.capture.patience import Patience
from meschain.opencart.order_reader import OrderMoment, OrderReader


class OrderEvents:
    """Describes them by what the shop's tables hold now, the status apart, which is that of the change."""

    def __init__(self, orders: OrderReader, patience: Patience) -> None:
        self._orders = orders
        self._patience = patience

    async def make(self, changes: Sequence[OrderChange]) -> list[NewEvent]:
        """In their order; an order that is gone has none. Raises: ShopUnavailable."""
        moments = [_moment(change) for change in changes]
        first = {moment.event_id for moment, change in zip(moments, changes, strict=True) if change.is_first}
        events: list[NewEvent] = []
        orders = await self._patience.look(lambda: self._orders.moments(moments), len(moments))
        for found in orders:
            # A zero date says nothing of when; an event has its moment all the same.
            order = found if found.occurred_at else msgspec.structs.replace(found, occurred_at=found.received_at)
            events.append(order_event(order))
            if order.event_id in first:
                events.append(activity_event(_activity(order)))
        return events


def _moment(change: OrderChange) -> OrderMoment:
    row = change.row
    word = "created" if change.is_first else "cancelled" if change.is_suspension else ""
    return OrderMoment(f"opencart:order_history:{row.history_id}", row.order_id, row.status_id, word, row.date)


def _activity(order: OrderNotification) -> UserActivity:
    where = MARKETPLACES.get(order.marketplace, "the shop")
    return UserActivity(
        event_id=f"{order.event_id}:activity",
        kind="order",
        user=order.customer,
        text=f"Order {order.order_number} from {where}.",
        details={"orderNumber": order.order_number, "marketplace": order.marketplace},
        occurred_at=order.occurred_at,
    )
