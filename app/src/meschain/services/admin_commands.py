"""`HandleAdminCommand`: the commands that administrators send, each audited with what came of it.

A dashboard that was given is not: every page asks for one each half minute, and nothing is changed by it. Knows no hub;
that the caller is an administrator is checked before this is called.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from meschain.domain.payloads import DashboardData, SystemAlert
from meschain.domain.roles import Identity
from meschain.services.alerts import AlertService
from meschain.services.dashboard import DashboardService
from meschain.services.errors import CommandRefused, Refused
from meschain.services.ports import AuditStore, SyncJob
from meschain.services.sync import SyncService
from meschain.services.text import clip

ACTION: Final = "HandleAdminCommand"
REQUEST_DASHBOARD_UPDATE: Final = "requestDashboardUpdate"
TRIGGER_SYNC: Final = "triggerSync"
BROADCAST_ALERT: Final = "broadcastAlert"

_AUDITED_CHARACTERS: Final = 100
_PARAMETERS: Final[dict[str, tuple[str, ...]]] = {
    REQUEST_DASHBOARD_UPDATE: ("requestId",),
    TRIGGER_SYNC: ("marketplace",),
    BROADCAST_ALERT: ("message", "level"),
}
"""The parameters that are looked at; only these reach the audit, for anything else might be a secret."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command gave; the field that its name says is set."""

    dashboard: DashboardData | None = None
    """For the caller of `requestDashboardUpdate` alone."""
    job: SyncJob | None = None
    alert: SystemAlert | None = None

    def __str__(self) -> str:
        if self.job is not None:
            return f"ok: sync job {self.job.id}"
        if self.alert is not None:
            return f"ok: alert {self.alert.id}"
        return "ok"


class AdminCommands:
    """Executes admin commands."""

    def __init__(
        self,
        *,
        dashboard: DashboardService,
        sync: SyncService,
        alerts: AlertService,
        audit: AuditStore,
    ) -> None:
        self._dashboard = dashboard
        self._sync = sync
        self._alerts = alerts
        self._audit = audit
        self._commands: Final[dict[str, Callable[[Identity, Mapping[str, object]], Awaitable[CommandResult]]]] = {
            REQUEST_DASHBOARD_UPDATE: self._request_dashboard_update,
            TRIGGER_SYNC: self._trigger_sync,
            BROADCAST_ALERT: self._broadcast_alert,
        }

    async def handle(self, identity: Identity, command: object, parameters: object = None) -> CommandResult:
        """Execute a command of somebody who may, and audit what came of it.

        Raises: CommandRefused with a text for the caller.
        """
        details = _details(command, parameters)
        try:
            result = await self._execute(identity, command, parameters)
        except Refused as refused:
            await self._audit.add(identity.user_id, ACTION, details, f"refused: {refused}")
            raise CommandRefused(str(refused)) from refused
        except Exception as error:
            await self._audit.add(identity.user_id, ACTION, details, f"failed: {type(error).__name__}")
            raise
        if result.dashboard is None:
            await self._audit.add(identity.user_id, ACTION, details, str(result))
        return result

    async def _execute(self, identity: Identity, command: object, parameters: object) -> CommandResult:
        if not isinstance(command, str) or command not in self._commands:
            raise CommandRefused(f"There is no such command; there are {', '.join(self._commands)}.")
        if parameters is None:
            parameters = {}
        if not isinstance(parameters, Mapping):
            raise CommandRefused(f"The parameters of {command} are an object.")
        return await self._commands[command](identity, parameters)

    async def _request_dashboard_update(self, identity: Identity, parameters: Mapping[str, object]) -> CommandResult:
        return CommandResult(dashboard=await self._dashboard.current())

    async def _trigger_sync(self, identity: Identity, parameters: Mapping[str, object]) -> CommandResult:
        return CommandResult(job=await self._sync.start(identity, parameters.get("marketplace")))

    async def _broadcast_alert(self, identity: Identity, parameters: Mapping[str, object]) -> CommandResult:
        alert = await self._alerts.raise_by(identity, parameters.get("message"), parameters.get("level", "info"))
        return CommandResult(alert=alert)


def _details(command: object, parameters: object) -> dict[str, object]:
    """What the audit keeps of a command: its name and the parameters that it has, shortened."""
    details: dict[str, object] = {"command": clip(str(command), _AUDITED_CHARACTERS)}
    if isinstance(command, str) and isinstance(parameters, Mapping):
        for key in _PARAMETERS.get(command, ()):
            if key in parameters:
                details[key] = clip(str(parameters[key]), _AUDITED_CHARACTERS)
    return details
