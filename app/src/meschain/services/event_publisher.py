"""Tells the events that are kept, in their order, and remembers how far it came. Knows neither groups nor hubs.

Runs in one process at a time. Events are told first and marked afterwards, in a burst once for several tellings, so a
process that dies in between leaves them to be told again: at least once each, and clients drop an id that they know. A
telling that failed goes on where it stopped, as far as that is known. When nothing is going on an event is told at
once; in a burst, what is stored within a window is told together, which lets it share frames.

Where there are several ways to the clients, each has a loop of its own and its own position, so that one that fails or
hangs neither delays the others nor has them told again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from meschain.domain.events import StoredEvent
from meschain.services.options import EventOptions
from meschain.services.ports import ClientsUnreachable, Clock, KeptEvents, Publisher, Told
from meschain.services.waiting import Wakeup, within

_LAST_MARK_SECONDS: Final = 1.0
"""Less than a lost lease waits for its work (`LeaseOptions.stop_seconds`)."""

_log = logging.getLogger(__name__)


class EventPublisher:
    """The loop behind live events.

    Args:
        way: names the way to the clients behind `publisher`, where there are several; empty: the first.
    """

    def __init__(
        self,
        *,
        events: KeptEvents,
        publisher: Publisher,
        clock: Clock,
        options: EventOptions | None = None,
        way: str = "",
    ) -> None:
        self._way = way
        self._events = events
        self._publisher = publisher
        self._clock = clock
        self._options = options or EventOptions()
        self._wakeup = Wakeup(clock)
        self._marked = 0

    def wake(self) -> None:
        """There is something to tell. Returns at once."""
        self._wakeup.set()

    async def run(self) -> None:
        """Tell events for ever, from where it was left."""
        position = self._marked = await self._events.published(self._way)
        if self._way:
            # So that a new one, whose first batch fails, does not begin later the next time.
            await self._events.mark_published(position, self._way)
        mark_at = self._clock.monotonic()
        try:
            while True:
                begun = self._clock.monotonic()
                batch = await self._events.behind(position, self._options.batch)
                if not batch or begun >= mark_at:
                    await self._mark(position)
                    mark_at = begun + self._options.mark_seconds
                if not batch:
                    await self._wakeup.wait(self._options.poll_seconds)
                    continue
                await self._tell(batch)
                position = batch[-1].position
                if len(batch) < self._options.batch:
                    took = self._clock.monotonic() - begun
                    window = min(self._options.window_seconds, took / self._options.telling_share)
                    await self._clock.sleep(begun + window - self._clock.monotonic())
        finally:
            # A stop waits for no database, and is never mistaken for a fault of it: what is not marked is told again.
            with suppress(Exception):
                await within(self._clock, _LAST_MARK_SECONDS, self._mark(position))

    async def _mark(self, position: int) -> None:
        if position > self._marked:
            await self._events.mark_published(position, self._way)
            self._marked = position

    async def _tell(self, batch: Sequence[StoredEvent]) -> None:
        """Tell them together, tried again after pauses; at last one by one, so that one cannot hold up the others.

        While clients cannot be reached it is tried without end: those that are there would never know what they missed.
        """
        pause = self._options.first_pause_seconds
        attempt = 1
        told: Told = set()
        while attempt < self._options.attempts:
            try:
                await self._publisher.tell(batch, told)
            except ClientsUnreachable as error:
                _log.warning("%d events wait to be told: %s", len(batch), error)
                await self._clock.sleep(pause)
                pause = min(pause * 2, self._options.longest_pause_seconds)
            except Exception:  # noqa: BLE001 - boundary to the hubs
                _log.warning("%d events were not told, attempt %d", len(batch), attempt, exc_info=True)
                await self._clock.sleep(pause)
                pause = min(pause * 2, self._options.longest_pause_seconds)
                attempt += 1
            else:
                return
        for stored in batch:
            try:
                await self._publisher.tell([stored], told)
            except Exception:  # noqa: BLE001 - the same
                _log.exception(
                    "event %s at position %d is given up; who resumes still gets it",
                    stored.event.event_id,
                    stored.position,
                )
