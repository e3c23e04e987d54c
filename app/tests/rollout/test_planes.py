"""A side that nobody is sent to may fail without anybody noticing; one that somebody is sent to may not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from app.tests.rollout.memory import MemoryCounts
from app.tests.services.fakes import FakeClock, settle
from engine.tests.plane.test_fan_out import SAID, FailingPlane

from hubwire import Audience, Member
from hubwire.errors import FanOutFailed, ServiceUnavailable
from hubwire.plane.fan_out import FanOutDataPlane
from hubwire.plane.local import LocalDataPlane
from hubwire.testing import MemoryLine, make_caller
from hubwire.wire.encoded import EncodedMessage
from meschain.domain.rollout import Side
from meschain.rollout.meter import SideMeter
from meschain.rollout.planes import PATIENCE_SECONDS, JoinedSides, SidePlane
from meschain.services.rollout_ports import SideCounts

JOIN = ("g", Member.connection("a"))


@pytest.fixture
def meter(counts: MemoryCounts, clock: FakeClock) -> SideMeter:
    return SideMeter(counts, "one", clock)


@pytest.mark.parametrize("is_relied_on", [False, True])
async def test_what_fails_on_a_side_is_told_where_somebody_is_sent_there(
    counts: MemoryCounts, meter: SideMeter, is_relied_on: bool
) -> None:
    blue = LocalDataPlane()
    line = MemoryLine(make_caller("ann", connection_id="a"))
    blue.registry.attach(line)
    both = FanOutDataPlane(
        [
            SidePlane(blue, Side.BLUE, meter, lambda _: True),
            SidePlane(FailingPlane(), Side.GREEN, meter, lambda _: is_relied_on),
        ]
    )
    calls: list[Callable[[], Awaitable[None]]] = [
        lambda: both.add_to_group(*JOIN),
        lambda: both.send(Audience.group("g"), SAID),
        lambda: both.remove_from_group(*JOIN),
        lambda: both.remove_from_all_groups(Member.connection("a")),
        lambda: both.send(Audience.group("g"), SAID),
    ]
    for call in calls:
        if is_relied_on:
            with pytest.raises(FanOutFailed, match="it is away"):
                await call()
        else:
            await call()
    assert [said.target for said in line.received] == ["said"]
    await meter.tell()
    (told,) = counts.rows.values()
    assert told == {Side.BLUE: SideCounts(sends=2), Side.GREEN: SideCounts(sends=2, failed_sends=2)}


async def test_questions_and_closes_pass_as_they_are(meter: SideMeter) -> None:
    plane = LocalDataPlane()
    line = MemoryLine(make_caller("ann", connection_id="a"))
    plane.registry.attach(line)
    side = SidePlane(plane, Side.GREEN, meter, lambda _: False)
    assert side.features == plane.features
    assert await side.exists(Audience.connection("a"))
    assert [each.connection_id for each in await side.members(Audience.all())] == ["a"]
    await side.close(Audience.connection("a"), allow_reconnect=True)
    assert line.closed is not None
    assert line.closed.allow_reconnect
    away = SidePlane(FailingPlane(), Side.GREEN, meter, lambda _: False)
    with pytest.raises(ServiceUnavailable):
        await away.close(Audience.connection("a"))


class HangingPlane(LocalDataPlane):
    """Takes everything and answers nothing."""

    async def send(self, audience: Audience, message: EncodedMessage) -> None:
        await asyncio.Event().wait()

    async def exists(self, audience: Audience) -> bool:
        await asyncio.Event().wait()
        return False


async def test_a_side_that_hangs_fails_within_the_patience_and_keeps_nothing_from_the_other(
    counts: MemoryCounts, meter: SideMeter, clock: FakeClock
) -> None:
    blue = LocalDataPlane()
    line = MemoryLine(make_caller("ann", connection_id="a"))
    blue.registry.attach(line)
    both = JoinedSides(
        [
            SidePlane(blue, Side.BLUE, meter, lambda _: True, clock=clock),
            SidePlane(HangingPlane(), Side.GREEN, meter, lambda _: True, clock=clock),
        ]
    )
    sending = asyncio.create_task(both.send(Audience.all(), SAID))
    await settle()
    assert [said.target for said in line.received] == ["said"]
    assert await both.exists(Audience.connection("a"))
    asking = asyncio.create_task(both.exists(Audience.connection("b")))
    await clock.advance(PATIENCE_SECONDS)
    await sending
    with pytest.raises(FanOutFailed, match="The green side is not available: took longer than 2 s"):
        await asking
    await meter.tell()
    (told,) = counts.rows.values()
    assert told[Side.GREEN] == SideCounts(sends=1, failed_sends=1)


async def test_what_is_no_event_fails_where_no_side_took_it(meter: SideMeter, caplog: pytest.LogCaptureFixture) -> None:
    away = [SidePlane(FailingPlane(), side, meter, lambda _: True) for side in Side]
    with pytest.raises(FanOutFailed, match="2 of 2 calls failed"):
        await JoinedSides(away).send(Audience.all(), SAID)
    blue = SidePlane(LocalDataPlane(), Side.BLUE, meter, lambda _: True)
    await JoinedSides([blue, away[1]]).send(Audience.all(), SAID)
    assert "it is away" in caplog.text


async def test_nothing_is_sent_to_a_side_that_is_away_and_that_nobody_is_sent_to(
    counts: MemoryCounts, meter: SideMeter
) -> None:
    away = SidePlane(FailingPlane(), Side.GREEN, meter, lambda _: False, is_ready=lambda: False)
    await away.send(Audience.all(), SAID)
    needed = SidePlane(FailingPlane(), Side.GREEN, meter, lambda _: True, is_ready=lambda: False)
    with pytest.raises(ServiceUnavailable):
        await needed.send(Audience.all(), SAID)
    await meter.tell()
    (told,) = counts.rows.values()
    assert told == {Side.GREEN: SideCounts(sends=1, failed_sends=1)}


async def test_counts_that_cannot_be_stored_are_told_later(
    counts: MemoryCounts, meter: SideMeter, clock: FakeClock
) -> None:
    meter.count(Side.BLUE, SideCounts(calls=1))
    counts.is_away = True
    await meter.tell()
    counts.is_away = False
    meter.count(Side.BLUE, SideCounts(calls=2))
    await meter.tell()
    await meter.tell()
    meter.count(Side.BLUE, SideCounts(calls=4))
    await meter.tell()
    assert sorted(each[Side.BLUE].calls for each in counts.rows.values()) == [3, 4]
