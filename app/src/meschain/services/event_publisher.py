"""Tells the events that are kept, in their order, and remembers how far it came. Knows neither groups nor hubs.

Runs in one process at a time. Events are told first and marked afterwards, once for several tellings and beside those
that follow: a process that dies in between leaves them to be told again, at least once each, and clients drop an id
that they know. A telling that failed goes on where it stopped, as far as that is known. When nothing is going on an
event is told at once; in a burst, what is stored within a window is told together, which lets it share frames.

Where there are several ways to the clients, each has a loop of its own and its own position, so that one that fails or
hangs neither delays the others nor has them told again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, cast

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
        self._told = self._marked = 0
        """Positions: how far events were told, and how far that is written down."""
        self._is_ahead = asyncio.Event()
        """More was told than is written down."""

    def wake(self) -> None:
        """There is something to tell. Returns at once."""
        self._wakeup.set()

    async def run(self) -> None:
        """Tell events for ever, from where it was left."""
        self._told = self._marked = await self._events.published(self._way)
        if self._way:
            # So that a new one, whose first batch fails, does not begin later the next time.
            await self._events.mark_published(self._told, self._way)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._mark_now_and_then())
                await self._tell_all()
        finally:
            # A stop waits for no database, and is never mistaken for a fault of it: what is not marked is told again.
            with suppress(Exception):
                await within(self._clock, _LAST_MARK_SECONDS, self._mark())

    async def _tell_all(self) -> None:
        while True:
            begun = self._clock.monotonic()
            batch = await self._events.behind(self._told, self._options.batch)
            if not batch:
                await self._wakeup.wait(self._options.poll_seconds)
                continue
            await self._tell(batch)
            self._told = batch[-1].position
            self._is_ahead.set()
            if len(batch) < self._options.batch:
                took = self._clock.monotonic() - begun
                window = min(self._options.window_seconds, took / self._options.telling_share)
                await self._clock.sleep(begun + window - self._clock.monotonic())

    async def _mark_now_and_then(self) -> None:
        """In a task of its own: what is to be told next does not wait until the database has written."""
        pause = self._options.mark_seconds
        while True:
            await self._is_ahead.wait()
            self._is_ahead.clear()
            try:
                await self._mark()
            except Exception as error:
                if cast("asyncio.Task[None]", asyncio.current_task()).cancelling():
                    raise  # a driver's word for that
                _log.warning("how far events were told cannot be written down: %s", error)
                self._is_ahead.set()
                pause = min(pause * 2, self._options.longest_pause_seconds)
            else:
                pause = self._options.mark_seconds
            await self._clock.sleep(pause)

    async def _mark(self) -> None:
        position = self._told
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
