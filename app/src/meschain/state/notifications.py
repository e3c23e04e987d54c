"""The store of notifications on our own database. Bounded per user.

Acknowledged rows are deleted by age and number (`prune`), pending ones after a year.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, bindparam, func, insert, or_, select, update

from meschain.domain.payloads import Notification
from meschain.services.clock import iso_utc
from meschain.services.ports import Clock, NotificationsFull
from meschain.state.database import Database
from meschain.state.pruning import prune_rows
from meschain.state.sharing import SharedReads
from meschain.state.tables import notifications

PENDING_LIMIT: Final = 100
"""Pending notifications of one user: more than anybody reads at a connect."""
_UNREAD_DAYS: Final = 365
"""What nobody read in a year is no news, and users who never come may be named without end."""

# Made once, as in `login_sessions`.
_PENDING: Final = (
    select(notifications)
    .where(
        notifications.c.user_id.in_(bindparam("users", expanding=True)),
        notifications.c.acknowledged_at.is_(None),
    )
    .order_by(notifications.c.sequence)
)


class SqlNotificationStore:
    """`services.ports.NotificationStore` in the table of notifications."""

    def __init__(self, database: Database, clock: Clock, pending_limit: int = PENDING_LIMIT) -> None:
        self._database = database
        self._clock = clock
        self._pending_limit = pending_limit
        # Each connect asks it.
        self._pending = SharedReads(self._read_pending)

    async def add(self, notification: Notification) -> None:
        pending = (notifications.c.user_id == notification.user_id, notifications.c.acknowledged_at.is_(None))
        count = select(func.count()).select_from(notifications).where(*pending)
        oldest_sent = select(func.min(notifications.c.sequence)).where(*pending, notifications.c.sent_at.is_not(None))
        values = {
            "id": notification.id,
            "user_id": notification.user_id,
            "title": notification.title,
            "message": notification.message,
            "type": notification.type,
            "duration": notification.duration,
            "persistent": notification.persistent,
            "created_at": datetime.fromisoformat(notification.created_at),
        }
        async with self._database.begin() as connection:
            if (await connection.scalar(count) or 0) >= self._pending_limit:
                # Read first: MySQL does not update a table that a part of the same statement reads.
                giving_way = await connection.scalar(oldest_sent)
                if giving_way is None:
                    raise NotificationsFull(
                        f"This user has {self._pending_limit} notifications that never went out; "
                        "wait until the user has been online."
                    )
                done = update(notifications).where(notifications.c.sequence == giving_way)
                await connection.execute(done.values(acknowledged_at=self._clock.now()))
            await connection.execute(insert(notifications).values(**values))

    async def pending(self, user_id: str) -> Sequence[Notification]:
        return await self._pending.get(user_id)

    async def _read_pending(self, user_ids: Sequence[str]) -> Mapping[str, Sequence[Notification]]:
        found: dict[str, list[Notification]] = {user_id: [] for user_id in user_ids}
        async with self._database.connect() as connection:
            for row in await connection.execute(_PENDING, {"users": list(user_ids)}):
                if row.user_id in found:  # MySQL takes a name with a space behind it for the same
                    found[row.user_id].append(_notification(row))
        return {user_id: pending[:PENDING_LIMIT] for user_id, pending in found.items()}

    async def acknowledge(self, user_id: str, notification_id: str) -> bool:
        command = (
            update(notifications)
            .where(
                notifications.c.id == notification_id,
                notifications.c.user_id == user_id,
                notifications.c.acknowledged_at.is_(None),
            )
            .values(acknowledged_at=self._clock.now())
        )
        async with self._database.begin() as connection:
            return (await connection.execute(command)).rowcount == 1

    async def mark_sent(self, notification_ids: Sequence[str]) -> None:
        command = (
            update(notifications)
            .where(notifications.c.id.in_(notification_ids), notifications.c.sent_at.is_(None))
            .values(sent_at=self._clock.now())
        )
        async with self._database.begin() as connection:
            await connection.execute(command)

    async def users_with_unsent(self, created_before: datetime, after: str, limit: int) -> Sequence[str]:
        query = (
            select(notifications.c.user_id)
            .where(
                notifications.c.sent_at.is_(None),
                notifications.c.acknowledged_at.is_(None),
                notifications.c.user_id > after,
                notifications.c.created_at < created_before,
            )
            .distinct()
            .order_by(notifications.c.user_id)
            .limit(limit)
        )
        async with self._database.connect() as connection:
            return list((await connection.scalars(query)).all())

    async def unsent(self, user_id: str, created_before: datetime) -> Sequence[Notification]:
        query = (
            select(notifications)
            .where(
                notifications.c.user_id == user_id,
                notifications.c.acknowledged_at.is_(None),
                notifications.c.sent_at.is_(None),
                notifications.c.created_at < created_before,
            )
            .order_by(notifications.c.sequence)
            .limit(PENDING_LIMIT)
        )
        async with self._database.connect() as connection:
            return [_notification(row) for row in await connection.execute(query)]

    async def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        """As the port; pending ones are needed until nobody has asked for them for a year."""
        unread_since = self._clock.now() - timedelta(days=_UNREAD_DAYS)
        async for deleted in prune_rows(
            self._database,
            notifications,
            key=[notifications.c.sequence],
            order=notifications.c.sequence,
            moment=notifications.c.created_at,
            before=before,
            keep=keep,
            needless=or_(notifications.c.acknowledged_at.is_not(None), notifications.c.created_at < unread_since),
        ):
            yield deleted


def _notification(row: Row[Any]) -> Notification:
    return Notification(
        id=row.id,
        user_id=row.user_id,
        message=row.message,
        type=row.type,
        title=row.title,
        duration=row.duration,
        persistent=row.persistent,
        created_at=iso_utc(row.created_at),
    )
