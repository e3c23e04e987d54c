"""Shows log-ins and log-outs among the administrators' recent activity. `auth.ports.LoginJournal` on a service."""

from __future__ import annotations

import logging

from meschain.domain.roles import Identity
from meschain.services.activity import ActivityService

_log = logging.getLogger(__name__)


class LoginActivity:
    """A `LoginJournal`."""

    def __init__(self, activity: ActivityService) -> None:
        self._activity = activity

    async def logged_in(self, identity: Identity) -> None:
        await self._record("login", identity, f"{identity.name} logged in.")

    async def logged_out(self, identity: Identity) -> None:
        await self._record("logout", identity, f"{identity.name} logged out.")

    async def _record(self, kind: str, identity: Identity, text: str) -> None:
        try:
            await self._activity.record(kind, identity.name, text, {"role": identity.role.value})
        except Exception:  # noqa: BLE001 - the port's promise: a log-in does not fail because it cannot be shown
            _log.exception("a %s was not recorded", kind)
