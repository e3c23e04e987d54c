"""The shapes of hub methods' arguments, refused with a text that says what to send. Pure; rights are checked elsewhere.

What a service checks by itself (alerts, notifications, commands) is not checked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar
from uuid import uuid4

import msgspec

from hubwire import HubError
from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.payloads import DashboardData, InventoryUpdate, SyncUpdate
from meschain.domain.roles import METRICS

T = TypeVar("T")


def marketplace_code(value: object) -> str:
    """A marketplace that the product knows."""
    if not isinstance(value, str) or value not in MARKETPLACES:
        raise HubError(f"The argument marketplace is one of {', '.join(MARKETPLACES)}.")
    return value


def metric_names(value: object) -> tuple[str, ...]:
    """Metrics that exist, each once, in the order given."""
    if not isinstance(value, list | tuple) or not value or not all(name in METRICS for name in value):
        raise HubError(f"The argument metrics is a list with one or more of {', '.join(METRICS)}.")
    return tuple(dict.fromkeys(value))


def fields(value: object, name: str) -> Mapping[str, object]:
    """An object."""
    if not isinstance(value, Mapping):
        raise HubError(f"The argument {name} is an object.")
    return value


def is_sync_request(value: object) -> bool:
    """Whether the data of `SyncMarketplaceData` asks for a sync: exactly `{"action": "sync"}`."""
    return isinstance(value, Mapping) and dict(value) == {"action": "sync"}


def sync_progress(marketplace: object, progress: object, occurred_at: str) -> SyncUpdate:
    """Progress of a sync that runs elsewhere: a number from 0 to 100, which ends it."""
    code = marketplace_code(marketplace)
    if isinstance(progress, bool) or not isinstance(progress, int | float) or not 0 <= progress <= 100:
        raise HubError("The argument progress is a number from 0 to 100.")
    completed = progress == 100
    return SyncUpdate(
        marketplace=code,
        progress=float(progress),
        completed=completed,
        status="success" if completed else "running",
        job_id="",
        processed=0,
        failed=0,
        total=0,
        message="",
        occurred_at=occurred_at,
    )


def inventory_update(product_id: object, status: object, occurred_at: str) -> InventoryUpdate:
    """A product's stock: `status` has `marketplace` and `quantity`, and what else is known of `InventoryUpdate`."""
    if not isinstance(product_id, str) or not product_id.isascii() or not product_id.isdecimal():
        raise HubError("The argument productId is the shop's number of the product, as text.")
    given = {**fields(status, "status")}
    code = marketplace_code(given.get("marketplace"))
    quantity = given.get("quantity")
    if isinstance(quantity, bool) or not isinstance(quantity, int):
        raise HubError("The argument status needs quantity, a whole number.")
    complete = {
        "eventId": uuid4().hex,
        "sku": "",
        "name": "",
        "listedQuantity": quantity,
        "reason": "stock_changed",
        "occurredAt": occurred_at,
        **given,
        "marketplace": code,
        "productId": int(product_id),
    }
    return _converted(complete, InventoryUpdate, "status")


def dashboard_data(value: object) -> DashboardData:
    """A complete dashboard: pages abort at the first field that is missing, so none may be."""
    return _converted(fields(value, "dashboardData"), DashboardData, "dashboardData")


def _converted(value: Mapping[str, object], shape: type[T], name: str) -> T:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise HubError(f"The argument {name} is not complete: {error}.") from error
