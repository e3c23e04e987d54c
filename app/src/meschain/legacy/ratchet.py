"""The marketplace stream, once on port 8080: channels of marketplaces, `action` in, `type` and `data` out.

Each connection is in the channel `all` from its beginning, whatever it subscribes to, until it leaves it: clients may
depend on the two shapes of `realtime_update`. An event is told once per channel; what happened is flushed together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from meschain.domain.events import INVENTORY, ORDER, StoredEvent
from meschain.domain.payloads import Notification
from meschain.domain.roles import Identity
from meschain.legacy.commands import NOTHING, Command, Message, Say, Show
from meschain.legacy.dialects import parsed, word
from meschain.legacy.figures import Figures, MarketplaceState, may_see
from meschain.legacy.options import LegacyOptions
from meschain.legacy.wording import local_text, seconds
from meschain.legacy_settings import Dialect

MARKETPLACES: Final = ("amazon", "ebay", "trendyol", "n11", "hepsiburada", "ozon")
"""The channels, in the old server's order."""
ALL: Final = "all"
_INVALID: Final = "Invalid message format"

Event = Mapping[str, object]


class RatchetConversation:
    """Args: number: names the connection to its client."""

    dialect = Dialect.RATCHET

    def __init__(self, who: Identity, number: int, options: LegacyOptions) -> None:
        self.who = who
        self._number = number
        self._options = options
        self._wanted: dict[str, frozenset[str] | None] = {ALL: None}
        """Channel -> the event types that it is to hear of; None: any."""
        self._waiting: dict[str, deque[tuple[str, Event]]] = {}
        self._first_waiting = 0
        """Position of the first event that waits, while one does."""
        self._flushed_at: datetime | None = None

    @property
    def unsent_behind(self) -> int | None:
        return self._first_waiting - 1 if self._waiting else None

    def greet(self, at: datetime) -> Command:
        data = {"connection_id": self._number, "available_channels": [*MARKETPLACES, ALL]}
        return Say([_message("welcome", at, data)])

    def receive(self, frame: str | bytes, at: datetime) -> Command:
        message = parsed(frame)
        if not isinstance(message, dict) or message.get("action") is None:
            return Say(self.refuse(_INVALID, at))
        action, marketplace = message["action"], message.get("marketplace", ALL)
        if not isinstance(marketplace, str):
            marketplace = str(marketplace)
        if action == "subscribe":
            return self._subscribe(marketplace, message.get("events"), at)
        if action == "unsubscribe":
            self._wanted.pop(marketplace, None)
            self._waiting.pop(marketplace, None)
            return Say([_message("unsubscription_confirmed", at, {"marketplace": marketplace})])
        if action == "get_metrics":
            return self._metrics(marketplace, word(message, "metrics_type", "summary"), at)
        if action == "ping":
            return Say([_message("pong", at, {"server_time": local_text(at)})])
        return Say(self.refuse(f"Unknown action: {action}", at))

    def _subscribe(self, marketplace: str, events: object, at: datetime) -> Command:
        if marketplace != ALL and marketplace not in MARKETPLACES:
            return Say(self.refuse(f"Invalid marketplace: {marketplace}", at))
        asked = events if isinstance(events, list) else [ALL]
        self._wanted[marketplace] = None if ALL in asked else frozenset(str(each) for each in asked)

        def answer(figures: Figures) -> Sequence[Message]:
            return [
                _message("subscription_confirmed", at, {"marketplace": marketplace, "events": asked}),
                _message("initial_data", at, {"marketplace": marketplace, "metrics": _metrics(marketplace, figures)}),
            ]

        return Show(answer)

    @staticmethod
    def _metrics(marketplace: str, metrics_type: str, at: datetime) -> Command:
        def answer(figures: Figures) -> Sequence[Message]:
            data = {
                "marketplace": marketplace,
                "metrics_type": metrics_type,
                "metrics": _metrics(marketplace, figures),
            }
            return [_message("metrics_response", at, data)]

        return Show(answer)

    def hear(self, stored: StoredEvent, at: datetime) -> Sequence[Message]:
        marketplace = stored.event.marketplace
        if marketplace not in MARKETPLACES or not may_see(self.who, marketplace):
            return ()
        event = self._event(stored, at)
        if event is not None:
            for channel in (marketplace, ALL):
                wanted = self._wanted.get(channel, frozenset())
                if wanted is None or event["type"] in wanted:
                    if not self._waiting:
                        self._first_waiting = stored.position
                    waiting = self._waiting.setdefault(channel, deque(maxlen=self._options.waiting_events))
                    waiting.append((marketplace, event))
        return ()

    def _event(self, stored: StoredEvent, at: datetime) -> Event | None:
        payload: Mapping[str, Any] = stored.event.payload
        marketplace = stored.event.marketplace
        if stored.event.kind == ORDER and payload["status"] == "created":
            data = {"order_id": payload["orderNumber"], "amount": payload["total"], "marketplace": marketplace}
            return {"type": "new_order", "data": data, "timestamp": seconds(at)}
        threshold = self._options.low_stock_threshold
        if stored.event.kind == INVENTORY and payload["quantity"] <= threshold:
            data = {
                "product_id": str(payload["productId"]),
                "current_stock": payload["quantity"],
                "threshold": threshold,
                "marketplace": marketplace,
            }
            return {"type": "stock_alert", "data": data, "timestamp": seconds(at)}
        return None

    def notify(self, notification: Notification, at: datetime) -> Sequence[Message]:
        return ()

    def due(self, at: datetime) -> Command:
        """What has gathered, once the last flush is long enough ago."""
        pause = timedelta(seconds=self._options.ratchet_flush_seconds)
        if not self._waiting or (self._flushed_at is not None and at - self._flushed_at < pause):
            return NOTHING
        self._flushed_at = at
        waiting, self._waiting = self._waiting, {}
        return Say([self._update(channel, events, at) for channel, events in waiting.items()])

    @staticmethod
    def _update(channel: str, events: Sequence[tuple[str, Event]], at: datetime) -> Message:
        updates: object = [event for _, event in events]
        if channel == ALL:
            by_marketplace: dict[str, list[Event]] = {}
            for marketplace, event in events:
                by_marketplace.setdefault(marketplace, []).append(event)
            updates = by_marketplace
        return _message("realtime_update", at, {"marketplace": channel, "updates": updates})

    def refuse(self, text: str, at: datetime) -> Sequence[Message]:
        return [_message("error", at, {"message": text})]


