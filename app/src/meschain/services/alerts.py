"""Alerts to the administrators: checked, stored, then published. Knows no hub and no table."""

from __future__ import annotations

import logging
from typing import Final
from uuid import uuid4

from meschain.domain.payloads import SystemAlert
from meschain.domain.roles import Identity
from meschain.services.activity import ActivityService
from meschain.services.clock import iso_utc
from meschain.services.errors import AlertRefused
from meschain.services.options import AlertOptions
from meschain.services.ports import AlertStore, AuditStore, Clock, Publisher
from meschain.services.text import cleaned, clip

_log = logging.getLogger(__name__)

LEVELS: Final = ("info", "warning", "error", "critical")
SYSTEM: Final = "system"


class AlertService:
    """Raises `SystemAlert`s, by people and by ourselves."""

    def __init__(
        self,
        *,
        store: AlertStore,
        audit: AuditStore,
        activity: ActivityService,
        publisher: Publisher,
        clock: Clock,
        options: AlertOptions | None = None,
    ) -> None:
        self._store = store
        self._audit = audit
        self._activity = activity
        self._publisher = publisher
        self._clock = clock
        self._options = options or AlertOptions()

    async def broadcast(self, identity: Identity, message: object, level: object) -> SystemAlert:
        """An alert by somebody through `BroadcastSystemAlert`, audited whatever comes of it.

        Raises: AlertRefused.
        """
        details = {"level": clip(str(level), 20), "message": clip(str(message), 100)}
        try:
            alert = await self.raise_by(identity, message, level)
        except AlertRefused as refused:
            await self._audit.add(identity.user_id, "BroadcastSystemAlert", details, f"refused: {refused}")
            raise
        await self._audit.add(identity.user_id, "BroadcastSystemAlert", details, f"ok: alert {alert.id}")
        return alert

    async def raise_by(self, identity: Identity, message: object, level: object) -> SystemAlert:
        """An alert by somebody, for a caller that audits itself.

        Raises: AlertRefused.
        """
        alert = await self._raise(self._checked_message(message), _checked_level(level), identity.name)
        await self._activity.record(
            "alert",
            identity.name,
            f"{identity.name} raised an alert ({alert.level}).",
            {"level": alert.level, "alertId": alert.id},
        )
        return alert

    async def raise_by_system(self, message: str, level: str) -> SystemAlert:
        """An alert by ourselves; a text that is too long is shortened, never refused."""
        return await self._raise(
            clip(cleaned(message), self._options.message_characters), _checked_level(level), SYSTEM
        )

    async def _raise(self, message: str, level: str, source: str) -> SystemAlert:
        alert = SystemAlert(
            id=uuid4().hex,
            message=message,
            level=level,
            source=clip(source, self._options.source_characters),
            timestamp=iso_utc(self._clock.now()),
        )
        await self._store.add(alert)
        try:
            await self._publisher.system_alert(alert)
        except Exception:  # noqa: BLE001 - boundary: it is stored, and the next dashboard carries it
            _log.warning("alert %s was stored but not sent", alert.id, exc_info=True)
        return alert

    def _checked_message(self, message: object) -> str:
        if not isinstance(message, str):
            raise AlertRefused("An alert needs a message of text.")
        text = cleaned(message)
        if not text:
            raise AlertRefused("An alert needs a message; it was empty.")
        limit = self._options.message_characters
        if len(text) > limit:
            raise AlertRefused(f"The alert has {len(text)} characters; shorten it to {limit}.")
        return text


def _checked_level(level: object) -> str:
    if not isinstance(level, str) or level not in LEVELS:
        raise AlertRefused(f"The level of an alert is one of {', '.join(LEVELS)}.")
    return level
