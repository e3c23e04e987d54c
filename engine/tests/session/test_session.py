"""One connection's protocol, with time as an argument: handshake, dispatch, permits, timers, every kind of end."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.errors import ClientTimeout, HandshakeError, HubError, InvalidMessage, LocalProtocolError, MessageTooLarge
from hubwire.hub.failures import close_error
from hubwire.options import HubOptions, PropertyNames
from hubwire.session.events import (
    Ended,
    EndReason,
    HandshakeAccepted,
    InvocationReceived,
    SessionEvent,
)
from hubwire.session.session import READ_AHEAD_BYTES, Session
from hubwire.session.states import TRANSITIONS, State, Step, advance
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import Invocation
from hubwire.wire.protocols import hub_protocols

CODECS = hub_protocols(frozenset({"json"}), PropertyNames.AS_DECLARED)

HANDSHAKE = b'{"protocol":"json","version":1}\x1e'
PING = b'{"type":6}\x1e'
OPTIONS = HubOptions()


def call(number: int, target: str = "Do") -> bytes:
    return (
        json.dumps({"type": 1, "target": target, "arguments": [number], "invocationId": str(number)}).encode() + b"\x1e"
    )


def make(options: HubOptions = OPTIONS) -> Session:
    return Session(options, CODECS, 0.0, close_error)


def make_open(options: HubOptions = OPTIONS) -> Session:
    session = make(options)
    session.receive_data(HANDSHAKE, 0.0)
    session.events()
    session.data_to_send()
    session.send_connected(0.0)
    return session


def state(session: Session) -> State:
    return session.state


def wants_data(session: Session) -> bool:
    return session.wants_data


def sent(session: Session) -> list[object]:
    return [json.loads(data[:-1]) for data in session.data_to_send()]


def ended(session: Session) -> Ended:
    (event,) = session.events()
    assert isinstance(event, Ended)
    return event


def invoked(events: Sequence[SessionEvent]) -> list[Invocation]:
    return [event.invocation for event in events if isinstance(event, InvocationReceived)]


# Handshake


def test_a_handshake_is_answered_and_messages_wait_for_connected() -> None:
    session = make()
    session.receive_data(HANDSHAKE + call(1), 0.0)
    assert session.data_to_send() == [b"{}\x1e"]
    assert session.events() == [HandshakeAccepted(JSON)]
    assert session.events() == ()
    session.send_connected(0.0)
    assert [each.arguments for each in invoked(session.events())] == [[1]]


def test_a_handshake_may_come_in_single_bytes() -> None:
    session = make()
    for byte in HANDSHAKE:
        session.receive_data(bytes([byte]), 0.0)
    assert session.events() == [HandshakeAccepted(JSON)]


def test_a_refused_handshake_says_why_and_ends() -> None:
    session = make()
    session.receive_data(b'{"protocol":"X","version":1}\x1e', 0.0)
    assert sent(session) == [{"error": "The protocol 'X' is not supported."}]
    end = ended(session)
    assert end.reason is EndReason.HANDSHAKE
    assert isinstance(end.error, HandshakeError)


def test_a_handshake_that_takes_too_long_is_canceled() -> None:
    session = make()
    session.receive_data(HANDSHAKE[:-1], 1.0)
    assert session.deadline == OPTIONS.handshake_timeout_seconds
    session.receive_time(14.9)
    assert state(session) is State.HANDSHAKE
    session.receive_time(15.0)
    assert sent(session) == [{"error": "Handshake was canceled."}]
    assert ended(session).reason is EndReason.HANDSHAKE
    assert session.deadline == math.inf


@pytest.mark.parametrize("limit", [100, None])
def test_an_oversized_handshake_is_canceled(limit: int | None) -> None:
    session = make(HubOptions(maximum_receive_message_bytes=limit))
    session.receive_data(b"x" * 40_000, 0.0)
    assert sent(session) == [{"error": "Handshake was canceled."}]
    assert ended(session).reason is EndReason.HANDSHAKE


def test_a_peer_that_leaves_during_the_handshake_gets_no_answer() -> None:
    session = make()
    session.receive_data(HANDSHAKE[:5], 0.0)
    session.receive_end()
    assert session.data_to_send() == ()
    assert ended(session) == Ended(EndReason.HANDSHAKE, None)


# Invocations


def test_results_and_errors_answer_calls_that_want_an_answer() -> None:
    session = make_open(HubOptions(maximum_parallel_invocations=3))
    session.receive_data(call(1) + call(2) + b'{"type":1,"target":"Do","arguments":[3]}\x1e', 0.0)
    first, second, third = invoked(session.events())
    session.send_error(second, "bad", 0.0)
    session.send_error(third, "nobody hears this", 0.0)
    session.send_result(first, None, 0.0)
    assert sent(session) == [
        {"type": 3, "invocationId": "2", "error": "bad"},
        {"type": 3, "invocationId": "1", "result": None},
    ]


def test_calls_run_one_at_a_time_and_in_order_while_pings_are_read() -> None:
    session = make_open()
    session.receive_data(call(1) + PING + call(2) + call(3), 0.0)
    (first,) = invoked(session.events())
    session.send_result(first, 1, 0.0)
    (second,) = invoked(session.events())
    session.send_result(second, 2, 0.0)
    (third,) = invoked(session.events())
    assert [first.invocation_id, second.invocation_id, third.invocation_id] == ["1", "2", "3"]


def test_a_call_without_an_answer_takes_its_turn_too() -> None:
    session = make_open()
    session.receive_data(b'{"type":1,"target":"Log","arguments":[]}\x1e' + call(2), 0.0)
    (log,) = invoked(session.events())
    session.send_result(log, None, 0.0)
    assert session.data_to_send() == ()
    assert [each.invocation_id for each in invoked(session.events())] == ["2"]


def test_with_two_permits_the_second_overtakes_and_the_third_waits() -> None:
    session = make_open(HubOptions(maximum_parallel_invocations=2))
    session.receive_data(call(1) + call(2) + call(3), 0.0)
    first, second = invoked(session.events())
    session.send_result(second, 2, 0.0)
    assert [each.invocation_id for each in invoked(session.events())] == ["3"]
    session.send_result(first, 1, 0.0)
    assert [message["invocationId"] for message in sent(session) if isinstance(message, dict)] == ["2", "1"]


def test_what_follows_a_waiting_call_waits_too() -> None:
    session = make_open()
    session.receive_data(call(1) + call(2) + b'{"type":7}\x1e', 0.0)
    (first,) = invoked(session.events())
    assert state(session) is State.OPEN
    session.send_result(first, None, 0.0)
    assert state(session) is State.CLOSED


def test_reading_stops_when_a_backlog_builds_up_behind_a_call() -> None:
    session = make_open()
    session.receive_data(call(1) + call(2), 0.0)
    (first,) = invoked(session.events())
    assert wants_data(session)
    session.receive_data(PING * (READ_AHEAD_BYTES // len(PING) + 1), 0.0)
    assert not wants_data(session)
    session.send_result(first, None, 0.0)
    assert wants_data(session)


@pytest.mark.parametrize(
    "message",
    [
        b'{"type":2,"invocationId":"9","item":1}',
        b'{"type":3,"invocationId":"9","result":1}',
        b'{"type":8,"sequenceId":1}',
        b'{"type":9,"sequenceId":1}',
        b'{"type":42}',
    ],
)
def test_messages_for_what_is_not_active_are_ignored(message: bytes) -> None:
    session = make_open()
    session.receive_data(message + b"\x1e" + call(1), 0.0)
    assert [each.invocation_id for each in invoked(session.events())] == ["1"]
    assert session.data_to_send() == ()


def test_a_result_that_cannot_be_written_ends_the_connection() -> None:
    session = make_open()
    session.receive_data(call(1), 0.0)
    (first,) = invoked(session.events())
    session.send_result(first, object(), 0.0)
    assert sent(session) == [{"type": 7, "error": "Connection closed with an error.", "allowReconnect": True}]
    end = ended(session)
    assert end.reason is EndReason.FAILED
    assert isinstance(end.error, TypeError)


# Timers


def test_pings_are_sent_at_the_interval_from_the_handshake_on() -> None:
    session = make_open()
    assert session.deadline == 15.0
    session.receive_time(14.9)
    assert session.data_to_send() == ()
    session.receive_time(15.0)
    assert session.data_to_send() == [PING]
    assert session.deadline == 30.0


def test_pings_are_sent_while_connected_runs() -> None:
    session = make()
    session.receive_data(HANDSHAKE, 0.0)
    session.data_to_send()
    session.receive_time(15.0)
    assert session.data_to_send() == [PING]


def test_a_client_that_never_pinged_is_never_timed_out() -> None:
    session = make_open()
    session.receive_data(call(1), 1.0)
    (first,) = invoked(session.events())
    session.send_result(first, None, 1.0)
    session.receive_time(10_000.0)
    assert state(session) is State.OPEN


def test_a_client_that_pinged_and_fell_silent_is_timed_out() -> None:
    session = make_open()
    session.receive_data(PING, 10.0)
    session.receive_time(39.9)
    assert state(session) is State.OPEN
    session.data_to_send()
    session.receive_time(40.0)
    assert sent(session) == [{"type": 7, "error": "Connection closed with an error.", "allowReconnect": True}]
    end = ended(session)
    assert end.reason is EndReason.TIMEOUT
    assert isinstance(end.error, ClientTimeout)
    assert str(end.error) == "Client hasn't sent a message/ping within the configured ClientTimeoutInterval."


def test_anything_received_restarts_the_clients_time() -> None:
    session = make_open()
    session.receive_data(PING, 0.0)
    session.receive_data(b'{"type":42}\x1e', 20.0)
    session.receive_time(45.0)
    assert state(session) is State.OPEN
    session.receive_time(50.0)
    assert state(session) is State.CLOSED


def test_the_clients_time_stands_still_while_a_method_runs() -> None:
    session = make_open()
    session.receive_data(PING + call(1), 0.0)
    (first,) = invoked(session.events())
    session.receive_time(1000.0)
    assert state(session) is State.OPEN
    session.send_result(first, None, 1000.0)
    session.receive_time(1029.0)
    assert state(session) is State.OPEN
    session.receive_time(1030.0)
    assert state(session) is State.CLOSED


# Ends


def test_a_client_that_says_good_bye_is_answered() -> None:
    session = make_open()
    session.receive_data(b'{"type":7}\x1e' + call(1), 0.0)
    assert sent(session) == [{"type": 7}]
    assert ended(session) == Ended(EndReason.CLIENT, None)


def test_a_clients_reason_reaches_the_hub() -> None:
    session = make_open()
    session.receive_data(b'{"type":7,"error":"tired"}\x1e', 0.0)
    error = ended(session).error
    assert isinstance(error, HubError)
    assert str(error) == "tired"
    assert sent(session) == [{"type": 7}]


def test_abort_does_not_invite_the_client_back() -> None:
    session = make_open()
    session.send_close()
    assert sent(session) == [{"type": 7}]
    assert ended(session) == Ended(EndReason.SERVER, None)


def test_a_close_may_carry_a_reason_and_an_invitation() -> None:
    session = make_open()
    session.send_close("maintenance", allow_reconnect=True)
    assert sent(session) == [{"type": 7, "error": "maintenance", "allowReconnect": True}]


def test_a_reason_that_cannot_be_written_ends_the_connection_all_the_same() -> None:
    session = make_open()
    session.send_close("caf\udce9")  # as file names may have it
    assert sent(session) == [{"type": 7, "error": "Connection closed with an error.", "allowReconnect": True}]
    assert isinstance(ended(session).error, UnicodeEncodeError)


def test_before_the_handshake_there_is_no_close_message() -> None:
    session = make()
    session.send_close(allow_reconnect=True)
    assert session.data_to_send() == ()
    assert ended(session).reason is EndReason.SERVER


def test_a_failed_connected_is_told_without_an_invitation() -> None:
    session = make()
    session.receive_data(HANDSHAKE, 0.0)
    session.events()
    session.data_to_send()
    session.send_failure(HubError("closed today"))
    assert sent(session) == [{"type": 7, "error": "Connection closed with an error. HubException: closed today"}]
    assert ended(session).reason is EndReason.FAILED


MALFORMED = b"{\x1e"


@pytest.mark.parametrize("detailed", [False, True])
def test_a_malformed_message_ends_the_connection(detailed: bool) -> None:
    session = make_open(HubOptions(detailed_errors=detailed))
    session.receive_data(call(1) + MALFORMED + call(2), 0.0)
    (first,) = invoked(session.events())
    session.receive_data(call(3), 0.0)
    assert session.data_to_send() == ()
    session.send_result(first, 1, 0.0)
    assert isinstance(ended(session).error, InvalidMessage)
    answer, close = sent(session)
    assert answer == {"type": 3, "invocationId": "1", "result": 1}
    assert isinstance(close, dict)
    assert close["allowReconnect"] is True
    assert close["error"].startswith("Connection closed with an error.")
    assert ("InvalidDataException" in close["error"]) is detailed


@pytest.mark.parametrize("split", [False, True])
def test_a_message_over_the_limit_ends_the_connection_after_those_before_it(split: bool) -> None:
    session = make_open(
        HubOptions(maximum_receive_message_bytes=200, maximum_parallel_invocations=2, detailed_errors=True)
    )
    stream = call(1) + call(2) + call(3, "D" * 300)
    for chunk in [bytes([byte]) for byte in stream] if split else [stream]:
        session.receive_data(chunk, 0.0)
    first, second = invoked(session.events())
    session.send_result(first, 1, 0.0)
    session.send_result(second, 2, 0.0)
    assert isinstance(ended(session).error, MessageTooLarge)
    *answers, close = sent(session)
    assert len(answers) == 2
    assert isinstance(close, dict)
    assert "The maximum message size of 200B was exceeded." in close["error"]


def test_messages_under_the_limit_may_together_be_over_it() -> None:
    session = make_open(HubOptions(maximum_receive_message_bytes=100, maximum_parallel_invocations=3))
    chunk = b"".join(call(number, "D" * 30) for number in range(3))
    assert len(chunk) > 100 > len(chunk) / 3
    session.receive_data(chunk, 0.0)
    assert [each.invocation_id for each in invoked(session.events())] == ["0", "1", "2"]


def test_a_lost_transport_is_an_end_with_its_error() -> None:
    session = make_open()
    error = ConnectionResetError()
    session.receive_end(error)
    assert ended(session) == Ended(EndReason.LOST, error)


def test_an_end_inside_a_message_is_the_peers_fault() -> None:
    session = make_open()
    session.receive_data(b'{"type":', 0.0)
    session.receive_end()
    error = ended(session).error
    assert isinstance(error, InvalidMessage)
    assert str(error) == "Connection terminated while reading a message."


def test_a_slow_reader_is_dropped_without_a_word() -> None:
    session = make_open()
    session.drop(EndReason.SLOW, TimeoutError())
    assert session.data_to_send() == ()
    assert ended(session).reason is EndReason.SLOW


def test_nothing_happens_after_the_end() -> None:
    session = make_open()
    session.receive_data(call(1), 0.0)
    (first,) = invoked(session.events())
    session.send_close()
    session.events()
    session.data_to_send()
    session.receive_data(call(2), 1.0)
    session.receive_time(1000.0)
    session.receive_end(OSError())
    session.send_result(first, 1, 1.0)
    session.send_connected(1.0)
    session.send_close("again")
    session.send_failure(OSError())
    session.drop(EndReason.SLOW, OSError())
    assert session.events() == ()
    assert session.data_to_send() == ()


# As a whole


messages = st.sampled_from(
    [PING, call(1), call(2), b'{"type":42}\x1e', b'{"type":7}\x1e', MALFORMED, call(3, "D" * 90)]
)


def play(chunks: list[bytes]) -> list[object]:
    """Feed the chunks, answer each call at once, and return what the owner was told to do."""
    session = make(replace(OPTIONS, maximum_receive_message_bytes=100))
    events: list[object] = []
    for chunk in chunks:
        session.receive_data(chunk, 0.0)
        while some := session.events():
            for event in some:
                events.append(type(event) if isinstance(event, Ended) else event)
                if isinstance(event, HandshakeAccepted):
                    session.send_connected(0.0)
                elif isinstance(event, InvocationReceived):
                    session.send_result(event.invocation, event.invocation.invocation_id, 0.0)
    return events


@given(st.lists(messages, max_size=8), st.data())
def test_cuts_make_no_difference(parts: list[bytes], data: st.DataObject) -> None:
    stream = HANDSHAKE + b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[start:end] for start, end in itertools.pairwise([0, *cuts, len(stream)])]
    assert play(chunks) == play([stream])


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("step", Step)
def test_steps_outside_of_the_table_are_our_own_mistake(state: State, step: Step) -> None:
    if step in TRANSITIONS[state]:
        assert advance(state, step) is TRANSITIONS[state][step]
    else:
        with pytest.raises(LocalProtocolError, match=state.value):
            advance(state, step)
