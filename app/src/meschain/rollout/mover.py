"""Moves open connections to the side of the plan, a few at a time: told first, and closed at the deadline.

Runs in one process at a time. Clients that know `serverMoving` are on the other side before they leave; others come
again through negotiate when they are closed. Knows plans and connections, and neither hubs nor planes.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from random import Random, SystemRandom
from typing import Final, Protocol

from meschain.domain.payloads import ServerMoving
from meschain.domain.rollout import Plan, PlanState, Side
from meschain.services.clock import iso_utc
from meschain.services.options import RolloutOptions
from meschain.services.ports import Clock
from meschain.services.rollout_ports import PlacedConnection, PlacedConnections, PlanStore
from meschain.services.waiting import Pace

REASON: Final = "rollout"
_MOVING: Final = frozenset({PlanState.RUNNING, PlanState.ROLLED_BACK})

_log = logging.getLogger(__name__)

_LEAST_UNDER_WAY: Final = 10

Key = tuple[str, str]
"""Hub and connection id."""


class Clients(Protocol):
    """The way to connections of one side."""

    async def tell_moving(self, side: Side, hub: str, connection_ids: Sequence[str], moving: ServerMoving) -> None:
        """Returns when accepted. Raises: any error where the side is not reached."""

    async def close(self, side: Side, hub: str, connection_ids: Sequence[str]) -> None:
        """End them with leave to come again. Raises: the same."""


class Mover:
    """The loop behind live moves.

    Args:
        per_second: how many connections are told, or closed, in a second.
    """

    def __init__(
        self,
        *,
        plans: PlanStore,
        connections: PlacedConnections,
        clients: Clients,
        clock: Clock,
        per_second: float,
        options: RolloutOptions | None = None,
        random: Random | None = None,
    ) -> None:
        self._plans = plans
        self._connections = connections
        self._clients = clients
        self._clock = clock
        self._options = options or RolloutOptions()
        self._step = max(1, round(per_second * self._options.step_seconds))
        self._per_second = per_second
        self._random = random or SystemRandom()
        self._version = -1
        self._looks_at = 0.0
        self._told: dict[Key, float] = {}
        """Connections that were told, and when their time is over; never while they are being told or closed."""
        self._under_way: dict[Key, float] = {}
        """Those of them that may be moving just now, and when they were told."""
        self._waiting: list[tuple[PlacedConnection, bool]] = []
        """What is to be done, and whether it is to be closed rather than told; from the end."""
        self._telling: set[asyncio.Task[None]] = set()
        """What is on its way to a side: of a service each connection is a request, and the next step waits for none."""
        self._sending = 0
        """Connections that these are for."""

    async def run(self) -> None:
        """Move for ever."""
        pace = Pace(self._clock, self._options.step_seconds)
        try:
            while True:
                try:
                    await self.step()
                except Exception:  # noqa: BLE001 - boundary to the database; the next step tries again
                    _log.warning("connections could not be moved now", exc_info=True)
                await pace.next()
        finally:
            for task in self._telling:
                task.cancel()
            await asyncio.gather(*self._telling, return_exceptions=True)

    async def step(self) -> None:
        """Look where it is time for it, then tell or close as many as may be."""
        plan = await self._plans.current()
        now = self._clock.monotonic()
        if plan.version != self._version or now >= self._looks_at:
            await self._look(plan)
        if self._waiting:
            # A side that hangs gets no more than it would have to do at once.
            room = self._most_under_way(plan) - max(await self._count_under_way(), self._sending)
            batch = [self._waiting.pop() for _ in range(min(self._step, room, len(self._waiting)))]
            if batch:
                self._move(batch)
            if not self._waiting:
                self._looks_at = min(self._looks_at, self._clock.monotonic() + self._options.look_seconds)

    def _most_under_way(self, plan: Plan) -> int:
        options = self._options
        is_back = plan.state is PlanState.ROLLED_BACK
        seconds = options.back_under_way_seconds if is_back else options.under_way_seconds
        return max(_LEAST_UNDER_WAY, round(self._per_second * seconds))

    async def _count_under_way(self) -> int:
        """Those that were told a moment ago and have not left yet; who takes longer does not know the word."""
        since = self._clock.monotonic() - self._options.settle_seconds
        recent = [key for key, told_at in self._under_way.items() if told_at > since]
        still = await self._connections.open_among(recent) if recent else set()
        self._under_way = {key: self._under_way[key] for key in recent if key in still}
        return len(self._under_way)

    async def _look(self, plan: Plan) -> None:
        now = self._clock.monotonic()
        self._version = plan.version
        misplaced = await self._misplaced(plan) if plan.state in _MOVING else {}
        self._told = {key: until for key, until in self._told.items() if key in misplaced}
        waiting = [connection for key, connection in misplaced.items() if key not in self._told]
        late = [connection for key, connection in misplaced.items() if now >= self._told.get(key, math.inf)]
        # So that neither a hub nor the eldest connections are all at the front.
        self._random.shuffle(waiting)
        self._waiting = [*((each, False) for each in waiting), *((each, True) for each in late)]
        # While some wait, another look would find those that are being moved.
        is_soon = misplaced and not self._waiting
        self._looks_at = now + (self._options.look_seconds if is_soon else self._options.idle_seconds)

    async def _misplaced(self, plan: Plan) -> Mapping[Key, PlacedConnection]:
        found: dict[Key, PlacedConnection] = {}
        after = ("", "")
        while page := await self._connections.page(after, self._options.page):
            after = (page[-1].hub, page[-1].connection_id)
            for connection in page:
                if plan.side_of(connection.identity) is not connection.side:
                    found[connection.hub, connection.connection_id] = connection
        return found

    def _move(self, batch: Sequence[tuple[PlacedConnection, bool]]) -> None:
        """Begin to tell or to close these."""
        together: dict[tuple[Side, str, bool], list[str]] = {}
        for connection, is_late in batch:
            together.setdefault((connection.side, connection.hub, is_late), []).append(connection.connection_id)
        now = self._clock.monotonic()
        for (side, hub, is_late), ids in together.items():
            self._told |= dict.fromkeys(((hub, each) for each in ids), math.inf)
            if not is_late:
                self._under_way |= dict.fromkeys(((hub, each) for each in ids), now)
            self._sending += len(ids)
            task = asyncio.create_task(self._tell(side, hub, ids, is_late=is_late))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _tell(self, side: Side, hub: str, ids: Sequence[str], *, is_late: bool) -> None:
        """Tell or close these; of a side that is not reached, a later look finds them again."""
        seconds = self._options.deadline_seconds
        moving = ServerMoving(deadline=iso_utc(self._clock.now() + timedelta(seconds=seconds)), reason=REASON)
        accepted = False
        try:
            if is_late:
                await self._clients.close(side, hub, ids)
            else:
                await self._clients.tell_moving(side, hub, ids, moving)
            accepted = True
        except Exception:  # noqa: BLE001 - boundary to a side, which may be away
            _log.warning("%d connections of the %s side could not be moved now", len(ids), side, exc_info=True)
            self._put_off(side, hub)
        finally:
            self._sending -= len(ids)
            self._note([(hub, each) for each in ids], accepted=accepted, is_late=is_late)

    def _note(self, keys: Sequence[Key], *, accepted: bool, is_late: bool) -> None:
        now = self._clock.monotonic()
        for key in keys:
            if accepted:  # one that is closed and is still there gets another deadline
                self._told[key] = now + self._options.deadline_seconds
            elif is_late:
                self._told[key] = now  # its time is over as it was
            else:
                self._told.pop(key, None)
                self._under_way.pop(key, None)

    def _put_off(self, side: Side, hub: str) -> None:
        """Leave the others of this hub and side alone for a moment; what waits for another one goes on."""
        self._waiting = [each for each in self._waiting if (each[0].side, each[0].hub) != (side, hub)]
        retry_at = self._clock.monotonic() + self._options.retry_seconds
        self._looks_at = max(self._looks_at, retry_at) if self._waiting else retry_at
