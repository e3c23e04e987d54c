"""What people and programs did, stored first and then shown to the administrators. Knows no hub and no table."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final
from uuid import NAMESPACE_OID, uuid4, uuid5

from meschain.domain.payloads import UserActivity
from meschain.services.clock import iso_utc
from meschain.services.ports import ActivityStore, Clock, Publisher
from meschain.services.text import clip

_log = logging.getLogger(__name__)

TEXT_CHARACTERS: Final = 300
"""One sentence; the column's width."""
DETAIL_CHARACTERS: Final = 200
DETAILS: Final = 20


class ActivityService:
    """Records `UserActivity`."""

    def __init__(self, store: ActivityStore, publisher: Publisher, clock: Clock) -> None:
        self._store = store
        self._publisher = publisher
        self._clock = clock

    def compose(
        self, kind: str, user: str, text: str, details: Mapping[str, str] | None = None, about: str = ""
    ) -> UserActivity:
        """One as it would be recorded, for those who store its event together with what it tells of.

        Args:
            about: names the event behind it, so that recording it again changes nothing; empty: a new one.
        """
        shortened = {
            clip(key, DETAIL_CHARACTERS): clip(value, DETAIL_CHARACTERS)
            for key, value in list((details or {}).items())[:DETAILS]
        }
        return UserActivity(
            event_id=uuid5(NAMESPACE_OID, about).hex if about else uuid4().hex,
            kind=kind,
            user=clip(user, DETAIL_CHARACTERS),
            text=clip(text, TEXT_CHARACTERS),
            details=shortened,
            occurred_at=iso_utc(self._clock.now()),
        )

    async def keep(self, activity: UserActivity) -> None:
        """Put one among the recent ones whose event is stored already; that it cannot be is logged and is no error."""
        try:
            await self._store.add(activity)
        except Exception:  # noqa: BLE001 - boundary to our store: it is told, and what it tells of has been done
            _log.warning("activity %s is told but not among the recent ones", activity.event_id, exc_info=True)

    async def tell(self, activity: UserActivity) -> None:
        """Tell the administrators of a composed one, for those who try again. Raises: any error of the publisher."""
        await self._publisher.user_activity(activity)
        await self.keep(activity)

    async def record(
        self, kind: str, user: str, text: str, details: Mapping[str, str] | None = None, about: str = ""
    ) -> UserActivity:
        """Store it, then tell the administrators; that they could not be told is logged and is no error.

        Args:
            about: as in `compose`.
        """
        activity = self.compose(kind, user, text, details, about)
        await self._store.add(activity)
        try:
            await self._publisher.user_activity(activity)
        except Exception:  # noqa: BLE001 - boundary: it is stored, and what it tells of has been done
            _log.warning("activity %s was stored but not shown", activity.event_id, exc_info=True)
        return activity
