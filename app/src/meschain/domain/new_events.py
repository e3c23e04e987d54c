"""Payloads as events: which kind each is, what it is about and what names it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from meschain.domain.alerts import FIRING
from meschain.domain.events import ACTIVITY, ALERT, INVENTORY, ORDER, SYNC, NewEvent
from meschain.domain.payloads import (
    InventoryUpdate,
    OrderNotification,
    Payload,
    SyncUpdate,
    SystemAlert,
    UserActivity,
)


def order_event(order: OrderNotification) -> NewEvent:
    """In the order of its order, by the shop's id or, of one that the shop does not have yet, the marketplace's."""
    about = str(order.order_id) if order.order_id else f"{order.marketplace}:{order.marketplace_order_id}"
    return NewEvent(
        order.event_id, ORDER, f"order:{about}", order.marketplace, _fields(order), _moment(order.occurred_at)
    )


def inventory_event(update: InventoryUpdate) -> NewEvent:
    """In the order of its product."""
    return NewEvent(
        update.event_id,
        INVENTORY,
        f"product:{update.product_id}",
        update.marketplace,
        _fields(update),
        _moment(update.occurred_at),
    )


def activity_event(activity: UserActivity) -> NewEvent:
    """Each stands for itself."""
    return NewEvent(
        activity.event_id,
        ACTIVITY,
        f"activity:{activity.event_id}",
        "",
        _fields(activity),
        _moment(activity.occurred_at),
    )


def sync_event(event_id: str, update: SyncUpdate) -> NewEvent:
    """In the order of its job."""
    about = update.job_id or update.marketplace
    return NewEvent(event_id, SYNC, f"sync:{about}", update.marketplace, _fields(update), _moment(update.occurred_at))


def alert_event(alert: SystemAlert) -> NewEvent:
    """In the order of its alert, whose id names that it was raised; with the state behind it, what became of it."""
    event_id = alert.id if alert.state == FIRING else f"{alert.id}:{alert.state}"
    return NewEvent(event_id, ALERT, f"alert:{alert.id}", "", _fields(alert), _moment(alert.timestamp))


def _fields(payload: Payload) -> Mapping[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(payload)
    return fields


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
