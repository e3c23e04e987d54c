"""What was posted to connections that are not open yet: bounded, and ended with its token."""

from __future__ import annotations

from hubwire.server.early import EarlyInputs
from hubwire.server.timer_wheel import TimerWheel
from hubwire.testing import FakeClock

from ..transports.asgi_doubles import posted_input
from .test_parts import play
from .test_tokens import tokens


async def test_input_that_nobody_opens_ends_with_its_token() -> None:
    clock = FakeClock()
    wheel = TimerWheel(clock)
    inputs, made = EarlyInputs(clock, wheel), tokens(clock)
    issued = made.issue("Chat", 1)
    await play(clock, wheel, 5.0)
    early = inputs.begin(issued, "ann", posted_input())
    assert early is not None
    assert inputs.find(issued.text) is early
    ends = []
    for seconds in (9.5, 1.0):
        await play(clock, wheel, seconds)
        ends.append(early.input.has_ended)
    assert ends == [False, True]
    assert (len(inputs), early.wheel_slot) == (0, -1)


async def test_input_that_was_taken_outlives_the_token() -> None:
    clock = FakeClock()
    wheel = TimerWheel(clock)
    inputs, issued = EarlyInputs(clock, wheel), tokens(clock).issue("Chat", 1)
    early = inputs.begin(issued, None, posted_input())
    assert inputs.take(issued.text) is early
    assert inputs.take(issued.text) is None
    await play(clock, wheel, 20.0)
    assert early is not None
    assert not early.input.has_ended


def test_they_are_bounded() -> None:
    clock = FakeClock()
    inputs, made = EarlyInputs(clock, TimerWheel(clock)), tokens(clock)
    issued = [made.issue("Chat", 1) for _ in range(1001)]
    assert all(inputs.begin(each, None, posted_input()) for each in issued[:1000])
    assert inputs.begin(issued[1000], None, posted_input()) is None
    inputs.take(issued[0].text)
    assert inputs.begin(issued[1000], None, posted_input()) is not None


def test_a_stop_ends_all() -> None:
    clock = FakeClock()
    inputs, made = EarlyInputs(clock, TimerWheel(clock)), tokens(clock)
    begun = [inputs.begin(made.issue("Chat", 1), None, posted_input()) for _ in range(3)]
    inputs.end()
    assert all(each is not None and each.input.has_ended for each in begun)
