"""Puts events of one marketplace side by side: neighbours travel in one frame to all who watch it. Pure.

Sales one after the other, each on another marketplace, would be a frame each; a burst of polled stock took so
longer to tell than to find.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from meschain.domain.events import NewEvent

_SEVERAL: Final = ""


def by_marketplace(events: Sequence[NewEvent]) -> list[NewEvent]:
    """The same events; those of one key stay in their order, of others nobody is promised one.

    A key of which several marketplaces hear has its events together, where all such are.
    """
    homes: dict[str, str] = {}
    for event in events:
        known = homes.setdefault(event.key, event.marketplace)
        if known != event.marketplace:
            homes[event.key] = _SEVERAL
    return sorted(events, key=lambda event: homes[event.key])
