"""Joins several data planes of one hub into one: the endpoints of a service, the two sides of a roll-out.

Knows nothing of what they are. Nobody knows which plane holds a connection, so each is told of everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import reduce
from operator import and_
from typing import TypeVar

from hubwire.errors import (
    BrokerUnavailable,
    ConnectionGone,
    FanOutFailed,
    HubwireError,
    NodeTimeout,
    ServiceRefused,
)
from hubwire.model import Audience, Connected, Member, MemberKind
from hubwire.ports import DataPlane
from hubwire.wire.encoded import EncodedMessage

_UNAVAILABLE = (BrokerUnavailable, NodeTimeout, ServiceRefused)
"""What says something about a plane. Any other error would come from each of them, or is a client's answer."""

ResultT = TypeVar("ResultT")


class FanOutDataPlane:
    """Implements `DataPlane` over others. Its `features` are those that all of them have.

    A plane that fails keeps nothing from the others: it is told when all have done theirs. One that is known to be
    away is passed over, since its connections are away with it; if all are, all are asked.
    """

    def __init__(self, planes: Sequence[DataPlane], is_available: Callable[[int], bool] | None = None) -> None:
        """Args:
            planes: one at least.
            is_available: tells by its place in `planes` whether one is worth asking. None: all of them always are.

        Raises: ValueError for no planes.
        """
        if not planes:
            raise ValueError("There are no data planes to join; give at least one.")
        self.features = reduce(and_, (plane.features for plane in planes))
        self._planes = tuple(planes)
        self._is_available = is_available or (lambda _: True)

    async def send(self, audience: Audience, message: EncodedMessage) -> None:
        """As the port. Raises: FanOutFailed, or what the one plane raises."""
        await _all([plane.send(audience, message) for plane in self._available()])

    async def add_to_group(self, group: str, member: Member) -> None:
        """As the port. Raises: FanOutFailed, or what the one plane raises."""
        await _all([plane.add_to_group(group, member) for plane in self._holding(member)])

    async def remove_from_group(self, group: str, member: Member) -> None:
        await _all([plane.remove_from_group(group, member) for plane in self._holding(member)])

    async def remove_from_all_groups(self, member: Member) -> None:
        await _all([plane.remove_from_all_groups(member) for plane in self._holding(member)])

    async def close(self, audience: Audience, reason: str | None = None, *, allow_reconnect: bool = False) -> None:
        planes = self._available()
        await _all([plane.close(audience, reason, allow_reconnect=allow_reconnect) for plane in planes])

    async def exists(self, audience: Audience) -> bool:
        """As the port. One after the other: one that knows somebody is enough, and the others are not even asked."""
        answers: list[object] = []
        planes = self._available()
        for plane in planes:
            try:
                if await plane.exists(audience):
                    return True
                answers.append(False)
            except _UNAVAILABLE as error:
                if len(planes) == 1:
                    raise
                answers.append(error)
        _tell(answers)
        return False

    async def members(self, audience: Audience, *, after: str = "", limit: int | None = None) -> list[Connected]:
        pages = await _answers([plane.members(audience, after=after, limit=limit) for plane in self._available()])
        _tell(pages)
        # No connection is held by two, and the first of each are among the first of all.
        found = [member for page in pages if not isinstance(page, BaseException) for member in page]
        return sorted(found, key=lambda member: member.connection_id)[:limit]

    async def invoke(
        self, connection_id: str, target: str, arguments: Sequence[object], timeout_seconds: float | None = None
    ) -> object:
        """As the port. All are asked at once: those that do not hold the connection say so without asking it."""
        calls = [plane.invoke(connection_id, target, arguments, timeout_seconds) for plane in self._available()]
        asking = [asyncio.ensure_future(call) for call in calls]
        others: list[HubwireError] = []
        try:
            for answer in asyncio.as_completed(asking):
                try:
                    return await answer
                except ConnectionGone as error:
                    if error.had_been_asked:
                        raise
                    others.append(error)
                except _UNAVAILABLE as error:
                    others.append(error)
        finally:
            for task in asking:
                task.cancel()
            await asyncio.wait(asking)
            for task in asking:
                if not task.cancelled():
                    task.exception()  # looked at: one that came after the answer says nothing any more
        raise next((error for error in others if not isinstance(error, ConnectionGone)), others[0])

    def _available(self) -> Sequence[DataPlane]:
        planes = [plane for place, plane in enumerate(self._planes) if self._is_available(place)]
        return planes or self._planes

    def _holding(self, member: Member) -> Sequence[DataPlane]:
        """Those that a change of groups concerns: a user's membership may outlast the outage of a plane."""
        return self._planes if member.kind is MemberKind.USER else self._available()


async def _all(calls: Sequence[Awaitable[None]]) -> None:
    _tell(await _answers(calls))


async def _answers(calls: Sequence[Awaitable[ResultT]]) -> Sequence[ResultT | BaseException]:
    """Make all calls at once and return what comes of each. A single one raises its error itself."""
    if len(calls) == 1:
        return [await calls[0]]
    return await asyncio.gather(*calls, return_exceptions=True)


def _tell(answers: Sequence[object]) -> None:
    """Raise the errors among the answers."""
    errors: list[Exception] = []
    for answer in answers:
        if isinstance(answer, _UNAVAILABLE):
            errors.append(answer)
        elif isinstance(answer, BaseException):
            raise answer
    if errors:
        raise FanOutFailed(errors, len(answers)) from errors[0]
