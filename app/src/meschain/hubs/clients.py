"""The client events of the three hubs: each method is one target that browsers listen for. Knows no hub and no service.

The target names stand in `domain.events`, the payloads in `domain.payloads`. A mapping is what a producer of the shop
published: its fields pass through as they are.
"""

from __future__ import annotations

from collections.abc import Mapping

from hubwire import ClientContract, client_method
from meschain.domain import events
from meschain.domain.payloads import (
    BusinessMetrics,
    DashboardData,
    InventoryUpdate,
    MetricsUpdate,
    Notification,
    OrderNotification,
    PerformanceUpdate,
    ServerMoving,
    SyncUpdate,
    SystemAlert,
    UserActivity,
)


class MesChainClient(ClientContract):
    """What every page hears, whatever its hub."""

    @client_method(events.RECEIVE_NOTIFICATION)
    async def receive_notification(self, notification: Notification) -> None:
        """Fires for one user, at once when it is online and for each pending one when it connects."""

    @client_method(events.SERVER_MOVING)
    async def server_moving(self, moving: ServerMoving) -> None:
        """Fires for a connection that another place is to hold; one that does not know it is closed at the deadline."""


class MarketplaceClient(MesChainClient):
    """What the marketplace panel hears, for the marketplaces that it joined."""

    @client_method(events.MARKETPLACE_SYNC_UPDATE)
    async def marketplace_sync_update(self, update: SyncUpdate | Mapping[str, object]) -> None:
        """Fires for each step of a sync and for what a producer publishes."""

    @client_method(events.INVENTORY_UPDATE)
    async def inventory_update(self, update: InventoryUpdate) -> None:
        """Fires when a product's stock or listing changed."""

    @client_method(events.ORDER_NOTIFICATION)
    async def order_notification(self, order: OrderNotification) -> None:
        """Fires once for each newly confirmed order."""


class AdminClient(MarketplaceClient):
    """What the GEMINI page hears. It holds one connection, so the events of all marketplaces are among it."""

    @client_method(events.UPDATE_ADMIN_DASHBOARD)
    async def update_admin_dashboard(self, data: DashboardData) -> None:
        """Fires every few seconds and once at each join."""

    @client_method(events.SYSTEM_ALERT)
    async def system_alert(self, alert: SystemAlert) -> None:
        """Fires for each alert, and again with the same id when it is acknowledged or over."""

    @client_method(events.USER_ACTIVITY_UPDATE)
    async def user_activity_update(self, activity: UserActivity) -> None:
        """Fires when somebody did something worth a line."""


class DashboardClient(MesChainClient):
    """What the analytics page hears, for the metrics that it subscribed to."""

    @client_method(events.METRICS_UPDATE)
    async def metrics_update(self, metrics: MetricsUpdate | Mapping[str, object]) -> None:
        """Fires for subscribers of `basic`."""

    @client_method(events.PERFORMANCE_DATA)
    async def performance_data(self, data: PerformanceUpdate | Mapping[str, object]) -> None:
        """Fires for subscribers of `performance`."""

    @client_method(events.BUSINESS_METRICS)
    async def business_metrics(self, data: BusinessMetrics) -> None:
        """Fires for subscribers of `business`."""
