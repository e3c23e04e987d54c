"""Notifications to one user: stored first, delivered when it is there, pending until it acknowledges them.

A notification is delivered at once when its user is connected, else when it connects; one that is not acknowledged is
sent again once per connection, until a hundred newer ones wait. Delivery is at least once: a user who connects in the
same instant may see one twice, under the same id. Knows no hub and no table.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import uuid4

from meschain.domain.payloads import Notification
from meschain.domain.roles import Identity
from meschain.services.clock import iso_utc
from meschain.services.errors import NotificationRefused
from meschain.services.options import NotificationOptions
from meschain.services.ports import (
    AuditStore,
    Clock,
    NotificationsFull,
    NotificationStore,
    Presence,
    Publisher,
)
from meschain.services.text import cleaned, clip

_log = logging.getLogger(__name__)

TYPES: Final = ("info", "success", "warning", "error")
ID_CHARACTERS: Final = 64


class NotificationService:
    """Sends, delivers and acknowledges notifications."""

    def __init__(
        self,
        *,
        store: NotificationStore,
        audit: AuditStore,
        publisher: Publisher,
        presence: Presence,
        clock: Clock,
        options: NotificationOptions | None = None,
    ) -> None:
        self._store = store
        self._audit = audit
        self._publisher = publisher
        self._presence = presence
        self._clock = clock
        self._options = options or NotificationOptions()
        self._last_user = ""

    async def send(self, sender: Identity, user_id: object, notification: object) -> Notification:
        """Store a notification and deliver it if its user is connected. Audited whatever comes of it.

        Args:
            notification: a mapping with `message`, and optionally `type`, `title`, `duration` and `persistent`; other
                keys are ignored, also a `userId` within it.

        Raises: NotificationRefused.
        """
        details = {"user": clip(str(user_id), self._options.user_id_characters)}
        try:
            checked = self._checked(user_id, notification)
            await self._store.add(checked)
        except (NotificationRefused, NotificationsFull) as refused:
            await self._audit.add(sender.user_id, "SendNotification", details, f"refused: {refused}")
            raise NotificationRefused(str(refused)) from refused
        await self._audit.add(sender.user_id, "SendNotification", details, f"ok: notification {checked.id}")
        if await self._presence.user_is_connected(checked.user_id):
            await self._publish([checked])
        return checked

    async def deliver_pending(self, user_id: str, deliver: Callable[[Notification], Awaitable[None]]) -> int:
        """Hand everything pending to a connection that just opened; returns how many. Call it once per connection."""
        pending = await self._store.pending(user_id)
        for notification in pending:
            await deliver(notification)
        if pending:
            await self._store.mark_sent([notification.id for notification in pending])
        return len(pending)

    async def deliver_unsent(self) -> int:
        """Deliver to connected users what was stored but never sent: by another program, or while sending failed.

        Looks at a bounded number of users and goes on behind them at the next call.
        """
        limit = self._options.retry_users
        before = self._clock.now() - timedelta(seconds=self._options.retry_grace_seconds)
        users = await self._store.users_with_unsent(before, self._last_user, limit)
        self._last_user = users[-1] if len(users) == limit else ""
        sent = 0
        for user_id in users:
            if await self._presence.user_is_connected(user_id):
                sent += await self._publish(await self._store.unsent(user_id, before))
        return sent

    async def deliver_unsent_to(self, user_id: str, deliver: Callable[[Notification], None]) -> int:
        """Hand what never went out to a page that cannot acknowledge; returns how many. It stays pending for others."""
        before = self._clock.now() - timedelta(seconds=self._options.retry_grace_seconds)
        unsent = await self._store.unsent(user_id, before)
        for notification in unsent:
            deliver(notification)
        if unsent:
            await self._store.mark_sent([notification.id for notification in unsent])
        return len(unsent)

    async def acknowledge(self, user_id: str, notification_id: object) -> bool:
        """Mark it as delivered; False: that user has no such pending notification."""
        if not isinstance(notification_id, str) or not 0 < len(notification_id) <= ID_CHARACTERS:
            raise NotificationRefused("AcknowledgeNotification needs the id of a notification.")
        return await self._store.acknowledge(user_id, notification_id)

    async def _publish(self, notifications: Sequence[Notification]) -> int:
        sent: list[str] = []
        try:
            for notification in notifications:
                await self._publisher.notification(notification)
                sent.append(notification.id)
        except Exception:  # noqa: BLE001 - boundary: it is stored, and the timer tries again
            _log.warning("notification stored but not sent; it is tried again", exc_info=True)
        if sent:
            await self._store.mark_sent(sent)
        return len(sent)

    def _checked(self, user_id: object, notification: object) -> Notification:
        options = self._options
        if not isinstance(user_id, str) or not user_id.strip():
            raise NotificationRefused("A notification needs the id of its user.")
        if len(user_id) > options.user_id_characters:
            raise NotificationRefused(f"A user's id has at most {options.user_id_characters} characters.")
        if not isinstance(notification, Mapping):
            raise NotificationRefused("A notification is an object with a message.")
        message = _text(notification, "message", "", options.message_characters)
        if not message:
            raise NotificationRefused("A notification needs a message.")
        kind = notification.get("type", "info")
        if kind not in TYPES:
            raise NotificationRefused(f"The type of a notification is one of {', '.join(TYPES)}.")
        duration = notification.get("duration", options.default_duration_milliseconds)
        if isinstance(duration, bool) or not isinstance(duration, int | float):
            raise NotificationRefused("The duration of a notification is a number of milliseconds.")
        if not 0 <= duration <= options.longest_duration_milliseconds:
            raise NotificationRefused(f"The duration lies between 0 and {options.longest_duration_milliseconds} ms.")
        persistent = notification.get("persistent", False)
        if not isinstance(persistent, bool):
            raise NotificationRefused("`persistent` of a notification is true or false.")
        return Notification(
            id=uuid4().hex,
            user_id=user_id,
            message=message,
            type=kind,
            title=_text(notification, "title", "", options.title_characters),
            duration=int(duration),
            persistent=persistent,
            created_at=iso_utc(self._clock.now()),
        )


def _text(notification: Mapping[str, object], key: str, default: str, limit: int) -> str:
    value = notification.get(key, default)
    if not isinstance(value, str):
        raise NotificationRefused(f"`{key}` of a notification is text.")
    text = cleaned(value)
    if len(text) > limit:
        raise NotificationRefused(f"`{key}` of the notification has {len(text)} characters; shorten it to {limit}.")
    return text
