"""Notifications as Amazon writes them, with made-up content, and the settings of the store that they are for."""

from __future__ import annotations

import json
from typing import Any

from pydantic import SecretStr

from meschain.vendor_settings.amazon import AmazonStore

ORDER_ID = "111-2222222-3333333"


def settings(**changes: object) -> AmazonStore:
    given: dict[str, object] = {
        "seller_id": "A0EXAMPLE",
        "application_id": "app-1",
        "subscription_ids": ["sub-1"],
        "queue_url": "https://sqs.eu-west-1.amazonaws.com/1/notifications",
        "queue_region": "eu-west-1",
        "client_id": "client",
        "client_secret": SecretStr("login-secret"),
        "refresh_token": SecretStr("consent"),
        **changes,
    }
    return AmazonStore.model_validate(given)


def notification(kind: str, payload: dict[str, Any], number: str = "n-1", **changes: object) -> dict[str, Any]:
    return {
        "NotificationVersion": "1.0",
        "NotificationType": kind,
        "PayloadVersion": "1.0",
        "EventTime": "2026-01-01T09:15:00.000Z",
        "Payload": payload,
        "NotificationMetadata": {
            "ApplicationId": "app-1",
            "SubscriptionId": "sub-1",
            "PublishTime": "2026-01-01T09:15:00.500Z",
            "NotificationId": number,
        },
        **changes,
    }


def order_change(
    status: str = "Unshipped",
    number: str = "n-1",
    *,
    change: str = "OrderStatusChange",
    fulfilled: str = "MFN",
    seller: str = "A0EXAMPLE",
    changed: str = "2026-01-01T09:14:58.000Z",
) -> dict[str, Any]:
    return notification(
        "ORDER_CHANGE",
        {
            "OrderChangeNotification": {
                "NotificationLevel": "OrderLevel",
                "SellerId": seller,
                "AmazonOrderId": ORDER_ID,
                "OrderChangeType": change,
                "OrderChangeTrigger": {"TimeOfOrderChange": changed, "ChangeReason": None},
                "Summary": {
                    "MarketplaceId": "A33AVAJ2PDY3EV",
                    "OrderStatus": status,
                    "FulfillmentType": fulfilled,
                    "OrderItems": [{"OrderItemId": "OI1", "SellerSKU": "MUG-01", "Quantity": 2}],
                },
            }
        },
        number,
    )


def newer_spelling(message: dict[str, Any]) -> dict[str, Any]:
    """The same with all names as newer types write them."""

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {name[0].lower() + name[1:]: renamed(each) for name, each in value.items()}
        return value

    result: dict[str, Any] = renamed(message)
    return result


def by_event_bridge(message: dict[str, Any]) -> dict[str, Any]:
    """The same within an event of AWS."""
    return {
        "version": "0",
        "id": "e-1",
        "detail-type": message["NotificationType"],
        "source": "aws.partner/sellingpartnerapi.amazon.com/1/app-1",
        "detail": message,
    }


def text(message: dict[str, Any]) -> str:
    return json.dumps(message)
