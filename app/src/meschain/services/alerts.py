"""Alerts to the administrators: checked, stored in the book, then told to the pages. Knows no hub and no table.

An alert is stored together with the messages that leave for it, and told after that. One that could not be told,
because this process ended in between or the event could not be stored, is told by `tell_rest`; `alert_watch` calls it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import NAMESPACE_OID, uuid4, uuid5

import msgspec

from meschain.domain.alerts import BY_PERSON, BY_PUBLISHER, BY_SYSTEM, LEVELS, Alert
from meschain.domain.events import NewEvent
from meschain.domain.payloads import SystemAlert
from meschain.domain.roles import Identity
from meschain.services.activity import ActivityService
from meschain.services.alert_messages import AlertMessages
from meschain.services.alert_payloads import system_alert_of
from meschain.services.alert_ports import AlertBook
from meschain.services.errors import AlertRefused, EventRefused
from meschain.services.options import AlertOptions
from meschain.services.ports import AuditStore, Clock, Publisher
from meschain.services.text import cleaned, clip

_log = logging.getLogger(__name__)

SYSTEM: Final = "system"


class AlertService:
    """Raises alerts, by people and by ourselves, and tells what becomes of them.

    Args:
        messages: what leaves for an alert.
        wake: called once there is something to send.
    """

    def __init__(
        self,
        *,
        book: AlertBook,
        audit: AuditStore,
        activity: ActivityService,
        publisher: Publisher,
        messages: AlertMessages,
        wake: Callable[[], None],
        clock: Clock,
        options: AlertOptions | None = None,
    ) -> None:
        self._book = book
        self._audit = audit
        self._activity = activity
        self._publisher = publisher
        self._messages = messages
        self._wake = wake
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
        alert = await self._raise(self._checked_message(message), _checked_level(level), BY_PERSON, identity.name)
        await self._activity.record(
            "alert",
            identity.name,
            f"{identity.name} raised an alert ({alert.level}).",
            {"level": alert.level, "alertId": alert.id},
        )
        return alert

    async def raise_by_system(self, message: str, level: str, about: str = "") -> SystemAlert:
        """An alert by ourselves; a text that is too long is shortened, never refused.

        Args:
            about: names what happened, so that saying it again raises no second one; empty: it is new.
        """
        text = clip(cleaned(message), self._options.message_characters)
        return await self._raise(text, _checked_level(level), BY_SYSTEM, SYSTEM, about)

    async def book_published(self, event: NewEvent) -> None:
        """Put an alert into the book that one of the shop's programs publishes; whoever calls tells it."""
        payload = msgspec.convert(event.payload, SystemAlert)
        alert = Alert(
            id=payload.id,
            message=payload.message,
            level=payload.level,
            origin=BY_PUBLISHER,
            raised_by=payload.source,
            raised_at=datetime.fromisoformat(payload.timestamp),
        )
        if await self._book.add(alert, self._messages.of(alert)):
            self._wake()

    async def change(self, alert: Alert, was: str) -> bool:
        """Store what became of an alert, and tell it; False: its state is not `was` any more."""
        if not await self._book.change(alert, was, self._messages.of(alert)):
            return False
        await self.announce(alert)
        return True

    async def announce(self, alert: Alert) -> None:
        """What has just been stored goes out: to the pages, and by mail and webhook."""
        self._wake()
        await self.tell(alert)

    async def tell(self, alert: Alert) -> None:
        """Tell the pages the present state of a stored alert; that it could not be is logged, and made up for later."""
        try:
            await self._publisher.system_alert(system_alert_of(alert))
        except EventRefused:
            _log.exception("alert %s cannot be told; the book has it", alert.id)
        except Exception:  # noqa: BLE001 - boundary: it is stored, and `tell_rest` comes by
            _log.warning("alert %s was stored but not sent", alert.id, exc_info=True)
            return
        try:
            await self._book.mark_told(alert.id, alert.state)
        except Exception:  # noqa: BLE001 - boundary to our store: told again it is the same event, which is dropped
            _log.warning("alert %s was told and could not be marked so", alert.id, exc_info=True)

    async def tell_rest(self, limit: int) -> None:
        """Tell those that were stored and not told. Raises: any error of the database."""
        for alert in await self._book.untold(limit):
            await self.tell(alert)

    async def _raise(self, message: str, level: str, origin: str, raised_by: str, about: str = "") -> SystemAlert:
        alert = Alert(
            id=uuid5(NAMESPACE_OID, about).hex if about else uuid4().hex,
            message=message,
            level=level,
            origin=origin,
            raised_by=clip(raised_by, self._options.source_characters),
            raised_at=self._clock.now(),
        )
        if await self._book.add(alert, self._messages.of(alert)):
            await self.announce(alert)
        return system_alert_of(alert)

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
