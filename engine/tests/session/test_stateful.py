"""A session that outlives its transport: counting, holding back, acks, interruptions, and clients that cheat."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hubwire.errors import ClientTimeout, RemoteProtocolError
from hubwire.hub.failures import close_error
from hubwire.options import HubOptions
from hubwire.session.events import Ended, EndReason, InvocationReceived, Overflowed, SessionEvent
from hubwire.session.stateful import StatefulSession
from hubwire.wire.messages import Invocation

from .support import CODECS, PING, call, handshake, line

OPTIONS = HubOptions(stateful_reconnect_buffer_bytes=500, disconnect_timeout_seconds=15.0)


def ack(sequence_id: int) -> bytes:
    return line(type=8, sequenceId=sequence_id)


def sequence(sequence_id: int) -> bytes:
    return line(type=9, sequenceId=sequence_id)


def said(target: str, size: int = 0) -> bytes:
    return line(type=1, target=target, arguments=["x" * size])


class Wire:
    """A stateful session and both of its ends."""

    def __init__(self, options: HubOptions = OPTIONS, *, version: int = 2, is_open: bool = True) -> None:
        self.now = 0.0
        self.session = StatefulSession(options, CODECS, 0.0, close_error)
        self.session.receive_data(handshake(version), 0.0)
        self.session.events()
        assert self.sent() == [{}]
        if is_open:
            self.session.send_connected(0.0)
            self.session.receive_data(PING, 0.0)

    def receives(self, *messages: bytes) -> list[SessionEvent]:
        self.session.receive_data(b"".join(messages), self.now)
        return list(self.session.events())

    def invoked(self, *messages: bytes) -> list[str | None]:
        """The ids of the calls that these messages start; each is answered at once."""
        ids = []
        events = self.receives(*messages)
        while events:
            for event in events:
                assert isinstance(event, InvocationReceived)
                ids.append(event.invocation.invocation_id)
                self.session.send_result(event.invocation, None, self.now)
            events = list(self.session.events())
        return ids

    def posts(self, *targets: str, size: int = 0) -> None:
        for target in targets:
            self.session.send_encoded(said(target, size))

    def sent(self) -> list[dict[str, Any]]:
        return [json.loads(data[:-1]) for data in self.session.data_to_send()]

    def targets(self) -> list[str]:
        """What was sent, calls by their target, others by their type."""
        return [str(each.get("target", each.get("type"))) for each in self.sent()]

    def at(self, now: float) -> list[SessionEvent]:
        self.now = now
        self.session.receive_time(now)
        return list(self.session.events())

    def is_lost(self) -> None:
        self.session.receive_interruption(ConnectionResetError(), self.now)

    def resumes(self) -> list[dict[str, Any]]:
        self.session.receive_resumption(self.now)
        return self.sent()


def the(events: list[SessionEvent]) -> Invocation:
    (event,) = events
    assert isinstance(event, InvocationReceived)
    return event.invocation


def end(events: list[SessionEvent]) -> Ended:
    (event,) = events
    assert isinstance(event, Ended)
    return event


# Settling


@pytest.mark.parametrize(("version", "is_stateful"), [(0, False), (1, False), (2, True)])
def test_only_the_handshake_of_a_client_that_can_makes_a_connection_stateful(version: int, is_stateful: bool) -> None:
    wire = Wire(version=version)
    assert (wire.session.is_stateful, wire.session.is_resumable) == (is_stateful, is_stateful)


def test_a_client_of_old_is_served_like_any_other() -> None:
    wire = Wire(version=1)
    assert wire.invoked(ack(5), sequence(99), call(1)) == ["1"]
    wire.posts("a", size=5000)
    assert wire.targets() == ["3", "a"]
    assert wire.at(5.0) == []
    assert wire.sent() == []


# Before the client has spoken


def test_nothing_that_counts_is_sent_before_the_client_has_spoken() -> None:
    wire = Wire(is_open=False)
    wire.posts("a", "b")
    assert wire.targets() == []
    wire.receives(PING)
    assert wire.targets() == ["a", "b"]
    wire.posts("c")
    assert wire.targets() == ["c"]


def test_what_came_with_the_handshake_does_not_count_as_the_clients_word() -> None:
    session = StatefulSession(OPTIONS, CODECS, 0.0, close_error)
    session.receive_data(handshake(2) + PING, 0.0)
    session.send_connected(0.0)
    session.data_to_send()
    session.send_encoded(said("a"))
    assert session.data_to_send() == ()


def test_a_client_that_stays_silent_is_not_waited_for_longer_than_a_second() -> None:
    wire = Wire(is_open=False)
    wire.posts("a")
    assert wire.session.deadline == 1.0
    assert wire.at(0.9) == []
    assert wire.targets() == []
    assert wire.at(1.0) == []
    assert wire.targets() == ["a"]


def test_a_close_before_the_client_has_spoken_comes_after_what_waits() -> None:
    wire = Wire(is_open=False)
    wire.posts("a")
    wire.session.send_close()
    assert wire.targets() == ["a", "7"]


# Receiving


def test_what_was_received_is_acknowledged_a_second_later_and_once() -> None:
    wire = Wire()
    wire.invoked(call(1), call(2))
    wire.sent()
    assert wire.session.deadline == 1.0
    wire.at(0.9)
    assert wire.sent() == []
    wire.at(1.0)
    assert wire.sent() == [{"type": 8, "sequenceId": 2}]
    wire.at(10.0)
    assert wire.sent() == []
    wire.invoked(call(3))
    wire.sent()
    wire.at(11.0)
    assert wire.sent() == [{"type": 8, "sequenceId": 3}]


def test_pings_and_acks_do_not_count() -> None:
    wire = Wire()
    wire.receives(PING, ack(1), sequence(1), line(type=42))
    wire.at(5.0)
    assert wire.sent() == []
    assert wire.invoked(sequence(1), call(1)) == ["1"]


def test_after_a_sequence_messages_that_were_processed_are_dropped() -> None:
    wire = Wire()
    assert wire.invoked(call(1), call(2)) == ["1", "2"]
    assert wire.invoked(sequence(1), call(1), call(2), call(3)) == ["3"]


@pytest.mark.parametrize("sequence_id", [3, 0, -7])
def test_an_impossible_sequence_is_fatal(sequence_id: int) -> None:
    wire = Wire()
    wire.invoked(call(1))
    wire.sent()
    over = end(wire.receives(sequence(sequence_id), call(2)))
    assert over.reason is EndReason.PROTOCOL
    assert isinstance(over.error, RemoteProtocolError)
    assert wire.sent() == [{"type": 7, "error": "Connection closed with an error.", "allowReconnect": True}]
    assert not wire.session.is_resumable


# Sending


def test_a_result_over_the_limit_goes_out_and_the_next_waits_for_its_ack() -> None:
    wire = Wire()
    first = the(wire.receives(call(1)))
    wire.session.send_result(first, "x" * 600, 0.0)
    assert wire.targets() == ["3"]
    second = the(wire.receives(call(2)))
    wire.session.send_result(second, "y", 0.0)
    assert wire.targets() == []
    assert wire.session.is_congested
    wire.receives(ack(1))
    assert [each["result"] for each in wire.sent()] == ["y"]


def test_pings_and_acks_do_not_wait() -> None:
    wire = Wire()
    wire.posts("a", size=600)
    wire.posts("b")
    wire.receives(call(1))
    wire.at(15.0)
    assert wire.targets() == ["a", "6", "8"]


def test_a_close_does_not_wait_and_comes_last() -> None:
    wire = Wire()
    wire.posts("a", size=600)
    wire.posts("b")
    wire.session.send_close()
    assert wire.targets() == ["a", "b", "7"]


def test_more_than_the_outbox_limit_may_not_wait() -> None:
    wire = Wire(HubOptions(stateful_reconnect_buffer_bytes=500, outbox_limit_bytes=1000))
    wire.posts("a", size=600)
    wire.posts("b", size=600)
    assert list(wire.session.events()) == []
    wire.posts("c", size=600)
    (event,) = wire.session.events()
    assert isinstance(event, Overflowed)
    assert event.messages == 2
    assert event.size_bytes > 1200


def test_an_ack_behind_a_waiting_call_makes_room_all_the_same() -> None:
    wire = Wire(OPTIONS)
    first = the(wire.receives(call(1), call(2), ack(0)))
    wire.posts("a", size=600)
    wire.posts("b")
    assert wire.targets() == ["a"]
    wire.receives(call(3), ack(1))
    assert wire.targets() == ["b"]
    wire.posts("c", size=600)
    wire.receives(call(4)[:20])
    wire.posts("d")
    assert wire.targets() == ["c"]
    wire.receives(call(4)[20:], ack(3), ack(2))
    assert wire.targets() == ["d"]
    order = []
    events = [InvocationReceived(first)]
    while events:
        order.append(events[0].invocation.invocation_id)
        wire.session.send_result(events[0].invocation, None, 0.0)
        events = [each for each in wire.session.events() if isinstance(each, InvocationReceived)]
    assert order == ["1", "2", "3", "4"]


def test_an_ack_makes_room_while_connected_runs() -> None:
    wire = Wire(OPTIONS, is_open=False)
    wire.receives(PING, call(1))
    wire.posts("a", size=600)
    wire.posts("b")
    assert wire.targets() == ["a"]
    wire.receives(ack(1))
    assert wire.targets() == ["b"]
    wire.session.send_connected(0.0)
    (event,) = wire.session.events()
    assert isinstance(event, InvocationReceived)


def test_an_ack_that_came_before_it_was_needed_is_found_when_it_is() -> None:
    wire = Wire(OPTIONS)
    wire.posts("a", size=300)
    wire.receives(call(1), call(2), ack(1))
    wire.posts("b", size=300)
    wire.posts("c", size=300)
    assert wire.targets() == ["a", "b", "c"]


@pytest.mark.parametrize("nonsense", [b"{\x1e", call(9, "T" * 40_000)])
def test_nonsense_behind_a_waiting_call_is_the_end_when_its_turn_comes(nonsense: bytes) -> None:
    wire = Wire(OPTIONS)
    first = the(wire.receives(call(1), call(2)))
    wire.posts("a", size=600)
    wire.posts("b")
    wire.receives(call(3), nonsense, ack(1))
    assert wire.session.is_resumable
    for number in "23":
        wire.session.send_result(first, None, 0.0)
        first = the(list(wire.session.events()))
        assert first.invocation_id == number
    wire.session.send_result(first, None, 0.0)
    assert end(list(wire.session.events())).reason is EndReason.PROTOCOL


@pytest.mark.parametrize(("message", "count"), [(b"\x1e", 70_000), (PING, 3_000)])
def test_reading_stops_behind_a_waiting_call_however_small_the_messages_are(message: bytes, count: int) -> None:
    wire = Wire(OPTIONS)
    wire.receives(call(1), call(2))
    wire.posts("a", size=600)
    for _ in range(10):
        wire.receives(message * (count // 10))
    assert not wire.session.wants_data


def test_what_was_looked_at_and_not_dispatched_is_taken_from_the_new_transport() -> None:
    wire = Wire(OPTIONS)
    first = the(wire.receives(call(1), call(2)))
    wire.posts("a", size=600)
    wire.posts("b")
    wire.receives(call(3), ack(1))
    wire.is_lost()
    wire.resumes()
    wire.receives(sequence(3), call(3))
    order = []
    events: list[SessionEvent] = [InvocationReceived(first)]
    while events:
        (event,) = events
        assert isinstance(event, InvocationReceived)
        order.append(event.invocation.invocation_id)
        wire.session.send_result(event.invocation, None, 0.0)
        events = list(wire.session.events())
    assert order == ["1", "2", "3"]


# Interruptions


def test_with_nothing_to_send_again_the_sequence_is_of_the_next_message() -> None:
    wire = Wire()
    wire.is_lost()
    assert wire.resumes() == [{"type": 9, "sequenceId": 1}]
    wire.receives(sequence(1))
    wire.posts("a")
    wire.receives(ack(1))
    wire.sent()
    wire.is_lost()
    assert wire.resumes() == [{"type": 9, "sequenceId": 2}]


def test_what_was_not_acknowledged_is_sent_again_behind_its_sequence() -> None:
    wire = Wire()
    wire.posts("a", "b", "c")
    wire.receives(ack(1))
    wire.sent()
    wire.is_lost()
    first, *rest = wire.resumes()
    assert first == {"type": 9, "sequenceId": 2}
    assert [each["target"] for each in rest] == ["b", "c"]
    wire.posts("d")
    assert wire.targets() == ["d"]


def test_what_is_sent_meanwhile_arrives_after_the_resumption_in_order() -> None:
    wire = Wire()
    wire.posts("a")
    wire.sent()
    wire.is_lost()
    wire.posts("b")
    wire.posts("c", size=600)
    wire.posts("d")  # has to wait for an Ack
    assert wire.sent() == []
    assert [each.get("target") for each in wire.resumes()] == [None, "a", "b", "c"]
    wire.receives(sequence(1), ack(3))
    assert wire.targets() == ["d"]


def test_an_ack_on_the_new_transport_loses_nothing_of_what_is_sent_again() -> None:
    wire = Wire()
    wire.posts("a", "b", "c")
    wire.sent()
    wire.is_lost()
    wire.resumes()
    wire.receives(sequence(1), ack(2))
    wire.is_lost()
    assert [each.get("target", each.get("sequenceId")) for each in wire.resumes()] == [3, "c"]


def test_what_was_received_is_acknowledged_anew_after_a_resumption() -> None:
    wire = Wire()
    wire.invoked(call(1), call(2))
    wire.receives(ack(2))
    wire.at(1.0)  # this Ack is lost
    wire.sent()
    wire.is_lost()
    assert wire.resumes() == [{"type": 9, "sequenceId": 3}, {"type": 8, "sequenceId": 2}]


def test_what_had_not_been_dispatched_is_taken_from_the_new_transport() -> None:
    wire = Wire(HubOptions(maximum_parallel_invocations=1))
    first = the(wire.receives(call(1), call(2), call(3), call(4)[:10]))  # 2 waits, 3 was not looked at
    wire.is_lost()
    wire.resumes()
    assert wire.receives(sequence(1), call(1), call(2), call(3)) == []
    wire.session.send_result(first, None, 0.0)
    second = the(list(wire.session.events()))
    assert second.invocation_id == "2"
    wire.session.send_result(second, None, 0.0)
    assert the(list(wire.session.events())).invocation_id == "3"


def test_messages_before_the_clients_sequence_count_on() -> None:
    wire = Wire()
    wire.invoked(call(1))
    wire.is_lost()
    wire.resumes()
    assert wire.invoked(call(2), sequence(2), call(2), call(3)) == ["2", "3"]


def test_answers_are_given_while_there_is_no_transport_and_kept() -> None:
    wire = Wire()
    first = the(wire.receives(call(1)))
    wire.is_lost()
    wire.session.send_result(first, 5, 0.0)
    assert wire.resumes()[1:] == [
        {"type": 3, "invocationId": "1", "result": 5},
        {"type": 8, "sequenceId": 1},
    ]


def test_a_client_that_stays_away_is_lost() -> None:
    wire = Wire()
    wire.posts("a")
    wire.sent()
    wire.now = 10.0
    wire.is_lost()
    assert wire.session.deadline == 15.0  # the keep-alive, which nobody gets
    assert wire.at(24.9) == []
    over = end(wire.at(25.0))
    assert over.reason is EndReason.LOST
    assert isinstance(over.error, ConnectionResetError)
    assert wire.sent() == []
    assert not wire.session.is_resumable


def test_the_clients_time_stands_still_while_it_is_away() -> None:
    wire = Wire(HubOptions(disconnect_timeout_seconds=100.0))
    wire.is_lost()
    assert wire.at(90.0) == []
    wire.resumes()
    wire.receives(sequence(1))
    assert wire.at(119.0) == []
    assert isinstance(end(wire.at(120.0)).error, ClientTimeout)


def test_a_close_while_the_client_is_away_is_the_end_without_a_word() -> None:
    wire = Wire()
    wire.is_lost()
    wire.session.send_close()
    assert end(list(wire.session.events())).reason is EndReason.SERVER
    assert wire.sent() == []
    wire.session.receive_resumption(1.0)
    assert wire.sent() == []


def test_a_new_transport_without_a_sequence_is_given_up() -> None:
    wire = Wire()
    wire.is_lost()
    wire.resumes()
    assert wire.session.deadline == 5.0
    wire.receives(PING)
    assert wire.at(4.9) == []
    over = end(wire.at(5.0))
    assert over.reason is EndReason.TIMEOUT
    assert wire.sent() == [{"type": 7, "error": "Connection closed with an error.", "allowReconnect": True}]


def test_a_sequence_in_time_is_the_end_of_the_waiting() -> None:
    wire = Wire()
    wire.is_lost()
    wire.resumes()
    wire.receives(sequence(1))
    assert wire.at(14.0) == []


def test_a_sequence_that_stands_behind_a_waiting_call_is_waited_for() -> None:
    wire = Wire(HubOptions(maximum_parallel_invocations=1))
    first = the(wire.receives(call(1), call(2)))
    wire.is_lost()
    wire.resumes()
    wire.receives(sequence(1))
    assert wire.at(5.0) == []
    assert wire.at(12.0) == []
    wire.session.send_result(first, None, 12.0)
    the(list(wire.session.events()))
    assert wire.at(20.0) == []


def test_a_connection_may_be_interrupted_while_connected_runs() -> None:
    wire = Wire(is_open=False)
    wire.posts("a")
    assert wire.session.is_resumable
    wire.is_lost()
    assert [each.get("target") for each in wire.resumes()] == [None, "a"]
    wire.session.send_connected(0.0)
    assert wire.invoked(sequence(1), call(1)) == ["1"]


def test_a_client_that_has_broken_the_protocol_may_not_come_back() -> None:
    wire = Wire()
    wire.receives(call(1), b"{\x1e")
    assert not wire.session.is_resumable
