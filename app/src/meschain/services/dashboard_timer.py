"""Sends the dashboard at its interval and soon after something happened, while somebody is there.

Reads once per tick, whatever the number of viewers. Knows no hub's code.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from meschain.domain.events import ADMIN_HUB, ADMINS_GROUP, DASHBOARD_HUB, metric_group
from meschain.domain.payloads import DashboardData
from meschain.services.dashboard import DashboardService, metrics_of, performance_of
from meschain.services.notifications import NotificationService
from meschain.services.options import DashboardOptions
from meschain.services.ports import Clock, Presence, Publisher
from meschain.services.waiting import Wakeup

_log = logging.getLogger(__name__)

Send = Callable[[DashboardData], Awaitable[None]]


class DashboardTimer:
    """The loop behind `updateAdminDashboard` and the metric groups; it also delivers notifications left unsent."""

    def __init__(
        self,
        *,
        dashboard: DashboardService,
        publisher: Publisher,
        presence: Presence,
        notifications: NotificationService,
        clock: Clock,
        options: DashboardOptions | None = None,
    ) -> None:
        self._dashboard = dashboard
        self._presence = presence
        self._notifications = notifications
        self._options = options or DashboardOptions()
        self._wakeup = Wakeup(clock)
        self._audiences: Final[tuple[tuple[str, str, Send], ...]] = (
            (ADMIN_HUB, ADMINS_GROUP, publisher.admin_dashboard),
            (DASHBOARD_HUB, metric_group("basic"), lambda data: publisher.metrics(metrics_of(data))),
            (DASHBOARD_HUB, metric_group("performance"), lambda data: publisher.performance(performance_of(data))),
            (DASHBOARD_HUB, metric_group("business"), lambda data: publisher.business(data.business_metrics)),
        )

    def refresh(self) -> None:
        """Ask for a tick soon; a burst of calls makes one. Returns at once."""
        self._wakeup.set()

    async def run(self) -> None:
        """Tick for ever."""
        while True:
            await self._wakeup.next_round(self._options.interval_seconds, self._options.coalesce_seconds)
            try:
                await self.tick()
            except Exception:  # noqa: BLE001 - boundary that keeps the timer alive: the next tick tries again
                _log.exception("a dashboard tick failed")

    async def tick(self) -> None:
        """Send to whoever is there; nobody there: nothing is read."""
        await self._notifications.deliver_unsent()
        present = [send for hub, group, send in self._audiences if await self._presence.anyone_in(hub, group)]
        if not present:
            return
        data = await self._dashboard.read()
        for send in present:
            try:
                await send(data)
            except Exception:  # noqa: BLE001 - boundary between audiences: one failing costs the others nothing
                _log.exception("the dashboard could not be sent")
