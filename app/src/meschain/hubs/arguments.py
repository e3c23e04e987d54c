"""The shapes of hub methods' arguments, refused with a text that says what to send. Pure; rights are checked elsewhere.

What a service checks by itself (alerts, notifications, commands) is not checked here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from hubwire import HubError
from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.payloads import DashboardData
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


def percentage(value: object) -> float:
    """A number from 0 to 100."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100 or math.isnan(value):
        raise HubError("The argument progress is a number from 0 to 100.")
    return float(value)


def dashboard_data(value: object) -> DashboardData:
    """A complete dashboard: pages abort at the first field that is missing, so none may be."""
    return _converted(fields(value, "dashboardData"), DashboardData, "dashboardData")


def _converted(value: Mapping[str, object], shape: type[T], name: str) -> T:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise HubError(f"The argument {name} is not complete: {error}.") from error
