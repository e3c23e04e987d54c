"""When the loop counts as overloaded, and that the wheel tells how late it is."""

from __future__ import annotations

import asyncio

import pytest

from hubwire.server.lateness import Lateness
from hubwire.server.timer_wheel import TICK_SECONDS, TimerWheel
from hubwire.testing import FakeClock

from .conftest import until


@pytest.mark.parametrize(
    ("rounds", "is_overloaded"),
    [
        ([], False),
        ([9.0], False),  # once may be anything
        ([0.5, 0.5], True),
        ([0.5, 0.1, 0.5], False),
        ([0.5, 0.3, 0.5], True),  # between the two it is neither late nor in time
        ([0.5, 0.5, 0.4, 0.3], True),
        ([0.5, 0.5, 0.2], False),
        ([0.5, 0.5, 0.2, 0.5], False),
        ([0.4] * 10, False),
    ],
)
def test_late_twice_in_a_row_until_it_is_less_than_half_as_late(rounds: list[float], is_overloaded: bool) -> None:
    lateness = Lateness(0.5)
    for seconds in rounds:
        lateness.note(seconds)
    assert lateness.is_overloaded is is_overloaded


def test_without_a_limit_it_is_never_overloaded() -> None:
    lateness = Lateness(None)
    for _ in range(3):
        lateness.note(1e6)
    assert not lateness.is_overloaded


class Busy:
    """Gives the loop something to do for its next turn, in each round of the wheel."""

    def __init__(self, wheel: TimerWheel) -> None:
        self.wheel_slot = -1
        self.turn_time = 0.0
        self.work_seconds = 0.0
        self._wheel = wheel

    def tick(self, now: float) -> None:
        asyncio.get_running_loop().call_soon(self._work)
        self._wheel.schedule(self, now)

    def _work(self) -> None:
        self.turn_time += self.work_seconds


async def test_each_round_of_the_wheel_tells_how_long_a_turn_of_the_loop_takes() -> None:
    told = list[float]()
    clock = FakeClock()
    wheel = TimerWheel(clock, told.append, lambda: busy.turn_time)
    busy = Busy(wheel)
    wheel.schedule(busy, 0.0)
    running = asyncio.ensure_future(wheel.run())
    for seconds in (0.0, 0.75, 0.25):
        busy.work_seconds = seconds
        await clock.until_sleeping()
        clock.advance(TICK_SECONDS)
        await until(lambda: len(told) and told[-1] == busy.work_seconds)
    running.cancel()
    assert told == [0.0, 0.75, 0.25]
