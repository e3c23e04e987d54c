"""Messages over the rate: held back without being lost, counted by connection and by user, ended in the long run."""

from __future__ import annotations

import gc
import math

import pytest

from hubwire.errors import TooManyMessages
from hubwire.options import HubOptions
from hubwire.session.events import CancelReceived, Ended, EndReason, InvocationReceived, SessionEvent, Throttled
from hubwire.session.message_rates import PREPAID_MESSAGES, MessageRates
from hubwire.session.session import READ_AHEAD_BYTES

from .support import PING, Wire, call, cancel, line

TICK = 0.25
SLOW = HubOptions(messages_per_second=10, message_burst_seconds=2.0, user_messages_per_second=None)
PER_USER = HubOptions(messages_per_second=None, user_messages_per_second=10, message_burst_seconds=2.0)


def connected(options: HubOptions = SLOW, rates: MessageRates | None = None, user_id: str | None = "ann") -> Wire:
    return Wire(options, rates=rates or MessageRates(options), user_id=user_id)


def cancels(events: list[SessionEvent]) -> int:
    """Cancels of unknown calls: messages that need no permit, and one event each."""
    return sum(isinstance(event, CancelReceived) for event in events)


def until(wire: Wire, seconds: float) -> list[SessionEvent]:
    """Let the owner's timer run, tick by tick, as long as there is anything to do."""
    events: list[SessionEvent] = []
    for number in range(1, round(seconds / TICK) + 1):
        now = number * TICK
        if now >= wire.session.deadline:
            events += wire.at(now)
        wire.now = now
    return events


def test_what_is_over_the_rate_waits_and_comes_in_its_order() -> None:
    wire = connected()
    events = wire.receives(*(cancel(str(number)) for number in range(50)))
    assert cancels(events) == 20
    assert events[-1] == Throttled()
    events = until(wire, 3.0)
    assert [event.invocation_id for event in events if isinstance(event, CancelReceived)] == list(
        map(str, range(20, 50))
    )
    assert not any(isinstance(event, Ended) for event in events)


def test_a_connection_that_is_held_back_is_not_read_beyond_the_read_ahead() -> None:
    wire = connected()
    wire.receives(*[cancel("x")] * 21)
    wanted = [wire.session.wants_data]
    wire.receives(b" " * READ_AHEAD_BYTES + cancel("y"))
    wanted.append(wire.session.wants_data)
    until(wire, 1.0)
    wanted.append(wire.session.wants_data)
    assert wanted == [True, False, True]


def test_pings_count_too() -> None:
    wire = connected()
    assert wire.receives(*[PING] * 21) == [Throttled()]


def test_a_client_that_keeps_to_its_rate_is_never_held_back() -> None:
    wire = connected()
    for number in range(1000):
        wire.now = number * 0.1
        assert wire.receives(cancel("x")) == [CancelReceived("x")]


def test_an_answer_goes_out_while_the_next_message_is_held_back() -> None:
    wire = connected()
    (received, *_, held) = wire.receives(call(1), *[PING] * 25)
    assert isinstance(received, InvocationReceived)
    assert held == Throttled()
    wire.session.send_result(received.invocation, 5, 0.0)
    assert wire.sent() == [{"type": 3, "invocationId": "1", "result": 5}]
    assert wire.events() == []  # a call that ends brings no allowance


def test_it_is_not_given_up_as_silent_meanwhile() -> None:
    options = HubOptions(messages_per_second=1, message_burst_seconds=1.0, message_rate_timeout_seconds=1000.0)
    wire = connected(options)
    wire.receives(*[PING] * 60)
    assert not any(isinstance(event, Ended) for event in until(wire, 50.0))


def test_one_that_does_not_stop_is_closed_after_a_time_with_its_reason() -> None:
    wire = connected(HubOptions(messages_per_second=10, message_rate_timeout_seconds=5.0))
    wire.receives(*[PING] * 1000)
    (*_, end) = until(wire, 10.0)
    assert isinstance(end, Ended)
    assert end.reason is EndReason.RATE
    assert isinstance(end.error, TooManyMessages)
    assert (end.error.option, end.error.per_second, end.error.timeout_seconds) == ("messages_per_second", 10, 5.0)
    assert wire.now >= 5.0
    (close,) = (message for message in wire.sent() if message["type"] == 7)
    assert close["error"].startswith("Connection closed because of more than 10 messages a second over 5 s.")
    assert close["allowReconnect"] is True
    assert wire.session.deadline == math.inf


