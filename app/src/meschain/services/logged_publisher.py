"""A `Publisher` that puts events into the log, from where they are told, and lets everything else go out at once.

For those who publish what happened one by one: it is kept and replayed like any other event. Figures and notifications
are no events: the next ones replace them, or they have a store of their own. Knows neither hubs nor who hears.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from uuid import uuid4

from meschain.domain.events import NewEvent, StoredEvent
from meschain.domain.new_events import activity_event, alert_event, inventory_event, order_event, sync_event
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
from meschain.services.errors import EventRefused
from meschain.services.ports import EventLog, Publisher, Told

T = TypeVar("T")


class LoggedPublisher:
    """`services.ports.Publisher`. Events: EventRefused for one that cannot be stored; any error of the database."""

    def __init__(self, publisher: Publisher, events: EventLog) -> None:
        self._publisher = publisher
        self._events = events

    async def system_alert(self, alert: SystemAlert) -> None:
        await self._append(alert_event, alert)

    async def user_activity(self, activity: UserActivity) -> None:
        await self._append(activity_event, activity)

    async def order_received(self, order: OrderNotification) -> None:
        await self._append(order_event, order)

    async def inventory_changed(self, update: InventoryUpdate) -> None:
        await self._append(inventory_event, update)

    async def sync_progress(self, update: SyncUpdate) -> None:
        await self._append(_step, update)

    async def _append(self, make: Callable[[T], NewEvent], payload: T) -> None:
        try:
            event = make(payload)
        except ValueError as error:
            raise EventRefused(str(error)) from error
        await self._events.append([event])

    async def tell(self, events: Sequence[StoredEvent], told: Told | None = None) -> None:
        await self._publisher.tell(events, told)

    async def admin_dashboard(self, data: DashboardData) -> None:
        await self._publisher.admin_dashboard(data)

    async def notification(self, notification: Notification) -> None:
        await self._publisher.notification(notification)

    async def marketplace_data(self, marketplace: str, data: Mapping[str, object]) -> None:
        await self._publisher.marketplace_data(marketplace, data)

    async def metrics(self, data: MetricsUpdate | Mapping[str, object]) -> None:
        await self._publisher.metrics(data)

    async def performance(self, data: PerformanceUpdate | Mapping[str, object]) -> None:
        await self._publisher.performance(data)

    async def business(self, data: BusinessMetrics) -> None:
        await self._publisher.business(data)

    async def granted_business(self, marketplaces: Sequence[str], data: BusinessMetrics) -> None:
        await self._publisher.granted_business(marketplaces, data)


def _step(update: SyncUpdate) -> NewEvent:
    """Each step is told once, by whoever runs the job, so it needs no name that another would find too."""
    return sync_event(f"sync:{uuid4().hex}", update)
