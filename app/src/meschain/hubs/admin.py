"""`MesChainAdminHub`: administrators watch everything and give commands; the shop's programs publish the dashboard."""

from __future__ import annotations

from typing import ClassVar

from hubwire import hub_method
from meschain.domain.events import ADMIN_HUB, ADMINS_GROUP
from meschain.domain.payloads import ResumeAnswer
from meschain.hubs.arguments import dashboard_data
from meschain.hubs.clients import AdminClient
from meschain.hubs.entered_groups import EnteredGroups
from meschain.hubs.resuming import ResumingHub
from meschain.services.admin_commands import AdminCommands
from meschain.services.alerts import AlertService
from meschain.services.dashboard import DashboardService
from meschain.services.notifications import NotificationService
from meschain.services.ports import GroupStore, Publisher
from meschain.services.resume import ResumeService


class AdminHub(ResumingHub[AdminClient]):
    """Groups: `admins`, which administrators are in from their connect on."""

    name: ClassVar[str] = ADMIN_HUB

    def __init__(
        self,
        *,
        groups: GroupStore,
        entered: EnteredGroups,
        notifications: NotificationService,
        resuming: ResumeService,
        dashboard: DashboardService,
        commands: AdminCommands,
        alerts: AlertService,
        publisher: Publisher,
    ) -> None:
        super().__init__(groups, entered, notifications, resuming)
        self._dashboard = dashboard
        self._commands = commands
        self._alerts = alerts
        self._publisher = publisher

    @hub_method("JoinAdminGroup")
    async def join_admin_group(self, user_id: object, role: object) -> None:
        """Join `admins` and be sent the present dashboard; the arguments are compared with the token's claims."""
        await self.groups.add(self.context.connection_id, ADMINS_GROUP)
        await self.clients.caller.update_admin_dashboard(await self._dashboard.current())

    @hub_method("HandleAdminCommand")
    async def handle_admin_command(self, command: object, parameters: object = None) -> None:
        """Execute `requestDashboardUpdate`, `triggerSync` or `broadcastAlert`."""
        result = await self._commands.handle(self.identity, command, parameters)
        if result.dashboard is not None:
            await self.clients.caller.update_admin_dashboard(result.dashboard)

    @hub_method("BroadcastSystemAlert")
    async def broadcast_system_alert(self, message: object, level: object) -> None:
        """Alert all administrators."""
        await self._alerts.broadcast(self.identity, message, level)

    @hub_method("UpdateAdminDashboard")
    async def update_admin_dashboard(self, dashboard_data_: object) -> None:
        """Publish a complete dashboard; for the shop's own programs."""
        await self._publisher.admin_dashboard(dashboard_data(dashboard_data_))

    @hub_method("ResumeEvents")
    async def resume_events(self, position: object = None, in_answer: object = False) -> ResumeAnswer:
        """Replay what administrators missed behind a position; what is not kept any more becomes a dashboard."""
        answer = await self._resume(position, in_answer)
        if not answer.complete:
            await self.clients.caller.update_admin_dashboard(await self._dashboard.current())
        return answer
