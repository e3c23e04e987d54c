"""The marketplace panel, once on port 8080 beside the stream: `action` in, flat answers out.

Its client inserts every order of `recent_orders` at the top of a table, so each is sent once per connection, the newest
last. It puts strings into the page as HTML and shows what is no number as `NaN`: texts are escaped, figures complete.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from meschain.domain.events import SYNC, StoredEvent
from meschain.domain.payloads import Notification, OrderNotification
from meschain.domain.roles import Identity, visible_metrics
from meschain.legacy.commands import NOTHING, Command, Message, Say, Show, StartSync
from meschain.legacy.dialects import parsed, word
from meschain.legacy.figures import Figures, MarketplaceState, may_see
from meschain.legacy.options import LegacyOptions
from meschain.legacy.wording import escaped, panel_name, seconds
from meschain.legacy_settings import Dialect

MARKETPLACES: Final = ("amazon", "trendyol", "ebay", "n11", "ozon")
FIRST_ORDERS: Final = 10
"""Rows of the client's table."""
_REMEMBERED_ORDERS: Final = 200
_REMEMBERED_JOBS: Final = 50
_STATUS: Final = {
    "success": "connected",
    "idle": "connected",
    "warning": "warning",
    "queued": "syncing",
    "running": "syncing",
}
"""Sync status -> the words that the client colours; any other is shown red as it is."""
_SYNC_WORDS: Final = {"queued": "in_progress", "running": "in_progress", "success": "completed"}
"""Status of a job -> the client's word; any other has failed."""


