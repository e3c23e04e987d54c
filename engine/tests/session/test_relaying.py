"""A session whose codecs relay: calls come out with their bytes, answers go out as they are, pings stay pings."""

from __future__ import annotations

import pytest
from engine.tests.session.support import Wire, call, completion, handshake

from hubwire.hub.failures import close_error
from hubwire.options import ALL_PROTOCOLS, HubOptions, PropertyNames
from hubwire.session.events import AnswerReceived, HandshakeAccepted, InvocationReceived
from hubwire.session.session import Session
from hubwire.wire.messages import Completion, Invocation
from hubwire.wire.protocols import hub_protocols
from hubwire.wire.relaying import FramedCompletion, RelayedInvocation, relay_protocols

PLAIN = hub_protocols(ALL_PROTOCOLS, PropertyNames.AS_DECLARED)


@pytest.mark.parametrize("protocol", ["json", "messagepack"])
def test_a_call_goes_on_and_its_answer_comes_back_byte_for_byte(protocol: str) -> None:
    codec = PLAIN[protocol]
    session = Session(HubOptions(), relay_protocols(ALL_PROTOCOLS), 0.0, close_error)
    session.receive_data(handshake().replace(b'"json"', f'"{protocol}"'.encode()), 0.0)
    (accepted,) = session.events()
    assert isinstance(accepted, HandshakeAccepted)
    assert accepted.codec is codec  # broadcasts are cached under the codec that every hub has
    assert session.codec is codec
    session.send_connected(0.0)
    session.data_to_send()

    session.receive_data(codec.encode(Invocation("Say", ["x", 1.5], "7")), 0.0)
    (received,) = session.events()
    assert isinstance(received, InvocationReceived)
    assert isinstance(received.invocation, RelayedInvocation)
    assert codec.decode(received.invocation.payload) == Invocation("Say", ["x", 1.5], "7")

    answer = codec.encode(Completion("7", {"a": [1]}, has_result=True))
    session.send_result(received.invocation, FramedCompletion(answer), 0.0)
    assert list(session.data_to_send()) == [answer]

    session.send_error(received.invocation, "no", 0.0)
    assert list(session.data_to_send()) == [codec.encode(Completion("7", error="no"))]


def relaying_wire() -> Wire:
    wire = Wire()
    wire.session = Session(HubOptions(), relay_protocols(ALL_PROTOCOLS), 0.0, close_error)
    wire.session.receive_data(handshake(), 0.0)
    wire.session.send_connected(0.0)
    wire.session.events()
    wire.sent()
    return wire


def test_the_answer_to_who_answers_a_call_is_read_although_another_call_stands_before_it() -> None:
    wire = relaying_wire()
    (asking,) = wire.receives(call(1, "Ask"))
    assert wire.receives(call(2, "Next")) == []  # one at a time
    question = wire.session.send_question("Sure", [], 30.0)
    wire.session.give_way_to_answer(0.0)
    (following,) = wire.events()
    assert isinstance(following, InvocationReceived)
    assert following.invocation.target == "Next"
    (answer,) = wire.receives(completion(question, result=True))
    assert isinstance(answer, AnswerReceived)
    assert isinstance(asking, InvocationReceived)
    wire.session.send_result(asking.invocation, FramedCompletion(b"1"), 0.0)
    assert wire.receives(call(3)) == []  # the second still has the place
    wire.session.send_result(following.invocation, FramedCompletion(b"2"), 0.0)
    assert len(wire.events()) == 1


def test_elsewhere_a_question_from_outside_lets_no_call_begin() -> None:
    wire = Wire()
    wire.receives(call(1), call(2))
    wire.session.send_question("Sure", [], 30.0)
    wire.session.give_way_to_answer(0.0)
    assert wire.events() == []
