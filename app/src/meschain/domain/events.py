"""Names on the wire: hubs, groups, targets. Each stands here once. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

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
