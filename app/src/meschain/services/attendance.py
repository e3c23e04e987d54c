"""Tells the administrators who comes and who leaves: each person once, whatever the number of pages and processes.

Somebody has come with the first open connection, on any hub, and has left once there was none for a while. What was
told is stored, step by step, so that whoever goes on after a stop tells nothing twice and forgets nothing. The shop's
programs are not told of: they come for a moment, again and again. Knows no hub and no table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from meschain.domain.roles import Identity
from meschain.services.activity import ActivityService
from meschain.services.clock import iso_utc
from meschain.services.options import PresenceOptions
from meschain.services.ports import AttendanceStore, Attendee, Clock, Phase, WrittenConnections

_TEXTS = {Phase.COMING: ("connected", "{} is online."), Phase.GOING: ("disconnected", "{} has left.")}
"""Kind and text of the activity that tells it."""


class Attendance:
    """Looks who is there, and tells what is new."""

    def __init__(
        self,
        *,
        connections: WrittenConnections,
        store: AttendanceStore,
        activity: ActivityService,
        clock: Clock,
        options: PresenceOptions | None = None,
    ) -> None:
        self._connections = connections
        self._store = store
        self._activity = activity
        self._clock = clock
        self._options = options or PresenceOptions()

    async def run(self) -> None:
        """Look at every interval, for ever."""
        while True:
            await self.step()
            await self._clock.sleep(self._options.tell_seconds)

    async def step(self) -> None:
        """Store who came and who left, then tell it, then store that it was told."""
        known = {each.user_id: each for each in await self._store.attendees()}
        present = {who.user_id: who for who in await self._connections.people()}
        changed = changes(known, present, self._clock.now(), timedelta(seconds=self._options.grace_seconds))
        await self._store.save(changed)
        known |= {each.user_id: each for each in changed}
        untold = [each for each in known.values() if each.phase in _TEXTS]
        for attendee in untold[: self._options.told_at_once]:
            await self._tell(attendee)

    async def _tell(self, attendee: Attendee) -> None:
        kind, text = _TEXTS[attendee.phase]
        # The moment of the coming names the stay: telling it again, after a stop in the middle, changes nothing.
        about = f"{kind}:{attendee.user_id}:{iso_utc(attendee.since)}"
        details = {"role": attendee.role.value}
        await self._activity.tell(
            self._activity.compose(kind, attendee.name, text.format(attendee.name), details, about=about)
        )
        if attendee.phase is Phase.GOING:
            await self._store.forget([attendee.user_id])
        else:
            await self._store.save([replace(attendee, phase=Phase.HERE)])


def changes(
    known: Mapping[str, Attendee], present: Mapping[str, Identity], now: datetime, grace: timedelta
) -> Sequence[Attendee]:
    """What is to be stored. Pure.

    Whoever is going has left, even if they are back by now: they come anew once that is told.
    """
    changed = [
        Attendee(who.user_id, who.name, who.role, Phase.COMING, now, None)
        for user_id, who in present.items()
        if user_id not in known
    ]
    for attendee in known.values():
        if attendee.phase is not Phase.HERE:
            continue
        if attendee.user_id in present:
            if attendee.absent_since is not None:
                changed.append(replace(attendee, absent_since=None))
        elif attendee.absent_since is None:
            changed.append(replace(attendee, absent_since=now))
        elif now - attendee.absent_since >= grace:
            changed.append(replace(attendee, phase=Phase.GOING))
    return changed
