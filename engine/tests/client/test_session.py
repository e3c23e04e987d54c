"""The client's session without a transport: bytes in, events and bytes out, time as an argument."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.client import HandshakeFailed, NotConnected, ProtocolViolation, ServerClosed, ServerTimeout
from hubwire.client.phases import Phase, Step, advance
from hubwire.client.session import Adrift, ClientSession, Ended, MessageReceived, Opened, SessionLimits
from hubwire.errors import LocalProtocolError
from hubwire.options import ALL_PROTOCOLS, PropertyNames
from hubwire.wire.messages import Close, Completion, Invocation, Message, Ping, StreamItem
from hubwire.wire.protocols import hub_protocols

CODECS = hub_protocols(ALL_PROTOCOLS, PropertyNames.AS_DECLARED)
JSON = CODECS["json"]

PING = {"type": 6}
CALL = {"type": 1, "target": "Order", "arguments": [5]}
STATEFUL = SessionLimits(replay_buffer_bytes=200)


def frame(*messages: object) -> bytes:
    return b"".join(json.dumps(message).encode() + b"\x1e" for message in messages)


def written(session: ClientSession) -> list[Any]:
    return [json.loads(part) for part in session.data_to_send().split(b"\x1e")[:-1]]


def opened(limits: SessionLimits | None = None, *glued: object) -> ClientSession:
    """A session behind its handshake, whose output and first event were taken."""
    session = ClientSession(JSON, limits or SessionLimits(), 0.0)
    session.data_to_send()
    session.receive_data(frame({}, *glued), 0.0)
    session.data_to_send()
    if not glued:
        assert session.events() == [Opened()]
    return session


def received(session: ClientSession) -> list[Message]:
    return [event.message for event in session.events() if isinstance(event, MessageReceived)]


def ended(session: ClientSession) -> Ended:
    (event,) = session.events()
    assert isinstance(event, Ended)
    return event


# The handshake


def test_the_handshake_comes_first_and_a_ping_right_behind_it() -> None:
    session = ClientSession(JSON, SessionLimits(), 0.0)
    assert written(session) == [{"protocol": "json", "version": 1}]
    session.receive_data(frame({}), 1.0)
    assert session.events() == [Opened()]
    assert written(session) == [PING]


def test_version_2_is_asked_for_with_stateful_reconnect_only() -> None:
    assert written(ClientSession(JSON, STATEFUL, 0.0)) == [{"protocol": "json", "version": 2}]


def test_no_ping_is_sent_where_the_transport_lives_by_itself() -> None:
    session = ClientSession(JSON, SessionLimits(keep_alive_seconds=None, server_timeout_seconds=None), 0.0)
    session.data_to_send()
    session.receive_data(frame({}), 1.0)
    assert session.data_to_send() == b""
    assert session.deadline is None


def test_the_handshake_is_text_and_what_follows_is_as_the_protocol() -> None:
    session = ClientSession(CODECS["messagepack"], SessionLimits(), 0.0)
    first = (session.is_binary, session.data_to_send())
    session.receive_data(b"{}\x1e\x02\x91\x06", 0.0)
    assert first == (False, b'{"protocol":"messagepack","version":1}\x1e')
    assert (session.is_binary, session.data_to_send()) == (True, b"\x02\x91\x06")


@pytest.mark.parametrize("answer", [b'{"error":"no"}\x1e', b"what?\x1e", b"x" * 40_000])
def test_an_answer_that_refuses_ends_it(answer: bytes) -> None:
    session = ClientSession(JSON, SessionLimits(), 0.0)
    session.receive_data(answer, 0.0)
    end = ended(session)
    assert isinstance(end.error, HandshakeFailed)
    assert not end.may_reconnect


def test_no_answer_in_time_ends_it() -> None:
    session = ClientSession(JSON, SessionLimits(handshake_timeout_seconds=5), 10.0)
    assert session.deadline == 15.0
    session.receive_data(b"{", 14.0)
    session.receive_time(14.9)
    assert session.events() == ()
    session.receive_time(15.0)
    end = ended(session)
    assert isinstance(end.error, HandshakeFailed)
    assert "5 s" in str(end.error)


def test_a_loss_during_the_handshake_fails_it() -> None:
    session = ClientSession(JSON, STATEFUL, 0.0)
    session.receive_end(None)
    assert isinstance(ended(session).error, HandshakeFailed)


def test_nothing_may_be_sent_before_it() -> None:
    with pytest.raises(NotConnected):
        ClientSession(JSON, SessionLimits(), 0.0).send(Invocation("x", []), 0.0)


# Messages


def test_messages_for_calls_streams_and_handlers_are_handed_out() -> None:
    session = opened()
    session.receive_data(frame(CALL, PING, {"type": 2, "invocationId": "1", "item": 2}), 1.0)
    session.receive_data(frame({"type": 3, "invocationId": "1"}, {"type": 77}, {"type": 5, "invocationId": "1"}), 1.0)
    assert received(session) == [Invocation("Order", [5]), StreamItem("1", 2), Completion("1")]


def test_the_size_of_each_message_is_told() -> None:
    session = opened()
    session.receive_data(frame(CALL), 1.0)
    (event,) = session.events()
    assert isinstance(event, MessageReceived)
    assert event.size_bytes == len(frame(CALL)) - 1


def test_calls_and_uploads_share_one_row_of_ids() -> None:
    session = opened()
    assert [session.next_id() for _ in range(3)] == ["0", "1", "2"]


def test_what_cannot_be_written_harms_nothing() -> None:
    session = opened(STATEFUL)
    with pytest.raises(TypeError):
        session.send(Invocation("x", [object()]), 0.0)
    session.send(Invocation("x", [1]), 0.0)
    assert [message["arguments"] for message in written(session)] == [[1]]
    session.receive_end(None)
    session.resume(0.0)
    assert written(session)[0] == {"type": 9, "sequenceId": 1}


CONVERSATION: list[Message] = [
    Invocation("Order", [5]),
    Ping(),
    Completion("0", "ü", None, True),
    StreamItem("1", [None]),
    Invocation("Order", ["x" * 200]),
    Close(),
]


@given(st.lists(st.integers(0, 400), max_size=8), st.sampled_from(sorted(ALL_PROTOCOLS)))
def test_where_the_input_is_cut_changes_nothing(cuts: list[int], protocol: str) -> None:
    codec = CODECS[protocol]
    conversation = b"{}\x1e" + b"".join(codec.encode(message) for message in CONVERSATION)
    session = ClientSession(codec, SessionLimits(), 0.0)
    for begin, end in itertools.pairwise([0, *sorted(cuts), len(conversation)]):
        session.receive_data(conversation[begin:end], 0.0)
    events = list(session.events())
    assert events[0] == Opened()
    assert events[-1] == Ended(None, may_reconnect=False, is_lost=False)
    messages = [event.message for event in events[1:-1] if isinstance(event, MessageReceived)]
    assert messages == [message for message in CONVERSATION if not isinstance(message, Ping | Close)]


@given(st.lists(st.binary(max_size=30), max_size=6), st.sampled_from(sorted(ALL_PROTOCOLS)), st.booleans())
def test_whatever_comes_is_an_event_or_the_end(chunks: list[bytes], protocol: str, has_begun: bool) -> None:
    limits = SessionLimits(maximum_receive_message_bytes=100, replay_buffer_bytes=100)
    session = ClientSession(CODECS[protocol], limits, 0.0)
    if has_begun:
        session.receive_data(b"{}\x1e", 0.0)
    for chunk in chunks:
        session.receive_data(chunk, 0.0)
    session.receive_end(None)
    events = session.events()
    assert isinstance(events[-1], Ended | Adrift)
    assert sum(isinstance(event, Ended | Adrift) for event in events) == 1


# Ends


@pytest.mark.parametrize("nonsense", [b"{\x1e", b'{"type":3}\x1e', b"\xff\x1e"])
def test_what_is_no_message_ends_it_and_the_server_is_told(nonsense: bytes) -> None:
    session = opened()
    session.receive_data(frame(CALL) + nonsense + frame(CALL), 1.0)
    event, end = session.events()
    assert isinstance(event, MessageReceived)
    assert isinstance(end, Ended)
    assert isinstance(end.error, ProtocolViolation)
    assert not end.may_reconnect
    (close,) = written(session)
    assert close == {"type": 7, "error": str(end.error)}


def test_a_message_over_the_limit_ends_it() -> None:
    session = opened(SessionLimits(maximum_receive_message_bytes=50))
    session.receive_data(b"x" * 51, 1.0)
    end = ended(session)
    assert isinstance(end.error, ProtocolViolation)
    assert "50 B" in str(end.error)
    assert "maximum_receive_message_bytes" in str(end.error)


def test_a_close_is_answered_unless_we_may_come_again() -> None:
    session = opened()
    session.receive_data(frame({"type": 7}, CALL), 1.0)
    assert ended(session) == Ended(None, may_reconnect=False, is_lost=False)
    assert written(session) == [{"type": 7}]
    session = opened(STATEFUL)
    session.receive_data(frame({"type": 7, "error": "restart", "allowReconnect": True}), 1.0)
    end = ended(session)
    assert isinstance(end.error, ServerClosed)
    assert str(end.error) == "Server returned an error on close: restart"
    assert end.error.error == "restart"
    assert end.may_reconnect
    assert written(session) == []


def test_a_loss_may_be_followed_by_another_connection() -> None:
    session = opened()
    session.receive_end(None)
    assert ended(session) == Ended(None, may_reconnect=True, is_lost=True)
    with pytest.raises(NotConnected):
        session.send(Invocation("x", []), 0.0)
    session.receive_end(None)
    session.send_close(0.0)
    session.send_failure(ServerTimeout(1))
    session.receive_data(frame(CALL), 0.0)
    session.receive_time(1000.0)
    assert session.events() == ()
    assert session.deadline is None


def test_a_good_bye_is_said() -> None:
    session = opened()
    session.send_close(1.0)
    assert written(session) == [{"type": 7}]
    assert ended(session) == Ended(None, may_reconnect=False, is_lost=False)


def test_a_step_that_a_phase_does_not_allow_is_a_mistake_of_ours() -> None:
    with pytest.raises(LocalProtocolError, match=r"'closed'.*'ended'"):
        advance(Phase.CLOSED, Step.ENDED)


# Time


def test_a_ping_is_sent_after_a_silence_of_ours() -> None:
    session = opened()
    session.receive_data(frame(PING), 10.0)
    session.send(Invocation("x", []), 10.0)
    session.data_to_send()
    assert session.deadline == 25.0
    session.receive_time(24.0)
    assert session.data_to_send() == b""
    session.receive_time(25.0)
    assert written(session) == [PING]
    assert session.deadline == 40.0


def test_a_server_that_falls_silent_is_lost() -> None:
    session = opened(SessionLimits(keep_alive_seconds=None))
    session.receive_data(b"", 5.0)
    assert session.deadline == 35.0
    session.receive_time(34.0)
    assert session.events() == ()
    session.receive_time(35.0)
    end = ended(session)
    assert isinstance(end.error, ServerTimeout)
    assert end.may_reconnect
    assert end.is_lost


def test_silence_means_nothing_while_we_do_not_listen() -> None:
    session = opened(SessionLimits(keep_alive_seconds=None))
    session.pause()
    session.receive_time(31.0)
    session.unpause(50.0)
    session.receive_time(79.0)
    assert session.events() == ()
    session.receive_time(80.0)
    assert isinstance(ended(session).error, ServerTimeout)