class PanelConversation:
    dialect = Dialect.PANEL
    unsent_behind = None

    def __init__(self, who: Identity, number: int, options: LegacyOptions) -> None:
        self.who = who
        self._options = options
        self._interval: float | None = None
        """Seconds; None: it has not subscribed."""
        self._updated_at: datetime | None = None
        self._shown: OrderedDict[tuple[str, int, str], None] = OrderedDict()
        self._syncs: OrderedDict[str, str] = OrderedDict()
        """Job -> the word last told of it."""

    def greet(self, at: datetime) -> Command:
        return Show(lambda figures: [self._update(figures, at)])

    def receive(self, frame: str | bytes, at: datetime) -> Command:
        message = parsed(frame)
        if not message:  # the old server took an empty object for no JSON, too
            return Say(self.refuse("Invalid JSON message", at))
        action = message.get("action") if isinstance(message, dict) else None
        if action == "subscribe_dashboard":
            return self._subscribe(message.get("interval"), at)
        if action == "manual_sync":
            return self._sync(word(message, "marketplace", "all"), at)
        if action == "get_performance":
            if "performance" not in visible_metrics(self.who.role):
                return Say(self.refuse("Performance monitor not available", at))
            return Show(
                lambda figures: [{"type": "performance_data", "data": _performance(figures), "timestamp": seconds(at)}]
            )
        if action == "get_marketplace_status":
            return Show(
                lambda figures: [
                    {"type": "marketplace_status", "data": _marketplaces(figures), "timestamp": seconds(at)}
                ]
            )
        return Say(self.refuse(f"Unknown action: {escaped(str(action)) if action else 'none'}", at))

    def _subscribe(self, interval: object, at: datetime) -> Command:
        asked = self._options.panel_seconds
        if isinstance(interval, int | float) and not isinstance(interval, bool) and math.isfinite(interval):
            asked = interval
        self._interval = min(max(asked, self._options.panel_shortest_seconds), self._options.panel_longest_seconds)
        self._updated_at = at
        confirmed = {"type": "subscription_confirmed", "interval": asked}
        return Show(lambda figures: [confirmed, self._update(figures, at)])

    def _sync(self, marketplace: str, at: datetime) -> Command:
        def started(job_id: str) -> Sequence[Message]:
            return [{"type": "sync_started", "marketplace": escaped(marketplace), "sync_id": sync_id(job_id)}]

        return StartSync(marketplace, started=started, refused=lambda text: self.refuse(text, at))

    def hear(self, stored: StoredEvent, at: datetime) -> Sequence[Message]:
        if stored.event.kind != SYNC or not may_see(self.who, stored.event.marketplace):
            return ()
        payload: Mapping[str, Any] = stored.event.payload
        status = _SYNC_WORDS.get(str(payload.get("status")), "failed")
        job_id = str(payload.get("jobId"))
        if self._syncs.get(job_id) == status:
            return ()
        self._syncs[job_id] = status
        if len(self._syncs) > _REMEMBERED_JOBS:
            self._syncs.popitem(last=False)
        update = {
            "type": "sync_status_update",
            "marketplace": stored.event.marketplace,
            "status": status,
            "sync_id": sync_id(job_id),
        }
        return [update]

    def notify(self, notification: Notification, at: datetime) -> Sequence[Message]:
        return ()

    def due(self, at: datetime) -> Command:
        if self._interval is None or self._updated_at is None:
            return NOTHING
        if at - self._updated_at < timedelta(seconds=self._interval):
            return NOTHING
        self._updated_at = at
        return Show(lambda figures: [self._update(figures, at)])

    def refuse(self, text: str, at: datetime) -> Sequence[Message]:
        return [{"type": "error", "message": text, "timestamp": seconds(at)}]

    def _update(self, figures: Figures, at: datetime) -> Message:
        data = {
            "overview": {
                "total_revenue": figures.total_revenue,
                "total_orders": figures.total_orders,
                "active_products": figures.active_products,
                "conversion_rate": figures.conversion_rate,
            },
            "performance": _performance(figures),
            "marketplace_status": _marketplaces(figures),
            "recent_orders": [_order(order) for order in self._new(figures.orders)],
            "sync_activity": [
                {"marketplace": panel_name(note.marketplace), "action": escaped(note.text), "time": seconds(note.at)}
                for note in figures.syncs
            ],
        }
        return {"type": "dashboard_update", "data": data, "timestamp": seconds(at)}

    def _new(self, orders: Sequence[OrderNotification]) -> Sequence[OrderNotification]:
        """Those that this connection was not shown yet, oldest first."""
        found = []
        for order in reversed(orders[:FIRST_ORDERS]):
            key = (order.marketplace, order.order_id, order.order_number)
            if key not in self._shown:
                found.append(order)
            self._shown[key] = None
            self._shown.move_to_end(key)
        while len(self._shown) > _REMEMBERED_ORDERS:
            self._shown.popitem(last=False)
        return found


def sync_id(job_id: str) -> str:
    """A job's id in the old server's shape: `sync_`, 13 hexadecimal digits, a dot and 8 digits."""
    digits = "".join(letter for letter in job_id.lower() if letter in "0123456789abcdef").ljust(21, "0")
    return f"sync_{digits[:13]}.{int(digits[13:21], 16) % 10**8:08d}"


def _performance(figures: Figures) -> Mapping[str, object]:
    return {
        "response_time": figures.response_time,
        "memory_usage": figures.memory_percent,
        "cpu_usage": figures.cpu_percent,
        "active_connections": figures.connections,
        "uptime": figures.answered_percent,
    }


def _marketplaces(figures: Figures) -> Mapping[str, object]:
    return {code: _marketplace(figures.marketplaces.get(code, MarketplaceState())) for code in MARKETPLACES}


def _marketplace(state: MarketplaceState) -> Mapping[str, object]:
    return {
        "status": _STATUS.get(state.sync_status, state.sync_status),
        "last_sync": seconds(state.last_sync),
        "products_synced": state.synced,
        "errors": state.failed,
    }


def _order(order: OrderNotification) -> Mapping[str, object]:
    return {
        "id": escaped(order.order_number),
        "customer": escaped(order.customer),
        "total": order.total,
        "marketplace": escaped(panel_name(order.marketplace)),
        "timestamp": seconds(datetime.fromisoformat(order.occurred_at)),
    }
