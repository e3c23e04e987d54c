"""The dashboard stream, once on port 8081: `type` in, flat fields out.

It knows no error: what is not understood, or not allowed, is passed over in silence. Periodic updates go to everybody,
subscribed or not, as they always did.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from meschain.domain.events import SYNC, StoredEvent
from meschain.domain.payloads import Notification
from meschain.domain.roles import Identity
from meschain.legacy.commands import NOTHING, Command, Message, Say, Show, StartSync
from meschain.legacy.dialects import parsed, word
from meschain.legacy.figures import Figures, MarketplaceState, may_see
from meschain.legacy.options import LegacyOptions
from meschain.legacy.wording import seconds
from meschain.legacy_settings import Dialect

MARKETPLACES: Final = ("amazon", "ebay", "etsy", "n11", "trendyol")
"""Those that the old server knew."""
_HEALTH: Final = {"error": "error", "warning": "warning", "unknown": "unknown"}
"""Sync status -> api_status; any other is healthy."""


class NativeConversation:
    dialect = Dialect.NATIVE
    unsent_behind = None

    def __init__(self, who: Identity, number: int, options: LegacyOptions) -> None:
        self.who = who
        self._options = options
        self._client_id = secrets.token_hex(7)[:13]
        self._updated_at: datetime | None = None

    def greet(self, at: datetime) -> Command:
        self._updated_at = at

        def greeting(figures: Figures) -> Sequence[Message]:
            message = {
                "type": "connection_established",
                "client_id": self._client_id,
                "timestamp": seconds(at),
                "dashboard_data": _dashboard(figures),
            }
            return [message]

        return Show(greeting)

    def receive(self, frame: str | bytes, at: datetime) -> Command:
        message = parsed(frame)
        if not isinstance(message, dict):
            return NOTHING
        kind = message.get("type")
        if kind == "subscribe":
            platform = message.get("platform")
            if platform is None:
                return NOTHING
            confirmed = {"type": "subscription_confirmed", "platform": platform, "timestamp": seconds(at)}
            return Say([confirmed])
        if kind == "manual_sync":
            platform = word(message, "platform", "all")
            started = {"type": "sync_started", "platform": platform, "timestamp": seconds(at)}
            return StartSync(platform, started=lambda job_id: [started], refused=lambda text: ())
        if kind == "dashboard_request":
            return self._show("dashboard_update", _dashboard, at)
        if kind == "performance_request":
            return self._show("performance_metrics", _performance, at)
        if kind == "marketplace_status":
            return self._show("marketplace_status", _marketplace_status, at)
        return NOTHING

    @staticmethod
    def _show(kind: str, of: Any, at: datetime) -> Command:
        return Show(lambda figures: [{"type": kind, "data": of(figures), "timestamp": seconds(at)}])

    def hear(self, stored: StoredEvent, at: datetime) -> Sequence[Message]:
        payload: Mapping[str, Any] = stored.event.payload
        if stored.event.kind != SYNC or not payload.get("completed") or not may_see(self.who, stored.event.marketplace):
            return ()
        completed = {
            "type": "sync_completed",
            "platform": stored.event.marketplace,
            "timestamp": seconds(at),
            "status": payload["status"],
            "records_updated": payload["processed"] - payload["failed"],
        }
        return [completed]

    def notify(self, notification: Notification, at: datetime) -> Sequence[Message]:
        return ()

    def due(self, at: datetime) -> Command:
        pause = timedelta(seconds=self._options.native_update_seconds)
        if self._updated_at is not None and at - self._updated_at < pause:
            return NOTHING
        self._updated_at = at

        def update(figures: Figures) -> Sequence[Message]:
            message = {
                "type": "periodic_update",
                "dashboard_data": _dashboard(figures),
                "performance_data": _performance(figures),
                "timestamp": seconds(at),
            }
            return [message]

        return Show(update)

    def refuse(self, text: str, at: datetime) -> Sequence[Message]:
        return ()


def _states(figures: Figures) -> Mapping[str, MarketplaceState]:
    return {code: figures.marketplaces.get(code, MarketplaceState()) for code in MARKETPLACES}


def _dashboard(figures: Figures) -> Mapping[str, object]:
    states = _states(figures)
    is_active = any(state.sync_status != "unknown" for state in states.values())
    return {
        "total_revenue": figures.total_revenue,
        "active_products": figures.active_products,
        "pending_orders": figures.pending_orders,
        "sync_status": "active" if is_active else "inactive",
        "marketplaces": {
            code: {"status": state.sync_status, "last_sync": seconds(state.last_sync)} for code, state in states.items()
        },
    }


def _performance(figures: Figures) -> Mapping[str, object]:
    return {
        "memory_usage": figures.memory_percent,
        "cpu_usage": figures.cpu_percent,
        "response_time": figures.response_time,
        "active_connections": figures.connections,
        "uptime": int(figures.uptime_seconds),
    }


def _marketplace_status(figures: Figures) -> Mapping[str, object]:
    return {
        code: {
            "api_status": _HEALTH.get(state.sync_status, "healthy"),
            "rate_limit": "0%",  # no vendor tells how much of its rate is used
            "errors": state.failed,
        }
        for code, state in _states(figures).items()
    }
