"""The client's session over the loss of a socket (signalr-protocol 6)."""

from __future__ import annotations

import pytest

from hubwire.client import ProtocolViolation, ServerTimeout
from hubwire.client.session import Adrift, ClientSession, Ended, SessionLimits
from hubwire.wire.messages import Completion, Invocation, Message, Ping

from .test_session import CALL, PING, STATEFUL, ended, frame, opened, received, written


def call(number: int) -> dict[str, object]:
    return {"type": 1, "target": "Order", "arguments": [number]}


def sequence(number: int) -> dict[str, object]:
    return {"type": 9, "sequenceId": number}


def ack(number: int) -> dict[str, object]:
    return {"type": 8, "sequenceId": number}


def resumed(session: ClientSession, now: float = 0.0) -> list[dict[str, object]]:
    """Lose the socket, take another; returns what is written on it at once."""
    session.receive_end(OSError("cut"))
    assert isinstance(session.events()[-1], Adrift)
    session.resume(now)
    return written(session)


def numbers(messages: list[Message]) -> list[object]:
    return [message.arguments[0] for message in messages if isinstance(message, Invocation)]


def test_what_arrived_is_acknowledged_a_second_later_at_once_for_all() -> None:
    session = opened(STATEFUL)
    due = [session.ack_due]
    session.receive_data(frame(call(1), PING, call(2)), 3.0)
    due.append(session.ack_due)
    session.receive_data(frame(call(3)), 3.9)
    due.append(session.ack_due)
    session.receive_time(4.0)
    assert written(session) == [ack(3)]
    assert [*due, session.ack_due] == [None, 4.0, 4.0, None]


def test_what_comes_with_the_answer_to_the_handshake_counts() -> None:
    session = opened(STATEFUL, call(1), call(2))
    assert numbers(received(session)) == [1, 2]
    session.receive_time(1.0)
    assert written(session) == [ack(2)]


def test_what_was_not_acknowledged_is_sent_again_behind_its_place_in_the_row() -> None:
    session = opened(STATEFUL)
    for number in (1, 2, 3):
        session.send(Invocation("x", [number]), 0.0)
    session.send(Ping(), 0.0)
    session.data_to_send()
    session.receive_data(frame(ack(1)), 0.0)
    again = resumed(session)
    assert again[0] == sequence(2)
    assert [message["arguments"] for message in again[1:]] == [[2], [3]]


def test_with_nothing_to_send_again_the_next_place_is_told() -> None:
    session = opened(STATEFUL)
    assert resumed(session) == [sequence(1)]
    session.receive_data(frame(sequence(1)), 0.0)
    session.send(Invocation("x", []), 0.0)
    session.receive_data(frame(ack(1), ack(99)), 0.0)
    session.data_to_send()
    assert resumed(session) == [sequence(2)]


def test_what_is_sent_without_a_socket_waits_for_one() -> None:
    session = opened(STATEFUL)
    session.receive_end(None)
    session.send(Invocation("x", [1]), 0.0)
    session.receive_time(16.0)
    assert session.data_to_send() == b""
    session.resume(17.0)
    assert [message.get("arguments") for message in written(session)] == [None, [1]]


def test_what_was_being_written_is_written_once_on_the_next_socket() -> None:
    session = opened(STATEFUL)
    session.send(Invocation("x", [1]), 0.0)
    assert [message.get("arguments") for message in resumed(session)] == [None, [1]]


def test_everything_before_the_servers_sequence_is_dropped_and_duplicates_behind_it() -> None:
    session = opened(STATEFUL)
    session.receive_data(frame(call(1), call(2), call(3)), 0.0)
    session.events()
    resumed(session)
    session.receive_data(frame(call(77), PING, {"type": 7}, ack(1)), 1.0)
    assert session.events() == ()
    session.receive_data(frame(sequence(2), call(2), call(3), call(4)), 1.0)
    assert numbers(received(session)) == [4]


def test_a_message_cut_by_the_loss_is_read_anew() -> None:
    session = opened(STATEFUL)
    session.receive_data(frame(call(1))[:10], 0.0)
    resumed(session)
    session.receive_data(frame(sequence(1), call(1)), 0.0)
    assert numbers(received(session)) == [1]


def test_duplicates_are_acknowledged_too_for_the_ack_may_have_been_lost() -> None:
    session = opened(STATEFUL)
    session.receive_data(frame(call(1), call(2)), 0.0)
    session.receive_time(1.0)
    assert written(session) == [ack(2)]
    resumed(session, 2.0)
    session.receive_data(frame(sequence(1), call(1), call(2)), 2.0)
    assert session.ack_due == 3.0
    session.receive_time(3.0)
    assert written(session) == [ack(2)]


@pytest.mark.parametrize("number", [5, 0, -1])
def test_a_place_that_cannot_be_ends_the_connection(number: int) -> None:
    session = opened(STATEFUL)
    session.receive_data(frame(call(1)), 0.0)
    session.events()
    resumed(session)
    session.receive_data(frame(sequence(number)), 0.0)
    end = ended(session)
    assert isinstance(end.error, ProtocolViolation)
    assert not end.may_reconnect


def test_there_is_room_until_too_much_is_unacknowledged() -> None:
    session = opened(SessionLimits(replay_buffer_bytes=100))
    rooms = []
    for size in (40, 40):
        session.send(Invocation("x", ["y" * size]), 0.0)
        rooms.append(session.has_room)
    session.receive_data(frame(ack(1)), 0.0)
    rooms.append(session.has_room)
    session.send(Invocation("x", ["y" * 600]), 0.0)
    rooms.append(session.has_room)
    session.send_close(0.0)
    rooms.append(session.has_room)
    assert rooms == [True, False, True, False, True]


def test_a_socket_that_is_lost_before_the_server_spoke_is_not_replaced_again() -> None:
    session = opened(STATEFUL)
    resumed(session)
    session.receive_end(OSError("cut"))
    end = ended(session)
    assert end.may_reconnect
    assert end.is_lost


def test_without_another_socket_the_connection_is_lost() -> None:
    session = opened(STATEFUL)
    session.receive_end(OSError("cut"))
    session.events()
    session.receive_end(OSError("really"))
    assert str(ended(session).error) == "really"


def test_the_servers_silence_goes_on_without_a_socket() -> None:
    session = opened(STATEFUL)
    session.receive_data(frame(PING), 5.0)
    session.receive_end(None)
    session.events()
    assert session.deadline == 35.0
    session.receive_time(35.0)
    end = ended(session)
    assert isinstance(end.error, ServerTimeout)
    assert end.may_reconnect


def test_a_silent_socket_is_given_up_for_another() -> None:
    session = opened(STATEFUL)
    session.receive_time(30.0)
    (event,) = session.events()
    assert isinstance(event, Adrift)
    assert isinstance(event.error, ServerTimeout)
    session.receive_time(30.0)
    assert session.events() == ()
    session.resume(31.0)
    session.receive_data(frame(sequence(1), CALL), 31.0)
    assert session.deadline == 46.0


def test_a_good_bye_without_a_socket_is_silent() -> None:
    session = opened(STATEFUL)
    session.receive_end(None)
    session.events()
    session.send_close(1.0)
    assert session.data_to_send() == b""
    assert ended(session) == Ended(None, may_reconnect=False, is_lost=False)


def test_without_stateful_reconnect_acks_and_sequences_mean_nothing() -> None:
    session = opened()
    session.receive_data(frame(sequence(50), ack(50), call(1)), 0.0)
    assert numbers(received(session)) == [1]
    assert session.ack_due is None
    session.send(Completion("1"), 0.0)
    assert session.has_room
