"""`MesChainDashboardHub`: everybody watches the metrics of its role; programs publish metrics and notifications."""

from __future__ import annotations

from typing import ClassVar

from hubwire import hub_method
from meschain.domain.events import DASHBOARD_HUB, metric_group
from meschain.hubs.arguments import fields, metric_names
from meschain.hubs.base import MesChainHub
from meschain.hubs.clients import DashboardClient
from meschain.services.dashboard import DashboardService
from meschain.services.notifications import NotificationService
from meschain.services.ports import GroupStore, Publisher


class DashboardHub(MesChainHub[DashboardClient]):
    """Groups: `metric:<name>`, joined on request and restored at each later connect."""

    name: ClassVar[str] = DASHBOARD_HUB

    def __init__(
        self,
        *,
        groups: GroupStore,
        notifications: NotificationService,
        dashboard: DashboardService,
        publisher: Publisher,
    ) -> None:
        super().__init__(groups, notifications)
        self._dashboard = dashboard
        self._publisher = publisher

    @hub_method("SubscribeToDashboard")
    async def subscribe_to_dashboard(self, user_id: object, metrics: object) -> None:
        """Watch metrics, and be sent their present figures. `own` is accepted and has no source to be fed from."""
        names = metric_names(metrics)
        await self._join([metric_group(name) for name in names])
        if "basic" in names:
            await self.clients.caller.metrics_update(await self._dashboard.metrics())
        if "performance" in names:
            await self.clients.caller.performance_data(await self._dashboard.performance())
        if "business" in names:
            await self.clients.caller.business_metrics(await self._dashboard.business())

    @hub_method("UpdateMetrics")
    async def update_metrics(self, metrics_data: object) -> None:
        """Publish to those who watch `basic`; for the shop's own programs."""
        await self._publisher.metrics(fields(metrics_data, "metricsData"))

    @hub_method("BroadcastPerformanceData")
    async def broadcast_performance_data(self, performance_data: object) -> None:
        """Publish to those who watch `performance`; for the shop's own programs."""
        await self._publisher.performance(fields(performance_data, "performanceData"))

    @hub_method("SendNotification")
    async def send_notification(self, user_id: object, notification: object) -> str:
        """Notify one user, here `userId` names the receiver. Returns the notification's id."""
        return (await self._notifications.send(self.identity, user_id, notification)).id
