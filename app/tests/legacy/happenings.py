"""Who listens, and what happens, for tests of conversations without sockets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import msgspec
from app.tests.services.fakes import START, some_order, some_step, some_stock

from meschain.domain.events import StoredEvent
from meschain.domain.new_events import alert_event, inventory_event, order_event, sync_event
from meschain.domain.payloads import Payload, SystemAlert
from meschain.domain.roles import Identity, Role
from meschain.legacy.commands import Command, Message, Say, Show
from meschain.legacy.figures import Figures, MarketplaceState
from meschain.legacy.options import LegacyOptions

ADMIN = Identity("legacy:test", "Old page", Role.SUPER_ADMIN)
MANAGER = Identity("link:board", "board", Role.MARKETPLACE_MANAGER, ("trendyol",))
VIEWER = Identity("legacy:test", "Old page", Role.VIEWER)
OPTIONS = LegacyOptions()
SEEN = Figures(
    at=START,
    total_revenue=1234.5,
    total_orders=17,
    pending_orders=3,
    active_products=40,
    response_time=2.5,
    memory_percent=50.0,
    cpu_percent=10.0,
    connections=4,
    uptime_seconds=99.0,
    answered_percent=100.0,
    marketplaces={
        "trendyol": MarketplaceState(5, 500.0, 20, "success", START),
        "amazon": MarketplaceState(2, 100.0, 10, "error", START, 7, 3),
    },
)


_POSITIONS = count(1_000)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def said(command: Command, figures: Figures = SEEN) -> list[Any]:
    """What is sent for a command, as it arrives."""
    if isinstance(command, Show):
        return arrived(command.of(figures))
    return arrived(command.messages) if isinstance(command, Say) else []


def arrived(messages: Sequence[Message]) -> list[Any]:
    return [json.loads(json.dumps(message)) for message in messages]


def order(number: int = 1, marketplace: str = "trendyol", **changes: Any) -> StoredEvent:
    return StoredEvent(number, order_event(_changed(some_order(number, marketplace), changes)))


def stock(**changes: Any) -> StoredEvent:
    return StoredEvent(
        next(_POSITIONS), inventory_event(_changed(some_stock(), {"marketplace": "trendyol", **changes}))
    )


def step(**changes: Any) -> StoredEvent:
    return StoredEvent(
        next(_POSITIONS), sync_event("sync:1", _changed(some_step(), {"marketplace": "trendyol", **changes}))
    )


def alert(message: str = "Stok azaldı", level: str = "warning") -> StoredEvent:
    raised = SystemAlert(id="a", message=message, level=level, source="system", timestamp="2025-03-10T09:30:00.000Z")
    return StoredEvent(next(_POSITIONS), alert_event(raised))


def _changed(payload: Any, changes: dict[str, Any]) -> Any:
    changed: Payload = msgspec.structs.replace(payload, **changes)
    return changed
