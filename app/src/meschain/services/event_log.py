"""What producers of events are given: stores them, and wakes whoever tells them. Knows nobody who is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from meschain.domain.events import NewEvent
from meschain.services.ports import EventLog


class TellingEventLog:
    """`services.ports.EventLog` over another.

    Args:
        wake: called once there is something to tell; that it is missed is no harm, for there is also a regular look.
    """

    def __init__(self, log: EventLog, wake: Callable[[], None]) -> None:
        self._log = log
        self.wake = wake
        """For those whose events are stored together with what is their own."""

    async def append(self, events: Sequence[NewEvent], cursors: Mapping[str, str] = MappingProxyType({})) -> None:
        await self._log.append(events, cursors)
        if events:
            self.wake()
