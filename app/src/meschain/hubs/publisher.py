"""The `Publisher` of the services over the three hubs. The one place that decides which group hears which event.

Knows no transport and no hosting: a `HubContext` sends whatever plane lies behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from hubwire import HubContext
from meschain.domain.event_routes import EVENT_HUBS, calls_of, runs
from meschain.domain.events import (
    ADMIN_HUB,
    ADMINS_GROUP,
    DASHBOARD_HUB,
    HUBS,
    MARKETPLACE_HUB,
    StoredEvent,
    granted_business_group,
    marketplace_group,
    metric_group,
)
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
from meschain.hubs.clients import AdminClient, DashboardClient, MarketplaceClient, MesChainClient
from meschain.hubs.unreachable import UNREACHABLE
from meschain.services.ports import ClientsUnreachable, Told

RUNS_AT_ONCE: Final = 32
"""Sends after which everybody else has a turn: with fifty receivers each some ten milliseconds. A batch that is sent
without a pause holds up pings and, when one follows the other, the renewal of the lease."""


class HubPublisher:
    """Sends events to the groups that may see them.

    Args:
        context_of: Gives the way into a hub by its name; asked at each send, because hubs are made after the services
            that publish, and those after this object.
    """

    def __init__(self, context_of: Callable[[str], HubContext[Any]]) -> None:
        self._context_of = context_of

    @property
    def _admins(self) -> AdminClient:
        context: HubContext[AdminClient] = self._context_of(ADMIN_HUB)
        return context.clients.group(ADMINS_GROUP)

    def _watchers(self, marketplace: str) -> MarketplaceClient:
        context: HubContext[MarketplaceClient] = self._context_of(MARKETPLACE_HUB)
        return context.clients.group(marketplace_group(marketplace))

    def _subscribers(self, group: str) -> DashboardClient:
        context: HubContext[DashboardClient] = self._context_of(DASHBOARD_HUB)
        return context.clients.group(group)

    async def admin_dashboard(self, data: DashboardData) -> None:
        await self._admins.update_admin_dashboard(data)

    async def system_alert(self, alert: SystemAlert) -> None:
        await self._admins.system_alert(alert)

    async def notification(self, notification: Notification) -> None:
        for hub in HUBS:
            context: HubContext[MesChainClient] = self._context_of(hub)
            await context.clients.user(notification.user_id).receive_notification(notification)

    async def user_activity(self, activity: UserActivity) -> None:
        await self._admins.user_activity_update(activity)

    async def tell(self, events: Sequence[StoredEvent], told: Told | None = None) -> None:
        told = set() if told is None else told
        try:
            for hub in EVENT_HUBS:
                context: HubContext[MesChainClient] = self._context_of(hub)
                left = [stored for stored in events if (hub, stored.position) not in told]
                for number, (group, some) in enumerate(runs(left, hub), 1):
                    if number % RUNS_AT_ONCE == 0:
                        await asyncio.sleep(0)
                    await context.clients.group(group).send_together(calls_of(some))
                    told.update((hub, stored.position) for stored in some)
        except UNREACHABLE as error:
            raise ClientsUnreachable(str(error)) from error

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
        await self._subscribers(metric_group("basic")).metrics_update(data)

    async def performance(self, data: PerformanceUpdate | Mapping[str, object]) -> None:
        await self._subscribers(metric_group("performance")).performance_data(data)

    async def business(self, data: BusinessMetrics) -> None:
        await self._subscribers(metric_group("business")).business_metrics(data)

    async def granted_business(self, marketplaces: Sequence[str], data: BusinessMetrics) -> None:
        await self._subscribers(granted_business_group(marketplaces)).business_metrics(data)
