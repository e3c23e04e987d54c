"""Syncs that begin by themselves: every so many minutes, for each marketplace.

The next time of a schedule is counted from its last one, not from when somebody looked, so it does not drift. Times
that passed while nobody looked are one sync. The job of a time is named by it, so that who finds it twice, or in two
processes, begins one; only then the next time is stored. Knows no route; who may set a schedule is checked before.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import NAMESPACE_OID, uuid5

from meschain.domain.marketplaces import MARKETPLACES
from meschain.domain.roles import Identity, Role
from meschain.services.clock import iso_utc
from meschain.services.errors import ScheduleRefused, SyncRefused
from meschain.services.options import SyncOptions
from meschain.services.ports import AuditStore, Clock, SyncSchedule, SyncScheduleStore
from meschain.services.sync import SyncService

_log = logging.getLogger(__name__)

SCHEDULE: Final = Identity("service:schedule", "Schedule", Role.SERVICE)
"""Who asks for the syncs of a schedule."""


class SyncSchedules:
    """The schedules, and the loop that begins what is due. It may run in one process or several."""

    def __init__(
        self,
        *,
        schedules: SyncScheduleStore,
        sync: SyncService,
        audit: AuditStore,
        clock: Clock,
        options: SyncOptions | None = None,
    ) -> None:
        self._schedules = schedules
        self._sync = sync
        self._audit = audit
        self._clock = clock
        self._options = options or SyncOptions()

    async def of(self, marketplaces: Sequence[str]) -> Sequence[SyncSchedule]:
        """One for each of these marketplaces; off where nobody set any."""
        stored = {schedule.marketplace: schedule for schedule in await self._schedules.schedules()}
        return [stored.get(code) or SyncSchedule(code, 0, None, "") for code in marketplaces]

    async def set(self, identity: Identity, marketplace: str, every_minutes: object) -> SyncSchedule:
        """Sync it every so many minutes from now on, 0: not by itself; audited. Raises: ScheduleRefused."""
        details: dict[str, object] = {"marketplace": marketplace}
        try:
            minutes = details["everyMinutes"] = self._checked(marketplace, every_minutes)
        except ScheduleRefused as refused:
            await self._audit.add(identity.user_id, "ScheduleSync", details, f"refused: {refused}")
            raise
        next_at = self._clock.now() + timedelta(minutes=minutes) if minutes else None
        schedule = SyncSchedule(marketplace, minutes, next_at, identity.user_id)
        await self._schedules.put(schedule)
        await self._audit.add(identity.user_id, "ScheduleSync", details, "ok")
        return schedule

    def _checked(self, marketplace: str, every_minutes: object) -> int:
        if marketplace not in MARKETPLACES:
            raise ScheduleRefused(f"A schedule needs a marketplace: one of {', '.join(MARKETPLACES)}.")
        shortest, longest = self._options.shortest_schedule_minutes, self._options.longest_schedule_minutes
        if isinstance(every_minutes, bool) or not isinstance(every_minutes, int):
            raise ScheduleRefused("everyMinutes is a whole number.")
        if every_minutes != 0 and not shortest <= every_minutes <= longest:
            raise ScheduleRefused(f"everyMinutes lies between {shortest} and {longest}, or is 0 for never.")
        if every_minutes and not self._sync.can_sync(marketplace):
            raise ScheduleRefused(f"Nothing is set up to sync it; configure sync_endpoints.{marketplace}.")
        return every_minutes

    async def run(self) -> None:
        """Begin what is due, for ever."""
        while True:
            try:
                await self.begin_due()
            except Exception:  # noqa: BLE001 - boundary to our store: the next look finds what is due
                _log.exception("schedules of syncs could not be looked at")
            await self._clock.sleep(self._options.schedule_poll_seconds)

    async def begin_due(self) -> None:
        """Begin each sync whose time has come."""
        now = self._clock.now()
        for schedule in await self._schedules.schedules():
            if schedule.next_at is None or schedule.next_at > now:
                continue
            name = uuid5(NAMESPACE_OID, f"schedule {schedule.marketplace} {iso_utc(schedule.next_at)}").hex
            try:
                await self._sync.start(SCHEDULE, schedule.marketplace, name)
            except SyncRefused as refused:
                _log.warning("the schedule of %s begins nothing: %s", schedule.marketplace, refused)
            await self._schedules.advance(schedule, _next(schedule.next_at, schedule.every_minutes, now))


def _next(due: datetime, every_minutes: int, now: datetime) -> datetime:
    """The first of its times that is still to come."""
    every = timedelta(minutes=every_minutes)
    return due + every * ((now - due) // every + 1)
