"""Compares what both sides delivered: whatever one of them brings, the other has to bring too, the same and in order.

Pure: time is an argument. Events that are kept have an id; anything else is told by its content. An event may be told
again, as long as both sides bring it as often.
"""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from meschain.domain.rollout import Side

PATIENCE_SECONDS: Final = 10.0
"""How much later one side may bring what the other has brought: a service may be slow, a process busy."""
SHOWN: Final = 50
"""Differences that are kept in words; all are counted."""
REMEMBERED: Final = 20_000
"""Ids of events that both have brought: a minute of the busiest shop."""

_Key = tuple[str, str, str]
"""Hub, target, and the event's id or the digest of what has none."""


@dataclass(slots=True)
class _Waiting:
    """Brought more often by one side than by the other, so far."""

    side: Side
    since: deque[float] = field(default_factory=deque)
    """Each time that it was."""


@dataclass(slots=True)
class _Event:
    """What is known of an event that is kept."""

    digest: str
    sides: set[Side] = field(default_factory=set)
    """Those that have brought it."""


class Comparison:
    """What both sides were heard to bring.

    Args:
        counts_from: what one of them brought before and the other did not is no difference: that may have listened
            later. None: not known yet.
    """

    def __init__(self, counts_from: float | None = None) -> None:
        self.counts_from = counts_from
        self.compared = 0
        """What both sides have brought."""
        self.different = 0
        """What they did not, or not alike."""
        self.shown: deque[str] = deque(maxlen=SHOWN)
        """The newest of these, in words."""
        self._waiting: OrderedDict[_Key, _Waiting] = OrderedDict()
        self._known: OrderedDict[_Key, _Event] = OrderedDict()
        self._positions: dict[tuple[Side, str], int] = {}

    def heard(self, side: Side, hub: str, target: str, payload: object, now: float) -> None:
        """One side brought this."""
        digest = sha256(json.dumps(payload, sort_keys=True, default=str).encode()).hexdigest()
        fields: Mapping[str, object] = payload if isinstance(payload, Mapping) else {}
        event_id, position = fields.get("eventId"), fields.get("position")
        if isinstance(event_id, str) and isinstance(position, int):
            key = (hub, target, event_id)
            self._look_at(side, key, position, digest)
        else:
            key = (hub, target, digest)
        self._weigh(side, key, now)

    def settle(self, now: float) -> None:
        """Give up what has been waited for long enough."""
        late = [key for key, waiting in self._waiting.items() if waiting.since[0] + PATIENCE_SECONDS <= now]
        for key in late:
            waiting = self._waiting.pop(key)
            other = waiting.side.other
            is_known = key in self._known and other in self._known[key].sides
            how = (
                f"once more on {waiting.side} than on {other}" if is_known else f"on {waiting.side} and not on {other}"
            )
            for at in waiting.since:
                if self.counts_from is not None and at >= self.counts_from:
                    self._differ(f"{_name(key)} came {how}")

    def _look_at(self, side: Side, key: _Key, position: int, digest: str) -> None:
        """See that an event that is kept says what it said before, and comes behind what happened before it."""
        event = self._known.setdefault(key, _Event(digest))
        if event.digest != digest:
            if side in event.sides:
                self._differ(f"{side} brought {_name(key)} again, and other than before")
            else:
                self._differ(f"{_name(key)} is not the same on both sides")
        if side not in event.sides:
            event.sides.add(side)
            self._in_order(side, key, position)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _weigh(self, side: Side, key: _Key, now: float) -> None:
        waiting = self._waiting.setdefault(key, _Waiting(side))
        if waiting.side is side:
            waiting.since.append(now)
            return
        waiting.since.popleft()
        if not waiting.since:
            del self._waiting[key]
        self.compared += 1

    def _in_order(self, side: Side, key: _Key, position: int) -> None:
        place = (side, key[0])
        if position < self._positions.get(place, 0):
            self._differ(f"{_name(key)} came on {side} behind what happened after it")
        self._positions[place] = max(position, self._positions.get(place, 0))

    def _differ(self, text: str) -> None:
        self.different += 1
        self.shown.append(text)


def _name(key: _Key) -> str:
    hub, target, identity = key
    return f"{target} {identity[:24]} of {hub}"
