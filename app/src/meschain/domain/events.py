"""Names on the wire (hubs, groups, targets), each once, and the events that are kept and told by them. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

ADMIN_HUB: Final = "MesChainAdminHub"
MARKETPLACE_HUB: Final = "MesChainMarketplaceHub"
DASHBOARD_HUB: Final = "MesChainDashboardHub"
HUBS: Final = (ADMIN_HUB, MARKETPLACE_HUB, DASHBOARD_HUB)

ADMINS_GROUP: Final = "admins"


def marketplace_group(code: str) -> str:
    return f"marketplace:{code}"


def metric_group(name: str) -> str:
    return f"metric:{name}"


def granted_business_group(marketplaces: Sequence[str]) -> str:
    """Subscribers of `business` who see these marketplaces only; `metric:business` is for who sees the whole shop."""
    return metric_group(f"business:{'+'.join(marketplaces)}")


UPDATE_ADMIN_DASHBOARD: Final = "updateAdminDashboard"
SYSTEM_ALERT: Final = "systemAlert"
RECEIVE_NOTIFICATION: Final = "receiveNotification"
USER_ACTIVITY_UPDATE: Final = "userActivityUpdate"
MARKETPLACE_SYNC_UPDATE: Final = "marketplaceSyncUpdate"
INVENTORY_UPDATE: Final = "inventoryUpdate"
ORDER_NOTIFICATION: Final = "orderNotification"
METRICS_UPDATE: Final = "metricsUpdate"
PERFORMANCE_DATA: Final = "performanceData"
BUSINESS_METRICS: Final = "businessMetrics"
SERVER_MOVING: Final = "serverMoving"

ORDER: Final = "order"
INVENTORY: Final = "inventory"
ACTIVITY: Final = "activity"
SYNC: Final = "sync"
ALERT: Final = "alert"
EVENT_KINDS: Final = (ORDER, INVENTORY, ACTIVITY, SYNC, ALERT)

LONGEST_EVENT_ID: Final = 190
"""Characters of an event's id, and of its key: the column's width, which MySQL can index in utf8mb4."""
LARGEST_PAYLOAD_BYTES: Final = 8 * 1024
"""An order has some 500. 8 KiB: a hundred of them in one frame stay below what may wait for a slow reader."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that happened, to be stored once and told to whom it concerns.

    Raises: ValueError for an event that could not be stored, or not be told: clients would be cut off by it.
    """

    event_id: str
    """Names what happened, whoever tells of it and however often: an id that is known is dropped."""
    kind: str
    """One of `EVENT_KINDS`; it decides what it is called on the wire and who hears of it."""
    key: str
    """What it is about (`order:<id>`, `product:<id>`): events of one key stay in their order."""
    marketplace: str
    """A marketplace code, `shop`, or empty where it concerns none."""
    payload: Mapping[str, object]
    """The payload of `domain.payloads` as it travels, made of what JSON knows."""
    occurred_at: datetime
    """When it happened, aware."""

    def __post_init__(self) -> None:
        if self.kind not in EVENT_KINDS:
            raise ValueError(f"The kind of an event is one of {', '.join(EVENT_KINDS)}, not {self.kind!r}.")
        for name, text in (("event_id", self.event_id), ("key", self.key)):
            if not 0 < len(text) <= LONGEST_EVENT_ID:
                raise ValueError(f"The {name} of an event has {len(text)} characters; give it 1 to {LONGEST_EVENT_ID}.")
        size = _written_bytes(self.payload)
        if size > LARGEST_PAYLOAD_BYTES:
            raise ValueError(
                f"The payload of an event has {size} bytes; shorten its texts until it has {LARGEST_PAYLOAD_BYTES}."
            )
        if self.occurred_at.tzinfo is None:
            raise ValueError("The occurred_at of an event has no zone; make it aware, in UTC.")


def _written_bytes(payload: Mapping[str, object]) -> int:
    """Size as JSON. Raises: ValueError for what either protocol of the hubs cannot write."""
    try:
        # The one refuses NaN and what JSON has no form for, the other whole numbers above 64 bits.
        size = len(json.dumps(payload, allow_nan=False, ensure_ascii=False).encode())
        msgspec.msgpack.encode(payload)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"The payload of an event cannot be written: {error}; give it what JSON knows.") from error
    return size


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it is kept, at its place in the order in which all are told."""

    position: int
    """1 for the first that was ever stored; none is left out and none is used twice."""
    event: NewEvent