def test_one_that_pauses_is_not() -> None:
    wire = connected(HubOptions(messages_per_second=10, message_rate_timeout_seconds=3.0, message_burst_seconds=2.0))
    for round_ in range(20):
        wire.now = round_ * 2.0
        wire.session.receive_time(wire.now)
        events = wire.receives(*[PING] * 20)
        assert not any(isinstance(event, Ended) for event in events)


def test_connections_of_one_user_share_the_users_rate_and_others_have_their_own() -> None:
    rates = MessageRates(PER_USER)
    one, two, other, nobody = (connected(PER_USER, rates, user) for user in ("ann", "ann", "bob", None))
    flood = [cancel("x")] * 30
    # The first messages of each are counted when it has used them up: nobody gets more by that in the end.
    assert cancels(one.receives(*flood)) == 20
    assert cancels(two.receives(*flood)) == 5
    assert cancels(other.receives(*flood)) == 20
    assert cancels(nobody.receives(*flood)) == 30
    assert cancels(until(one, 2.0)) + cancels(until(two, 2.0)) <= 15
    assert cancels(until(other, 2.0)) == 10


def test_a_user_who_does_not_stop_is_closed_by_the_users_rate() -> None:
    wire = connected(
        HubOptions(messages_per_second=None, user_messages_per_second=10, message_rate_timeout_seconds=5.0)
    )
    wire.receives(*[PING] * 1000)
    (*_, end) = until(wire, 10.0)
    assert isinstance(end, Ended)
    assert isinstance(end.error, TooManyMessages)
    assert end.error.option == "user_messages_per_second"


@pytest.mark.parametrize("user_id", ["ann", None])
def test_without_rates_nothing_is_counted(user_id: str | None) -> None:
    options = HubOptions(messages_per_second=None, user_messages_per_second=None)
    wire = connected(options, user_id=user_id)
    assert cancels(wire.receives(*[cancel("x")] * 1000)) == 1000


def test_whoever_sends_little_has_no_buckets() -> None:
    wire = connected(HubOptions())
    wire.receives(*[PING] * PREPAID_MESSAGES)
    assert wire.session._buckets == ()


def test_the_defaults_hold_back_nobody_who_sends_what_a_page_has_gathered() -> None:
    wire = connected(HubOptions(), user_id="ann")
    assert wire.receives(*[PING] * 9_000) == []


def test_a_split_anywhere_gives_the_same() -> None:
    data = b"".join(cancel(str(number)) for number in range(30))
    whole, torn = connected(), connected()
    expected = whole.receives(data)
    found = [event for byte in data for event in torn.receives(bytes((byte,)))]
    assert found == expected
    assert until(torn, 2.0) == until(whole, 2.0)


def test_an_end_while_held_back_leaves_nothing_due() -> None:
    wire = connected()
    wire.receives(*[PING] * 30, line(type=7))
    wire.session.receive_end(None)
    assert [type(event) for event in wire.events()] == [Ended]
    assert wire.session.deadline == math.inf


def test_who_comes_again_finds_what_was_used_up() -> None:
    rates = MessageRates(HubOptions(user_messages_per_second=100, messages_per_second=None))
    (bucket,) = rates.buckets("ann", 0.0)
    bucket.take(200)
    del bucket  # the only connection of this user has ended
    (again,) = rates.buckets("ann", 0.0)
    assert again.available(0.0) == 0
    (other,) = rates.buckets("bob", 0.0)
    assert other.available(0.0) > 0


def test_no_more_users_are_remembered_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hubwire.session.message_rates.MAXIMUM_USERS", 3)
    rates = MessageRates(HubOptions())
    for number in range(10):
        rates.buckets(f"user-{number}", 0.0)
    gc.collect()
    assert len(rates._users) == 3
