"""Carries what happens in the shop into the log of events, with the positions that led there. Knows no shop's table.

Positions move together with the events, so a stop at any moment loses nothing and stores nothing twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing

import msgspec

from meschain.domain.events import ACTIVITY, NewEvent
from meschain.domain.payloads import UserActivity
from meschain.services.options import CaptureOptions
from meschain.services.ports import (
    ActivityStore,
    CaptureImpossible,
    Changes,
    ChangeSource,
    Clock,
    EventLog,
    ShopUnavailable,
)

_log = logging.getLogger(__name__)


class ChangeCapture:
    """Follows the shop by the first of its sources that is possible.

    Args:
        sources: the preferred one first; the last one has to be possible everywhere.
        refresh: called after each batch with events, so that the figures follow.
    """

    def __init__(
        self,
        *,
        sources: Sequence[ChangeSource],
        events: EventLog,
        activity: ActivityStore,
        refresh: Callable[[], None],
        clock: Clock,
        options: CaptureOptions | None = None,
    ) -> None:
        self._sources = sources
        self._events = events
        self._activity = activity
        self._refresh = refresh
        self._clock = clock
        self._options = options or CaptureOptions()
        self._pause = self._options.first_pause_seconds

    async def run(self) -> None:
        """Store changes for ever; when the shop is not there, begin anew after a pause."""
        chosen = 0
        until: float | None = None
        while True:
            source = self._sources[chosen]
            try:
                await self._follow(source, until)
            except ShopUnavailable as error:
                _log.warning("changes of the shop cannot be followed, trying again in %g s: %s", self._pause, error)
                await self._clock.sleep(self._pause)
                self._pause = min(self._pause * 2, self._options.longest_pause_seconds)
            except CaptureImpossible as error:
                if chosen == len(self._sources) - 1:
                    raise
                chosen += 1
                until = self._clock.monotonic() + self._options.retry_seconds
                instead = self._sources[chosen].name
                _log.error("changes of the shop are followed by %s, not by %s: %s", instead, source.name, error)
            else:
                chosen, until = 0, None

    async def _follow(self, source: ChangeSource, until: float | None) -> None:
        """Store what it finds, until then; None: for ever."""
        async with aclosing(source.changes()) as batches:
            async for changes in batches:
                await self._store(changes)
                self._pause = self._options.first_pause_seconds
                if until is not None and self._clock.monotonic() >= until:
                    return

    async def _store(self, changes: Changes) -> None:
        if changes.events:
            # Before the positions move: an activity that is known already is no second one.
            for activity in _activities(changes.events)[-self._options.shown :]:
                await self._activity.add(activity)
        if changes.events or changes.cursors:
            await self._events.append(changes.events, changes.cursors)
        if changes.events:
            self._refresh()


def _activities(events: Sequence[NewEvent]) -> list[UserActivity]:
    return [msgspec.convert(event.payload, UserActivity) for event in events if event.kind == ACTIVITY]
