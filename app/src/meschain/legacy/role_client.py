"""The client of roles and channels, once on `/ws`: `type` and `data` both ways, and the client speaks first.

After a reconnect that client sends `auth` and nothing else, for it takes its channels for subscribed already: `auth`
puts it into the channels of its role again. What it hears of is decided by what it may see, never by a channel's name.
"""

from __future__ import annotations

import secrets
import string
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from meschain.domain.events import ACTIVITY, ALERT, INVENTORY, ORDER, SYNC, StoredEvent
from meschain.domain.payloads import Notification
from meschain.domain.roles import Identity, Operation, may
from meschain.legacy.commands import NOTHING, Command, Identify, Message, Say
from meschain.legacy.dialects import parsed, word
from meschain.legacy.figures import may_see
from meschain.legacy.options import LegacyOptions
from meschain.legacy.wording import display_name, without_angles
from meschain.legacy_settings import Dialect
from meschain.services.clock import iso_utc

ROLE_CHANNELS: Final[Mapping[str, tuple[str, ...]]] = {
    "super_admin": ("system", "users", "security", "performance", "all_marketplaces"),
    "admin": ("store", "products", "orders", "inventory", "marketplace_sync"),
    "dropshipper": ("catalog", "profit_updates", "supplier_notifications", "order_tracking"),
}
CHANNELS: Final = frozenset(channel for channels in ROLE_CHANNELS.values() for channel in channels)

_OWN_ORDERS: Final = frozenset({"amazon", "trendyol", "hepsiburada", "ozon"})
"""Marketplaces whose pages listen for `<marketplace>_order`."""
_ID_LETTERS: Final = string.digits + string.ascii_lowercase
_REMEMBERED_PRODUCTS: Final = 1_000


class RoleConversation:
    dialect = Dialect.ROLE
    unsent_behind = None

    def __init__(self, who: Identity, number: int, options: LegacyOptions) -> None:
        self.who = who
        self._options = options
        self._channels: set[str] = set()
        self._has_entered = False
        self._told_stock: OrderedDict[int, int] = OrderedDict()
        """Product -> the quantity last told: the same change comes once for each marketplace."""

    def greet(self, at: datetime) -> Command:
        return NOTHING

    def receive(self, frame: str | bytes, at: datetime) -> Command:
        message = parsed(frame)
        if not isinstance(message, dict):
            return NOTHING
        kind = message.get("type")
        data = message.get("data")
        if not isinstance(data, dict):
            data = message  # some pages send `auth` flat, with a token
        if kind == "auth":
            return self._auth(data, at)
        if kind == "ping":
            return Say([_message("pong", {"timestamp": iso_utc(at)}, at)])
        channel = word(data, "channel")
        if kind == "subscribe" and channel in CHANNELS:
            self._channels.add(channel)
        elif kind == "unsubscribe":
            self._channels.discard(channel)
        return NOTHING

    def _auth(self, data: Mapping[str, object], at: datetime) -> Command:
        claimed = word(data, "userRole") or word(data, "role")

        def entered() -> Sequence[Message]:
            self._has_entered = True
            self._channels.update(ROLE_CHANNELS.get(claimed, ()))
            return [_message("auth_ok", {"role": self.who.role.value, "channels": sorted(self._channels)}, at)]

        return Identify(claimed, word(data, "token"), word(data, "userId"), entered)

    def hear(self, stored: StoredEvent, at: datetime) -> Sequence[Message]:
        if not self._has_entered:
            return ()
        kind, payload, marketplace = stored.event.kind, stored.event.payload, stored.event.marketplace
        if kind in {ALERT, ACTIVITY}:
            return self._of_administration(kind, payload, at) if may(self.who.role, Operation.JOIN_ADMIN_GROUP) else ()
        if not may_see(self.who, marketplace):
            return ()
        if kind == ORDER:
            return self._order(payload, marketplace, at)
        if kind == INVENTORY:
            return self._stock(payload, at)
        return self._sync(payload, marketplace, at) if kind == SYNC else ()

    def _is_in(self, *channels: str) -> bool:
        return not self._channels.isdisjoint(channels)

    def _of_administration(self, kind: str, payload: Mapping[str, Any], at: datetime) -> Sequence[Message]:
        if kind == ALERT and self._is_in("system"):
            level = "error" if payload["level"] == "critical" else payload["level"]
            return [_message("system_alert", {"message": without_angles(payload["message"]), "level": level}, at)]
        if kind == ACTIVITY and self._is_in("users"):
            return [_message("user_activity", {"message": without_angles(payload["text"]), "level": "info"}, at)]
        return ()

    def _order(self, payload: Mapping[str, Any], marketplace: str, at: datetime) -> Sequence[Message]:
        order_id = without_angles(payload["orderNumber"])
        if payload["status"] != "created":
            if not self._is_in("order_tracking"):
                return ()
            return [_message("order_status", {"orderId": order_id, "status": without_angles(payload["status"])}, at)]
        if not self._is_in("orders", "all_marketplaces"):
            return ()
        data = {
            "orderId": order_id,
            "marketplace": without_angles(display_name(marketplace)),
            "amount": payload["total"],
            "productCount": payload["itemCount"],
            "itemCount": payload["itemCount"],
        }
        messages = [_message("new_order", data, at)]
        if marketplace in _OWN_ORDERS:
            messages.append(_message(f"{marketplace}_order", data, at))
        elif marketplace == "ebay":
            messages.append(_message("ebay_sale", {**data, "itemId": order_id}, at))
        return messages

    def _stock(self, payload: Mapping[str, Any], at: datetime) -> Sequence[Message]:
        product, quantity = payload["productId"], payload["quantity"]
        is_known = self._told_stock.pop(product, None) == quantity
        self._told_stock[product] = quantity
        if len(self._told_stock) > _REMEMBERED_PRODUCTS:
            self._told_stock.popitem(last=False)
        is_short = quantity <= self._options.low_stock_threshold
        if is_known or not is_short or not self._is_in("inventory", "products", "all_marketplaces"):
            return ()
        data = {"product": without_angles(payload["name"]), "stock": quantity, "level": "warning"}
        return [_message("stock_alert", data, at)]

    def _sync(self, payload: Mapping[str, Any], marketplace: str, at: datetime) -> Sequence[Message]:
        # The client announces a finished sync whatever the status says, so one that runs or failed is not told.
        if payload.get("status") != "success" or not self._is_in("marketplace_sync", "all_marketplaces"):
            return ()
        data = {"marketplace": display_name(marketplace), "status": "completed", "products": payload["processed"]}
        return [_message("marketplace_sync", data, at)]

    def notify(self, notification: Notification, at: datetime) -> Sequence[Message]:
        text = f"{notification.title}: {notification.message}" if notification.title else notification.message
        return [_message("system_alert", {"message": without_angles(text), "level": notification.type}, at)]

    def due(self, at: datetime) -> Command:
        return NOTHING

    def refuse(self, text: str, at: datetime) -> Sequence[Message]:
        return [_message("system_alert", {"message": without_angles(text), "level": "error"}, at)]


def _message(kind: str, data: Mapping[str, object], at: datetime) -> Message:
    letters = "".join(secrets.choice(_ID_LETTERS) for _ in range(9))
    message_id = f"msg_{int(at.timestamp() * 1000)}_{letters}"
    return {"type": kind, "data": data, "timestamp": iso_utc(at), "id": message_id}
