"""Reads Amazon's notifications out of messages of a queue. Pure.

Older types write NotificationType and SKU, newer ones notificationType and sku, and those of EventBridge come within an
event of AWS. All are read by names in small letters.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from meschain.services.webhook_json import read_json
from meschain.services.webhook_ports import Malformed

Read = TypeVar("Read")


def small(name: str) -> str:
    """The name of a field as it is compared."""
    return name.replace("_", "").casefold()


class Metadata(msgspec.Struct, frozen=True, rename=small):
    notification_id: str
    application_id: str = ""
    subscription_id: str = ""
    publish_time: str = ""


class Notification(msgspec.Struct, frozen=True, rename=small):
    """What each notification has, whatever its type."""

    notification_type: str
    payload: dict[str, Any]  # Any: differs by type
    notification_metadata: Metadata
    event_time: str = ""


def read_notification(body: bytes) -> Notification:
    """Raises: Malformed."""
    content = _folded(read_json(body, dict[str, Any]))
    if "notificationmetadata" not in content and isinstance(content.get("detail"), dict):
        content = content["detail"]
    notification = convert(content, Notification)
    if not notification.notification_metadata.notification_id:
        raise Malformed("NotificationId is empty")
    return notification


def convert(content: object, type_: type[Read]) -> Read:
    """Folded content as this type. Raises: Malformed."""
    try:
        return msgspec.convert(content, type_, strict=False)
    except msgspec.ValidationError as error:
        raise Malformed(f"the notification is not what was expected: {error}") from None


def body_of(payload: dict[str, Any]) -> dict[str, Any]:
    """What a payload is about: some types wrap it once more, in a field named like the type."""
    inner = [value for name, value in payload.items() if name.endswith("notification") and isinstance(value, dict)]
    return inner[0] if len(inner) == 1 else payload


_SELLERS: Final = ("sellerid", "merchantid")


def seller_of(payload: dict[str, Any]) -> str:
    """Whom it is for; empty: it does not say."""
    body = body_of(payload)
    return next((str(body[name]) for name in _SELLERS if isinstance(body.get(name), str)), "")


def _folded(value: Any) -> Any:
    """With all names in small letters."""
    if isinstance(value, dict):
        return {small(name): _folded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_folded(each) for each in value]
    return value
