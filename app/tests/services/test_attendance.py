"""Who comes and who leaves: told once each, whatever happens in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from app.tests.services import presence_specs
from app.tests.services.conftest import Run, World
from app.tests.services.fakes import START, FakeClock, MemoryAttendance, MemoryConnections
from app.tests.services.store_specs import HUB, connection

from meschain.domain.roles import Identity, Role
from meschain.services.attendance import Attendance, changes
from meschain.services.options import PresenceOptions
from meschain.services.ports import Attendee, Phase

OPTIONS = PresenceOptions()
GRACE = timedelta(seconds=OPTIONS.grace_seconds)
ADA = Identity("own:1", "Ada", Role.MARKETPLACE_MANAGER)


class TestMemoryAttendance(presence_specs.AttendanceStoreSpec):
    @pytest.fixture
    def store(self) -> MemoryAttendance:
        return MemoryAttendance()


class Room:
    """People with connections, and what is told of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.connections = MemoryConnections(world.clock)
        self.store = MemoryAttendance()
        self.attendance = self.another()

    def another(self) -> Attendance:
        """One that goes on, as after a restart or in another process."""
        return Attendance(
            connections=self.connections, store=self.store, activity=self.world.activity, clock=self.world.clock
        )

    async def open(self, number: int, who: Identity = ADA) -> None:
        await self.connections.write([replace(connection(number), who=who)], [])

    async def close(self, *numbers: int) -> None:
        await self.connections.write([], [(HUB, f"connection-{number}") for number in numbers])

    async def pass_by(self, seconds: float) -> None:
        """Time, with a look before and after it."""
        await self.attendance.step()
        await self.world.clock.advance(seconds)
        await self.attendance.step()

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(each.kind, each.user) for each in self.world.publisher.activities()]


@pytest.fixture
def room(world: World) -> Room:
    return Room(world)


async def test_somebody_with_many_pages_comes_once_and_leaves_once(room: Room) -> None:
    for number in range(5):
        await room.open(number)
        await room.attendance.step()
    assert room.told == [("connected", "Ada")]
    await room.close(0, 1, 2, 3)
    await room.pass_by(OPTIONS.grace_seconds + 1)
    assert room.told == [("connected", "Ada")]
    await room.close(4)
    await room.pass_by(OPTIONS.grace_seconds - 1)
    assert room.told == [("connected", "Ada")]
    await room.pass_by(1)
    assert room.told == [("connected", "Ada"), ("disconnected", "Ada")]
    await room.pass_by(OPTIONS.grace_seconds)
    assert room.told == [("connected", "Ada"), ("disconnected", "Ada")]
    assert await room.store.attendees() == []


async def test_who_is_back_in_time_never_left(room: Room) -> None:
    await room.open(1)
    for number in range(2, 6):
        await room.close(number - 1)
        await room.pass_by(OPTIONS.grace_seconds - 1)
        await room.open(number)
        await room.attendance.step()
    assert room.told == [("connected", "Ada")]


async def test_who_comes_again_after_leaving_comes_anew(room: Room) -> None:
    for number in (1, 2):
        await room.open(number)
        await room.attendance.step()
        await room.close(number)
        await room.pass_by(OPTIONS.grace_seconds)
    assert room.told == [("connected", "Ada"), ("disconnected", "Ada")] * 2


async def test_programs_come_and_go_in_silence(room: Room) -> None:
    await room.open(1, Identity("service:erp", "erp", Role.SERVICE))
    await room.attendance.step()
    assert room.told == []


async def test_what_could_not_be_told_is_told_at_the_next_look(room: Room) -> None:
    await room.open(1)
    room.world.publisher.failures = 1
    with pytest.raises(ConnectionError):
        await room.attendance.step()
    assert room.told == []
    for _ in range(2):
        await room.attendance.step()
    assert room.told == [("connected", "Ada")]


@pytest.mark.parametrize("writes", range(4))
async def test_a_stop_at_any_step_tells_nothing_twice_and_forgets_nothing(room: Room, writes: int) -> None:
    async def go_on() -> None:
        try:
            await room.attendance.step()
        except ConnectionError:
            room.attendance = room.another()
            await room.attendance.step()

    room.store.fails_after = writes
    await room.open(1)
    await go_on()
    await room.close(1)
    await go_on()
    await room.world.clock.advance(OPTIONS.grace_seconds)
    await go_on()
    # The log of events drops what it knows by its id; the publisher of this test shows all.
    ids = dict.fromkeys((each.kind, each.event_id) for each in room.world.publisher.activities())
    assert [kind for kind, _ in ids] == ["connected", "disconnected"]
    assert [each.kind for each in room.world.activity_rows.rows] == ["connected", "disconnected"]
    assert await room.store.attendees() == []


async def test_a_crowd_is_told_bit_by_bit(room: Room) -> None:
    for number in range(OPTIONS.told_at_once + 5):
        await room.open(number, Identity(f"own:{number}", f"Person {number}", Role.VIEWER))
    await room.attendance.step()
    assert len(room.told) == OPTIONS.told_at_once
    await room.attendance.step()
    assert len(set(room.told)) == len(room.told) == OPTIONS.told_at_once + 5


async def test_it_looks_at_every_interval(room: Room, clock: FakeClock, run: Run) -> None:
    await run(room.attendance.run)
    await room.open(1)
    await clock.advance(OPTIONS.tell_seconds)
    assert room.told == [("connected", "Ada")]


def test_who_is_going_has_left_even_if_they_are_back() -> None:
    going = Attendee("own:1", "Ada", Role.ADMIN, Phase.GOING, START, START)
    assert changes({"own:1": going}, {"own:1": ADA}, START + GRACE, GRACE) == []
