"""Decides which events of a delivery are told: each id once, and none behind a newer one of the same object. Pure.

An object is what events are about, of one kind: an order, or an article's stock. "Newer" is by the moments that the
vendor gives, because deliveries come in any order. What is older is stored and not told: it would show the past as the
present. Two of the same moment are both told, in the order of their deliveries.
"""

from __future__ import annotations

from datetime import datetime

from meschain.domain.events import NewEvent
from meschain.services.dedupe_keys import key_of
from meschain.services.webhook_ports import Settled


def object_of(event: NewEvent) -> str:
    """What the event is about, as the store of the inbox calls it."""
    return key_of(event.kind, event.marketplace, event.key)


class Settling:
    """Settles a batch, one event after the other, on what was known before it."""

    def __init__(self, before: Settled) -> None:
        self._told = set(before.told)
        self._newest = dict(before.newest)
        self.told: list[str] = []
        """Ids that are told because of this batch."""
        self.newest: dict[str, datetime] = {}
        """Objects whose newest moment this batch has moved."""

    def is_told(self, event_id: str) -> bool:
        """Whether it was told before, or in this batch."""
        return event_id in self._told

    def tell(self, event_id: str) -> None:
        """It is told now."""
        self._told.add(event_id)
        self.told.append(event_id)

    def verdict(self, event: NewEvent) -> str:
        """`told`: it is to be told and counts as told from now on; `known`: it was; `stale`: a newer one was."""
        if event.event_id in self._told:
            return "known"
        about = object_of(event)
        newest = self._newest.get(about)
        if newest is not None and event.occurred_at < newest:
            return "stale"
        self.tell(event.event_id)
        self._newest[about] = self.newest[about] = event.occurred_at
        return "told"
