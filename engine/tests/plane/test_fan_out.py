"""Several planes joined are one that keeps the promises of its port, and one of them that fails keeps nothing back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from hubwire.errors import BrokerUnavailable, ConnectionGone, FanOutFailed, ServiceRefused, ServiceUnavailable
from hubwire.model import Audience, Connected, Features, Member
from hubwire.plane.fan_out import FanOutDataPlane
from hubwire.plane.local import LocalDataPlane
from hubwire.ports import DataPlane, LineRegistry
from hubwire.testing import MemoryLine, make_caller
from hubwire.testing.lines import SpreadRegistry
from hubwire.testing.specs import ClientResultsSpec
from hubwire.wire.encoded import EncodedMessage

SAID = EncodedMessage.invocation("said", [])
AWAY = ServiceUnavailable("https://b.example", "it is away", may_have_arrived=False)


class TestFanOutOverTwo(ClientResultsSpec):
    @asynccontextmanager
    async def create(self) -> AsyncIterator[tuple[DataPlane, LineRegistry]]:
        planes = [LocalDataPlane(), LocalDataPlane()]
        yield FanOutDataPlane(planes), SpreadRegistry([plane.registry for plane in planes])


class TestFanOutOverOne(ClientResultsSpec):
    @asynccontextmanager
    async def create(self) -> AsyncIterator[tuple[DataPlane, LineRegistry]]:
        plane = LocalDataPlane()
        yield FanOutDataPlane([plane]), plane.registry


class FailingPlane:
    """Implements `DataPlane` by failing, as one whose service is away does, and counts how often it was asked."""

    def __init__(self, error: Exception = AWAY, features: Features = Features.CLIENT_RESULTS) -> None:
        self.features = features
        self.asked = 0
        self._error = error

    def _fail(self) -> Exception:
        self.asked += 1
        return self._error

    async def send(self, audience: Audience, message: EncodedMessage) -> None:
        raise self._fail()

    async def add_to_group(self, group: str, member: Member) -> None:
        raise self._fail()

    async def remove_from_group(self, group: str, member: Member) -> None:
        raise self._fail()

    async def remove_from_all_groups(self, member: Member) -> None:
        raise self._fail()

    async def close(self, audience: Audience, reason: str | None = None, *, allow_reconnect: bool = False) -> None:
        raise self._fail()

    async def exists(self, audience: Audience) -> bool:
        raise self._fail()

    async def members(self, audience: Audience, *, after: str = "", limit: int | None = None) -> list[Connected]:
        raise self._fail()

    async def invoke(
        self, connection_id: str, target: str, arguments: Sequence[object], timeout_seconds: float | None = None
    ) -> object:
        raise self._fail()


def _with_line() -> tuple[LocalDataPlane, MemoryLine]:
    plane = LocalDataPlane()
    line = MemoryLine(make_caller("ann", connection_id="a"))
    plane.registry.attach(line)
    return plane, line


def test_no_planes_are_none() -> None:
    with pytest.raises(ValueError, match="give at least one"):
        FanOutDataPlane([])


def test_what_all_of_them_can_do_it_can_do() -> None:
    joined = FanOutDataPlane([LocalDataPlane(), FailingPlane(features=Features.CLIENT_RESULTS)])
    assert joined.features == Features.CLIENT_RESULTS


async def test_one_that_fails_keeps_nothing_from_the_others_and_is_told() -> None:
    plane, line = _with_line()
    joined = FanOutDataPlane([FailingPlane(), plane])
    for user_or_connection in (Member.user("ann"), Member.connection("a")):
        with pytest.raises(FanOutFailed):
            await joined.add_to_group("g", user_or_connection)
    with pytest.raises(FanOutFailed, match=r"1 of 2 calls failed.*it is away") as caught:
        await joined.send(Audience.group("g"), SAID)
    assert caught.value.errors == (AWAY,)
    assert caught.value.may_have_arrived
    assert isinstance(caught.value, BrokerUnavailable)
    with pytest.raises(FanOutFailed):
        await joined.remove_from_group("g", Member.connection("a"))
    with pytest.raises(FanOutFailed):
        await joined.send(Audience.group("g"), SAID)
    with pytest.raises(FanOutFailed):
        await joined.remove_from_all_groups(Member.user("ann"))
    assert [call.target for call in line.received] == ["said"]
    with pytest.raises(FanOutFailed):
        await joined.close(Audience.user("ann"))
    assert line.closed is not None


async def test_when_all_fail_and_nothing_arrived_trying_again_is_clean() -> None:
    joined = FanOutDataPlane([FailingPlane(), FailingPlane()])
    with pytest.raises(FanOutFailed, match="2 of 2 calls failed") as caught:
        await joined.send(Audience.all(), SAID)
    assert not caught.value.may_have_arrived


async def test_a_mistake_of_the_caller_is_told_as_it_is() -> None:
    joined = FanOutDataPlane([FailingPlane(), FailingPlane(TypeError("no JSON"))])
    with pytest.raises(TypeError, match="no JSON"):
        await joined.send(Audience.all(), SAID)


async def test_the_only_plane_raises_its_own_error() -> None:
    with pytest.raises(ServiceUnavailable):
        await FanOutDataPlane([FailingPlane()]).send(Audience.all(), SAID)


async def test_one_that_is_known_to_be_away_is_passed_over_but_for_users_in_groups() -> None:
    plane, line = _with_line()
    away = FailingPlane()
    joined = FanOutDataPlane([away, plane], lambda place: place == 1)
    await joined.add_to_group("g", Member.connection("a"))
    await joined.send(Audience.group("g"), SAID)
    assert await joined.exists(Audience.group("g"))
    assert not await joined.exists(Audience.group("h"))
    assert await joined.members(Audience.group("g")) == [Connected("a", "ann")]
    assert away.asked == 0
    with pytest.raises(FanOutFailed):
        await joined.add_to_group("h", Member.user("ann"))
    assert await joined.exists(Audience.group("h"))
    assert line.received


async def test_when_all_are_known_to_be_away_all_are_asked() -> None:
    planes = [FailingPlane(), FailingPlane()]
    with pytest.raises(FanOutFailed):
        await FanOutDataPlane(planes, lambda place: False).send(Audience.all(), SAID)
    assert [plane.asked for plane in planes] == [1, 1]


async def test_somebody_who_is_found_is_there_whatever_the_others_answer() -> None:
    plane, _ = _with_line()
    joined = FanOutDataPlane([FailingPlane(), plane])
    assert await joined.exists(Audience.user("ann"))
    with pytest.raises(FanOutFailed):
        await joined.exists(Audience.user("bob"))
    with pytest.raises(FanOutFailed):
        await joined.members(Audience.user("ann"))
    not_asked = FailingPlane()
    assert await FanOutDataPlane([plane, not_asked]).exists(Audience.user("ann"))
    assert not_asked.asked == 0


async def test_a_question_is_answered_although_another_plane_fails() -> None:
    plane, line = _with_line()
    refuses = FailingPlane(ServiceRefused("https://b.example", "Invoke", 403, None, None))
    joined = FanOutDataPlane([FailingPlane(), refuses, plane])
    asking = asyncio.create_task(joined.invoke("a", "Ask", []))
    (question,) = await line.until_asked()
    line.answer(question.invocation_id, 7)
    assert await asking == 7
    with pytest.raises(ServiceUnavailable):  # the one that failed may hold it
        await joined.invoke("b", "Ask", [])
    with pytest.raises(ConnectionGone):
        await FanOutDataPlane([plane, LocalDataPlane()]).invoke("b", "Ask", [])


async def test_members_of_several_come_in_one_order_and_not_more_than_asked_for() -> None:
    planes = [LocalDataPlane(), LocalDataPlane()]
    for number in range(6):
        planes[number % 2].registry.attach(MemoryLine(make_caller(connection_id=f"c{number}")))
    joined = FanOutDataPlane(planes)
    assert [each.connection_id for each in await joined.members(Audience.all(), after="c0", limit=3)] == [
        "c1",
        "c2",
        "c3",
    ]
