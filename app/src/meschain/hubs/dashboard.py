"""`MesChainDashboardHub`: everybody watches the metrics of its role; programs publish metrics and notifications."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from hubwire import hub_method
from meschain.domain.events import DASHBOARD_HUB, metric_group
from meschain.domain.payloads import BusinessMetrics
from meschain.domain.roles import sees_whole_shop
from meschain.hubs.arguments import fields, metric_names
from meschain.hubs.authorise import actual_group
from meschain.hubs.base import MesChainHub
from meschain.hubs.clients import DashboardClient
from meschain.hubs.entered_groups import EnteredGroups
from meschain.services.dashboard import DashboardService
from meschain.services.granted_business import GrantedBusiness
from meschain.services.notifications import NotificationService
from meschain.services.ports import GroupStore, Publisher


class DashboardHub(MesChainHub[DashboardClient]):
    """Groups: `metric:<name>`, joined on request and restored at each later connect.

    Who sees some marketplaces only gets the business figures of those, in a group for each such set.
    """

    name: ClassVar[str] = DASHBOARD_HUB

    def __init__(
        self,
        *,
        groups: GroupStore,
        entered: EnteredGroups,
        notifications: NotificationService,
        dashboard: DashboardService,
        granted_business: GrantedBusiness,
        publisher: Publisher,
    ) -> None:
        super().__init__(groups, entered, notifications)
        self._dashboard = dashboard
        self._granted_business = granted_business
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
            await self.clients.caller.business_metrics(await self._business())

    async def _business(self) -> BusinessMetrics:
        if sees_whole_shop(self.identity.role):
            return await self._dashboard.business()
        return await self._granted_business.read(self.identity.visible_marketplaces)

    async def _enter(self, groups: Sequence[str]) -> None:
        identity = self.identity
        if metric_group("business") in groups and not sees_whole_shop(identity.role):
            await self._granted_business.watch(identity.visible_marketplaces)
        await super()._enter([actual_group(identity, group) for group in groups])

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