def _message(kind: str, at: datetime, data: Mapping[str, object]) -> Message:
    return {"type": kind, "data": {**data, "timestamp": seconds(at)}}


def _metrics(marketplace: str, figures: Figures) -> Mapping[str, object]:
    """Those of one marketplace, all 0 for a name that is none; or of all, with their sums."""
    states = {code: figures.marketplaces.get(code, MarketplaceState()) for code in MARKETPLACES}
    if marketplace != ALL:
        return _of_one(states.get(marketplace, MarketplaceState()))
    connected = sum(_connection_status(state) == "connected" for state in states.values())
    summary = {
        "total_orders_today": sum(state.orders_today for state in states.values()),
        "total_sales_today": round(sum(state.sales_today for state in states.values()), 2),
        "total_active_products": sum(state.listings for state in states.values()),
        "connected_marketplaces": connected,
    }
    return {**{code: _of_one(state) for code, state in states.items()}, "summary": summary}


def _of_one(state: MarketplaceState) -> Mapping[str, object]:
    return {
        "orders_today": state.orders_today,
        "sales_today": state.sales_today,
        "active_products": state.listings,
        "pending_orders": 0,  # no table says which of a marketplace's orders wait
        "connection_status": _connection_status(state),
        "last_sync": local_text(state.last_sync),
    }


def _connection_status(state: MarketplaceState) -> str:
    """A marketplace is connected when its last sync did not fail; of one that never had any nothing is known."""
    if state.sync_status == "unknown":
        return "unknown"
    return "error" if state.sync_status == "error" else "connected"
