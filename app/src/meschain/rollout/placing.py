"""Sends each client to the side that the plan says, and notes on which side each connection is held.

Knows plans and identities, and nothing of what holds a side's connections.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hubwire import ConnectedNext, DisconnectedNext, HubCallerContext, HubFilter, InvocationContext, InvokeNext
from hubwire.hub.failures import is_expected
from meschain.auth.claims import identity_of
from meschain.auth.ports import AccessUnavailable, ClientAccess
from meschain.domain.payloads import NegotiateAnswer
from meschain.domain.roles import Identity
from meschain.domain.rollout import PROBE_PREFIX, Side
from meschain.rollout.admission import Admission
from meschain.rollout.meter import SideMeter
from meschain.services.rollout_ports import PlacedConnection, PlacedConnections, PlanStore, SideCounts

_NEGOTIATED: Final = SideCounts(negotiated=1)
_REFUSED: Final = SideCounts(refused=1)
_CONNECTED: Final = SideCounts(connected=1)
_CALL: Final = SideCounts(calls=1)
_FAILED_CALL: Final = SideCounts(calls=1, failed_calls=1)
_KNOWN: Final = 20_000
"""Connections remembered as noted: more than a process holds; beyond it they are noted again, which changes nothing."""


class PlannedAccess:
    """`ClientAccess` to the side of the plan, read anew for each client, so that it holds from the next one on.

    Args:
        sides: lets a client in at each side.
        admission: to green; those who are not let through are to come again.
    """

    def __init__(
        self,
        plans: PlanStore,
        sides: Mapping[Side, ClientAccess],
        meter: SideMeter,
        admission: Admission,
    ) -> None:
        self._plans = plans
        self._sides = sides
        self._meter = meter
        self._admission = admission

    async def issue(
        self, hub: str, identity: Identity, lifetime_seconds: float, session_id: str | None = None
    ) -> NegotiateAnswer:
        """As the port. Raises also: Throttled."""
        side = (await self._plans.current()).side_of(identity)
        if side is Side.GREEN:
            await self._admission.enter()
        try:
            answer = await self._sides[side].issue(hub, identity, lifetime_seconds, session_id)
        except AccessUnavailable:
            self._meter.count(side, _REFUSED)
            raise
        self._meter.count(side, _NEGOTIATED)
        return answer


class PlaceFilter(HubFilter):
    """Stands outermost before the hubs of one side."""

    def __init__(self, side: Side, connections: PlacedConnections, meter: SideMeter) -> None:
        self._side = side
        self._connections = connections
        self._meter = meter
        self._noted: dict[tuple[str, str], None] = {}

    async def connected(self, context: HubCallerContext, proceed: ConnectedNext, /) -> None:
        await proceed(context)
        if not _is_probe(context):
            await self._note(context)
            self._meter.count(self._side, _CONNECTED)

    async def invoke(self, call: InvocationContext, proceed: InvokeNext, /) -> object:
        # One that a service held before there were two sides is met here for the first time.
        if not _is_probe(call.context):
            await self._note(call.context)
        try:
            result = await proceed(call)
        except Exception as error:
            self._meter.count(self._side, _CALL if is_expected(error) else _FAILED_CALL)
            raise
        self._meter.count(self._side, _CALL)
        return result

    async def disconnected(
        self, context: HubCallerContext, error: BaseException | None, proceed: DisconnectedNext, /
    ) -> None:
        key = (context.caller.hub, context.connection_id)
        self._noted.pop(key, None)
        if not _is_probe(context):
            await self._connections.ended(*key)
        await proceed(context, error)

    async def _note(self, context: HubCallerContext) -> None:
        key = (context.caller.hub, context.connection_id)
        if key in self._noted or context.user_id is None:
            return
        identity = identity_of(context.user_id, context.claims)
        await self._connections.opened(PlacedConnection(*key, self._side, identity))
        self._noted[key] = None
        if len(self._noted) > _KNOWN:
            del self._noted[next(iter(self._noted))]


def _is_probe(context: HubCallerContext) -> bool:
    return (context.user_id or "").startswith(PROBE_PREFIX)
