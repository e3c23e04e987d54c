"""The local plane keeps the promises of its port, and those of its slices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hubwire.model import Audience, Features, Member
from hubwire.plane import LocalDataPlane
from hubwire.ports import DataPlane, LineRegistry
from hubwire.testing import MemoryLine, make_caller
from hubwire.testing.specs import ClientResultsSpec
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.messages import Invocation


class TestLocalDataPlane(ClientResultsSpec):
    @asynccontextmanager
    async def create(self) -> AsyncIterator[tuple[DataPlane, LineRegistry]]:
        plane = LocalDataPlane()
        yield plane, plane.registry


class TestLocalDataPlaneInSlicesOfOne(ClientResultsSpec):
    @asynccontextmanager
    async def create(self) -> AsyncIterator[tuple[DataPlane, LineRegistry]]:
        plane = LocalDataPlane(slice_size=1)
        yield plane, plane.registry


def _said(target: str) -> EncodedMessage:
    return EncodedMessage(Invocation(target, ()))


def _targets(line: MemoryLine) -> list[str]:
    return [call.target for call in line.received]


def _plane_with(count: int, slice_size: int) -> tuple[LocalDataPlane, list[MemoryLine]]:
    plane = LocalDataPlane(slice_size=slice_size)
    lines = [MemoryLine(make_caller(connection_id=f"c{number}")) for number in range(count)]
    for line in lines:
        plane.registry.attach(line)
    return plane, lines


async def test_every_receiver_gets_the_same_object() -> None:
    plane, lines = _plane_with(3, 500)
    message = _said("one")
    await plane.send(Audience.all(), message)
    assert all(line.posted == [message] and line.posted[0] is message for line in lines)


async def test_a_send_of_one_slice_is_done_without_giving_way() -> None:
    plane, lines = _plane_with(4, 4)
    send = plane.send(Audience.all(), _said("now"))
    with pytest.raises(StopIteration):
        send.send(None)
    assert [_targets(line) for line in lines] == [["now"]] * 4


async def test_a_long_fan_out_gives_way_between_slices() -> None:
    plane, lines = _plane_with(10, 4)
    reached_at_each_turn: list[int] = []

    async def watch() -> None:
        while not lines[-1].posted:
            reached_at_each_turn.append(sum(bool(line.posted) for line in lines))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(plane.send(Audience.all(), _said("long")))
        tasks.create_task(watch())
    assert reached_at_each_turn == [4, 8]


async def test_closing_many_gives_way_between_slices() -> None:
    plane, lines = _plane_with(10, 4)
    closed_at_each_turn: list[int] = []

    async def watch() -> None:
        while lines[-1].closed is None:
            closed_at_each_turn.append(sum(line.closed is not None for line in lines))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(plane.close(Audience.all(), "bye"))
        tasks.create_task(watch())
    assert closed_at_each_turn == [4, 8]


async def test_sends_that_meet_a_fan_out_keep_the_order_of_their_calls_on_every_line() -> None:
    plane, lines = _plane_with(9, 2)
    await plane.add_to_group("g", Member.connection("c8"))
    async with asyncio.TaskGroup() as tasks:
        for number in range(5):
            tasks.create_task(plane.send(Audience.all(), _said(f"all {number}")))
            tasks.create_task(plane.send(Audience.connection("c8"), _said(f"one {number}")))
            tasks.create_task(plane.send(Audience.group("g"), _said(f"group {number}")))
    everything = [f"{kind} {number}" for number in range(5) for kind in ("all", "one", "group")]
    assert _targets(lines[8]) == everything
    assert _targets(lines[0]) == [target for target in everything if target.startswith("all")]


async def test_a_send_made_while_the_turn_changes_hands_does_not_overtake() -> None:
    plane, lines = _plane_with(3, 1)
    last = lines[-1]

    async def long_then_short() -> None:
        await plane.send(Audience.all(), _said("first"))
        # The waiter has been woken but has not run: the lock looks free at this moment.
        await plane.send(Audience.connection("c2"), _said("third"))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(long_then_short())
        tasks.create_task(plane.send(Audience.all(), _said("second")))
    assert _targets(last) == ["first", "second", "third"]


async def test_a_cancelled_send_makes_room_for_the_next() -> None:
    plane, lines = _plane_with(6, 2)
    cut_off = asyncio.create_task(plane.send(Audience.all(), _said("cut off")))
    waiting = asyncio.create_task(plane.send(Audience.all(), _said("waiting")))
    await asyncio.sleep(0)
    cut_off.cancel()
    waiting.cancel()
    await asyncio.gather(cut_off, waiting, return_exceptions=True)
    await plane.send(Audience.all(), _said("next"))
    assert _targets(lines[0]) == ["cut off", "next"]
    assert _targets(lines[5]) == ["next"]


async def test_a_line_that_leaves_during_a_fan_out_does_not_disturb_it() -> None:
    plane, lines = _plane_with(6, 2)
    send = asyncio.create_task(plane.send(Audience.all(), _said("x")))
    await asyncio.sleep(0)
    plane.registry.detach(lines[3])
    await send
    assert all(_targets(line) == ["x"] for line in (lines[0], lines[5]))


def test_the_plane_can_do_everything() -> None:
    assert LocalDataPlane().features == Features.ABORT_CALLER | Features.STREAMING | Features.CLIENT_RESULTS
