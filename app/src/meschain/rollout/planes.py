"""The way to the clients of both sides: a side that nobody is sent to may fail, and each side's sends are counted.

Knows data planes, and nothing of what is sent.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from hubwire import Audience, BrokerUnavailable, Connected, DataPlane, Member
from hubwire.errors import FanOutFailed, NodeTimeout, ServiceRefused
from hubwire.plane.fan_out import FanOutDataPlane
from hubwire.wire.encoded import EncodedMessage
from meschain.domain.rollout import Side
from meschain.rollout.meter import SideMeter
from meschain.services.ports import Clock
from meschain.services.rollout_ports import SideCounts
from meschain.services.waiting import within

PATIENCE_SECONDS: Final = 2.0
"""How long whoever goes through both sides at once waits for one that hangs: a service answers in milliseconds, and the
figures for the other side are due every few seconds."""

_UNREACHABLE: Final = (BrokerUnavailable, NodeTimeout, ServiceRefused)
_SENT: Final = SideCounts(sends=1)
_NOT_SENT: Final = SideCounts(sends=1, failed_sends=1)

_ResultT = TypeVar("_ResultT")

_log = logging.getLogger(__name__)


class SidePlane:
    """Implements `DataPlane` on one side's.

    Args:
        is_relied_on: whether the plan sends anybody to this side. What fails on one that it sends nobody to is not
            told: those who are still there are being moved, and the others must not wait for it.
        is_ready: whether it answers, as far as is known. What would go to one that does not, and that nobody is sent
            to, is left out.
        clock: by which it gives up after `PATIENCE_SECONDS`, which then counts as a failure of the side; for sends that
            are replaced by the next ones. None: it takes as long as it takes.
    """

    def __init__(
        self,
        plane: DataPlane,
        side: Side,
        meter: SideMeter,
        is_relied_on: Callable[[Side], bool],
        *,
        is_ready: Callable[[], bool] = lambda: True,
        clock: Clock | None = None,
    ) -> None:
        self.features = plane.features
        self._plane = plane
        self._side = side
        self._meter = meter
        self._is_relied_on = is_relied_on
        self._is_ready = is_ready
        self._clock = clock

    async def send(self, audience: Audience, message: EncodedMessage) -> None:
        # Whether it is relied on first: one that is away may go on holding its clients.
        if not self._is_relied_on(self._side) and not self._is_ready():
            return
        try:
            await self._in_time(self._plane.send(audience, message))
        except _UNREACHABLE as error:
            self._meter.count(self._side, _NOT_SENT)
            self._tell(error)
        else:
            self._meter.count(self._side, _SENT)

    async def add_to_group(self, group: str, member: Member) -> None:
        await self._do(self._plane.add_to_group(group, member))

    async def remove_from_group(self, group: str, member: Member) -> None:
        await self._do(self._plane.remove_from_group(group, member))

    async def remove_from_all_groups(self, member: Member) -> None:
        await self._do(self._plane.remove_from_all_groups(member))

    async def close(self, audience: Audience, reason: str | None = None, *, allow_reconnect: bool = False) -> None:
        # Whoever closes has a reason that holds for what is still there too, and tries again.
        await self._in_time(self._plane.close(audience, reason, allow_reconnect=allow_reconnect))

    async def exists(self, audience: Audience) -> bool:
        return await self._in_time(self._plane.exists(audience))

    async def members(self, audience: Audience, *, after: str = "", limit: int | None = None) -> list[Connected]:
        return await self._in_time(self._plane.members(audience, after=after, limit=limit))

    async def invoke(
        self, connection_id: str, target: str, arguments: Sequence[object], timeout_seconds: float | None = None
    ) -> object:
        return await self._plane.invoke(connection_id, target, arguments, timeout_seconds)

    async def _do(self, call: Awaitable[None]) -> None:
        try:
            await self._in_time(call)
        except _UNREACHABLE as error:
            self._tell(error)

    async def _in_time(self, call: Awaitable[_ResultT]) -> _ResultT:
        if self._clock is None:
            return await call
        try:
            return await within(self._clock, PATIENCE_SECONDS, call)
        except TimeoutError as error:
            who = f"The {self._side} side"
            raise BrokerUnavailable(str(error), may_have_arrived=True, who=who, advice="see its health") from None

    def _tell(self, error: Exception) -> None:
        if self._is_relied_on(self._side):
            raise error
        _log.warning("the %s side, which nobody is sent to, was not reached: %s", self._side, error)


class JoinedSides(FanOutDataPlane):
    """Both sides as one, for what is no event: figures, which the next ones replace, and notifications, which are kept
    until somebody has acknowledged them.

    What one side took is not told as failed because the other did not: whoever tries again would send it twice, and
    whoever gives up would leave out what comes next. It is logged, and stands in the counts of the side.
    """

    async def send(self, audience: Audience, message: EncodedMessage) -> None:
        """As the port. Raises: FanOutFailed where no side took it."""
        try:
            await super().send(audience, message)
        except FanOutFailed as error:
            if len(error.errors) == error.calls:
                raise
            _log.warning("one side did not take what the other took: %s", error)
