"""What publishers outside of us are given: their alerts come into the book, and then all events into the log.

The book comes first: after a crash in between the publisher has no answer and sends the same again, which the book
knows by its id; if it does not, the book's own rest is told. Knows no publisher.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from meschain.domain.alerts import FIRING
from meschain.domain.events import ALERT, NewEvent
from meschain.services.alert_ports import AlertBook
from meschain.services.alerts import AlertService
from meschain.services.ports import EventLog


class BookedEventLog:
    """`services.ports.EventLog` over another."""

    def __init__(self, log: EventLog, alerts: AlertService, book: AlertBook) -> None:
        self._log = log
        self._alerts = alerts
        self._book = book

    async def append(self, events: Sequence[NewEvent], cursors: Mapping[str, str] = MappingProxyType({})) -> None:
        raised = [event for event in events if event.kind == ALERT]
        for event in raised:
            await self._alerts.book_published(event)
        await self._log.append(events, cursors)
        for event in raised:
            await self._book.mark_told(event.event_id, FIRING)
