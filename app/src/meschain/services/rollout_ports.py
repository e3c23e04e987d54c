"""The seams of a roll-out: plans, what is known of connections and of how each side does. Adapters: `state`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from meschain.domain.roles import Identity
from meschain.domain.rollout import Plan, Side
from meschain.services.ports import ConnectionKey, OpenConnection


class PlanStore(Protocol):
    """All versions of the plan. Suite: `PlanStoreSpec`."""

    async def current(self) -> Plan:
        """The newest version, as of now; version 0 where there is none."""

    async def add(self, plan: Plan) -> bool:
        """Keep another version; False: there is one of that number already."""

    async def history(self, limit: int) -> Sequence[Plan]:
        """The newest versions, newest first."""


class PlanChanged(Exception):
    """Somebody else changed the plan meanwhile; look at it and decide again."""


class PlanRefused(Exception):
    """The plan cannot be changed so; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class PlacedConnection:
    """An open hub connection, whose it is, and where it is held."""

    hub: str
    connection_id: str
    side: Side
    identity: Identity


class PlacedConnections(Protocol):
    """Open connections of both sides, as their events told. Suite: `PlacedConnectionsSpec`.

    An end that comes before its beginning is not known any more: what stays is found to be gone by whoever asks for
    those that nobody has heard of for long.
    """

    async def opened(self, connection: PlacedConnection) -> None:
        """Told twice is told once."""

    async def ended(self, hub: str, connection_id: str) -> None: ...

    async def open_among(self, keys: Sequence[ConnectionKey]) -> set[ConnectionKey]:
        """Those of them that are open; a few hundred at most."""

    async def page(self, after: tuple[str, str], limit: int) -> Sequence[PlacedConnection]:
        """Open ones behind this hub and id, in that order."""

    async def count(self) -> Mapping[Side, int]:
        """Open connections of each side."""

    async def unseen(self, before: datetime, limit: int) -> Sequence[OpenConnection]:
        """Open ones that nobody has heard of since `before`, those first that were not for the longest time."""

    async def seen(self, connection: OpenConnection) -> None:
        """It was there just now."""


class PlacedEnds(Protocol):
    """Placed connections whose end was told elsewhere."""

    async def take_over(self) -> int:
        """Some of them have ended here too; returns how many, 0 when there are no more."""


@dataclass(frozen=True, slots=True)
class SideCounts:
    """What happened on one side in some time, in all processes."""

    negotiated: int = 0
    """Clients sent there."""
    refused: int = 0
    """Clients that could not be sent there, as it gave no access."""
    connected: int = 0
    calls: int = 0
    """Hub methods called."""
    failed_calls: int = 0
    """By a fault of ours."""
    sends: int = 0
    failed_sends: int = 0
    """What did not go out to it."""

    def __add__(self, other: SideCounts) -> SideCounts:
        return SideCounts(
            self.negotiated + other.negotiated,
            self.refused + other.refused,
            self.connected + other.connected,
            self.calls + other.calls,
            self.failed_calls + other.failed_calls,
            self.sends + other.sends,
            self.failed_sends + other.failed_sends,
        )


class CountStore(Protocol):
    """What happened on each side, second by second, told by each process. Suite: `CountStoreSpec`."""

    async def add(self, node: str, second: int, counts: Mapping[Side, SideCounts]) -> None:
        """What this process counted by then; `second` since 1970, each once."""

    async def between(self, first: int, last: int) -> Mapping[Side, SideCounts]:
        """The sum of these seconds, both included."""

    def prune(self, before: datetime, keep: int) -> AsyncGenerator[int, None]:
        """As `Prunable`."""


class ConnectPermits(Protocol):
    """How many clients all processes send to green in a second. Suite: `ConnectPermitsSpec`."""

    async def take(self, wanted: int, limit: int) -> int:
        """Take as many as are wanted and left of `limit` within the last second; returns how many these are."""


class ReportStore(Protocol):
    """The last word of each part of a roll-out, for who looks at it from another process. Suite: `ReportStoreSpec`."""

    async def put(self, name: str, content: Mapping[str, object]) -> None: ...

    async def get(self, name: str) -> Mapping[str, object]:
        """Empty: nothing was said."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Who is sent to green whatever the percentage."""

    roles: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()
    marketplaces: tuple[str, ...] = ()


NOBODY: Final = Choice()


@dataclass(frozen=True, slots=True)
class RolloutStatus:
    """How it stands."""

    plan: Plan
    connections: Mapping[Side, int]
    figures: Mapping[str, object] = field(default_factory=dict)
    """The last word of the guards."""
    shadow: Mapping[str, object] = field(default_factory=dict)
    """The last word of the comparison."""


class RolloutUse(Protocol):
    """What people do with a roll-out. Each change is audited.

    Changes may raise PlanRefused; PlanChanged where the version that was looked at is given and is not the newest.
    """

    async def status(self) -> RolloutStatus: ...

    async def history(self, limit: int) -> Sequence[Plan]: ...

    async def start(
        self, who: str, *, percent: int = 0, choice: Choice = NOBODY, shadow: bool = False, version: int | None = None
    ) -> Plan:
        """Begin another roll-out."""

    async def advance(self, who: str, *, percent: int | None = None, version: int | None = None) -> Plan:
        """Turn the dial, up or down; None: to the next step. What was held goes on."""

    async def hold(self, who: str, reason: str = "", *, version: int | None = None) -> Plan:
        """Leave open connections where they are, and everybody on the side of today."""

    async def roll_back(self, who: str, reason: str = "") -> Plan:
        """Send and move everybody to blue, whatever was decided meanwhile."""
