"""The `Publisher` of the services over the three hubs. The one place that decides which group hears which event.

Knows no transport and no hosting: a `HubContext` sends whatever plane lies behind it.
"""

from __future__ import annotations

from collections.abc import Mapping

from hubwire import HubContext
from meschain.domain.events import ADMINS_GROUP, marketplace_group, metric_group
from meschain.domain.payloads import (
    BusinessMetrics,
    DashboardData,
    InventoryUpdate,
    MetricsUpdate,
    Notification,
    OrderNotification,
    PerformanceUpdate,
    SyncUpdate,
    SystemAlert,
    UserActivity,
)
from meschain.hubs.clients import AdminClient, DashboardClient, MarketplaceClient


class HubPublisher:
    """Sends events to the groups that may see them."""

    def __init__(
        self,
        admin: HubContext[AdminClient],
        marketplace: HubContext[MarketplaceClient],
        dashboard: HubContext[DashboardClient],
    ) -> None:
        self._admin = admin
        self._marketplace = marketplace
        self._dashboard = dashboard

    @property
    def _admins(self) -> AdminClient:
        return self._admin.clients.group(ADMINS_GROUP)

    def _watchers(self, marketplace: str) -> MarketplaceClient:
        return self._marketplace.clients.group(marketplace_group(marketplace))

    async def admin_dashboard(self, data: DashboardData) -> None:
        await self._admins.update_admin_dashboard(data)

    async def system_alert(self, alert: SystemAlert) -> None:
        await self._admins.system_alert(alert)

    async def notification(self, notification: Notification) -> None:
        user_id = notification.user_id
        await self._admin.clients.user(user_id).receive_notification(notification)
        await self._marketplace.clients.user(user_id).receive_notification(notification)
        await self._dashboard.clients.user(user_id).receive_notification(notification)

    async def user_activity(self, activity: UserActivity) -> None:
        await self._admins.user_activity_update(activity)

    async def order_received(self, order: OrderNotification) -> None:
        await self._watchers(order.marketplace).order_notification(order)
        await self._admins.order_notification(order)

    async def inventory_changed(self, update: InventoryUpdate) -> None:
        await self._watchers(update.marketplace).inventory_update(update)
        await self._admins.inventory_update(update)

    async def sync_progress(self, update: SyncUpdate) -> None:
        await self._watchers(update.marketplace).marketplace_sync_update(update)
        await self._admins.marketplace_sync_update(update)

    async def marketplace_data(self, marketplace: str, data: Mapping[str, object]) -> None:
        update = {**data, "marketplace": marketplace}
        await self._watchers(marketplace).marketplace_sync_update(update)
        await self._admins.marketplace_sync_update(update)

    async def metrics(self, data: MetricsUpdate | Mapping[str, object]) -> None:
        await self._dashboard.clients.group(metric_group("basic")).metrics_update(data)

    async def performance(self, data: PerformanceUpdate | Mapping[str, object]) -> None:
        await self._dashboard.clients.group(metric_group("performance")).performance_data(data)

    async def business(self, data: BusinessMetrics) -> None:
        await self._dashboard.clients.group(metric_group("business")).business_metrics(data)
