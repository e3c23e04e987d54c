"""Log-ins among the administrators' recent activity and in the audit. `auth.ports.LoginJournal` on services."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import Final

from meschain.auth.throttle import SlidingLimit, Throttled
from meschain.domain.roles import Identity
from meschain.services.activity import ActivityService
from meschain.services.ports import AuditStore

_NOBODY: Final = ""
"""Who has not logged in is nobody to the audit."""

_log = logging.getLogger(__name__)


class LoginActivity:
    """A `LoginJournal`.

    Args:
        failures: how many refused log-ins are written down; beyond it they are counted with the next one.
    """

    def __init__(self, activity: ActivityService, audit: AuditStore, failures: SlidingLimit) -> None:
        self._activity = activity
        self._audit = audit
        self._failures = failures
        self._left_out = 0

    async def logged_in(self, identity: Identity, address: str) -> None:
        await self._record("login", identity, f"{identity.name} logged in.")
        details = {"name": identity.name, "role": identity.role.value, "address": address}
        await self._keep(self._audit.add(identity.user_id, "LogIn", details, "ok"))

    async def logged_out(self, identity: Identity) -> None:
        await self._record("logout", identity, f"{identity.name} logged out.")
        await self._keep(self._audit.add(identity.user_id, "LogOut", {"name": identity.name}, "ok"))

    async def refused(self, username: str, address: str, reason: str) -> None:
        try:
            self._failures.hit(_NOBODY)
        except Throttled:
            self._left_out += 1
            return
        left_out, self._left_out = self._left_out, 0
        details: dict[str, object] = {"username": username, "address": address}
        if left_out:
            details["leftOutBefore"] = left_out
        await self._keep(self._audit.add(_NOBODY, "LogIn", details, f"refused: {reason}"))

    async def _record(self, kind: str, identity: Identity, text: str) -> None:
        await self._keep(self._activity.record(kind, identity.name, text, {"role": identity.role.value}))

    async def _keep(self, writing: Awaitable[object]) -> None:
        try:
            await writing
        except Exception:  # noqa: BLE001 - the port's promise: a log-in does not fail because it cannot be shown
            _log.exception("a log-in or log-out was not recorded")
