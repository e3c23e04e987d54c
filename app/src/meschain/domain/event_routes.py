"""Who hears of an event, and what it is then called. The one place that says so, live and when it is replayed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from meschain.domain.events import (
    ACTIVITY,
    ADMIN_HUB,
    ADMINS_GROUP,
    ALERT,
    INVENTORY,
    INVENTORY_UPDATE,
    MARKETPLACE_HUB,
    MARKETPLACE_SYNC_UPDATE,
    ORDER,
    ORDER_NOTIFICATION,
    SYNC,
    SYSTEM_ALERT,
    USER_ACTIVITY_UPDATE,
    NewEvent,
    StoredEvent,
    marketplace_group,
)

EVENT_HUBS: Final = (MARKETPLACE_HUB, ADMIN_HUB)
"""The hubs that hear of events."""

TARGETS: Final[Mapping[str, str]] = {
    ORDER: ORDER_NOTIFICATION,
    INVENTORY: INVENTORY_UPDATE,
    ACTIVITY: USER_ACTIVITY_UPDATE,
    SYNC: MARKETPLACE_SYNC_UPDATE,
    ALERT: SYSTEM_ALERT,
}
"""What an event of each kind is called on the wire."""

FRAME_EVENTS: Final = 100
"""Told in one frame at most: some 50 KB, which a page reads in one go, and a twentieth of what may wait for it."""

_OF_A_MARKETPLACE: Final = frozenset({ORDER, INVENTORY, SYNC})


def group_of(event: NewEvent, hub: str) -> str | None:
    """The group of the hub that hears of it; None: nobody there. Administrators hear of everything."""
    if hub == ADMIN_HUB:
        return ADMINS_GROUP
    if hub == MARKETPLACE_HUB and event.kind in _OF_A_MARKETPLACE and event.marketplace:
        return marketplace_group(event.marketplace)
    return None


def in_frames(events: Sequence[StoredEvent]) -> Iterator[Sequence[StoredEvent]]:
    """The events in their order, as many at a time as travel together."""
    for start in range(0, len(events), FRAME_EVENTS):
        yield events[start : start + FRAME_EVENTS]


def runs(events: Sequence[StoredEvent], hub: str) -> Iterator[tuple[str, Sequence[StoredEvent]]]:
    """Neighbours of one group, as many as travel together, with the group; what nobody on the hub hears is left out.

    Neighbours only: so a connection in two groups gets all in one order, and its last position speaks for all of them.
    """

    def group(stored: StoredEvent) -> str | None:
        return group_of(stored.event, hub)

    for name, run in groupby(events, group):
        if name is not None:
            for some in in_frames(list(run)):
                yield name, some


def calls_of(events: Sequence[StoredEvent], *, replayed: bool = False) -> list[tuple[str, Sequence[object]]]:
    """Each as target and arguments; its payload has the fields of `domain.payloads.EventStamp` beside its own."""
    return [(TARGETS[stored.event.kind], (stamped(stored, replayed=replayed),)) for stored in events]


def stamped(stored: StoredEvent, *, replayed: bool = False) -> dict[str, object]:
    """The payload as it is told."""
    stamp: dict[str, object] = {"eventId": stored.event.event_id, "position": stored.position}
    if replayed:
        stamp["replayed"] = True
    return {**stored.event.payload, **stamp}
