"""Questions to the client: ids, deadlines, answers that nobody waits for, and calls that make way for them."""

from __future__ import annotations

import math

from hubwire.options import HubOptions
from hubwire.session.events import AnswerOverdue, AnswerReceived, InvocationReceived, UploadEnded
from hubwire.session.results import Questions
from hubwire.wire.messages import Completion

from .support import Wire, call, completion


def test_questions_are_calls_with_ids_of_their_own() -> None:
    wire = Wire()
    assert [wire.session.send_question("Ask", [1], 30.0) for _ in range(2)] == ["s1", "s2"]
    assert wire.sent() == [
        {"type": 1, "invocationId": "s1", "target": "Ask", "arguments": [1]},
        {"type": 1, "invocationId": "s2", "target": "Ask", "arguments": [1]},
    ]


def test_answers_come_back_under_the_questions_id() -> None:
    wire = Wire()
    for _ in range(3):
        wire.session.send_question("Ask", [], 30.0)
    assert wire.receives(completion("s3", result=10), completion("s1", error="bad"), completion("s2")) == [
        AnswerReceived(Completion("s3", 10, has_result=True)),
        AnswerReceived(Completion("s1", error="bad")),
        AnswerReceived(Completion("s2")),
    ]


def test_answers_to_no_question_are_ignored() -> None:
    wire = Wire()
    wire.session.send_question("Ask", [], 30.0)
    wire.receives(completion("s1", result=1))
    assert wire.receives(completion("s1", result=2), completion("s2", result=3), call(1)) != []
    assert wire.sent()[1:] == []


def test_a_forgotten_questions_answer_is_ignored_and_the_connection_goes_on() -> None:
    wire = Wire()
    question = wire.session.send_question("Ask", [], 30.0)
    wire.session.forget_question(question)
    assert wire.receives(completion("s1", result=1)) == []
    assert wire.at(30.0) == []
    assert wire.session.send_question("Ask", [], 60.0) == "s2"


def test_a_question_is_overdue_at_its_deadline_and_its_answer_too_late() -> None:
    wire = Wire()
    wire.session.send_question("Slow", [], 9.0)
    wire.session.send_question("Slower", [], 12.0)
    assert wire.session.deadline == 9.0
    assert wire.at(8.9) == []
    assert wire.at(9.0) == [AnswerOverdue("s1")]
    assert wire.session.deadline == 12.0
    assert wire.receives(completion("s1", result=1)) == []
    assert wire.receives(completion("s2", result=1)) == [AnswerReceived(Completion("s2", 1, has_result=True))]


def test_a_clients_stream_ids_win_over_our_question_ids() -> None:
    wire = Wire()
    wire.session.send_question("Ask", [], 30.0)
    wire.receives(call(1, "Up", "s1"))
    assert wire.receives(completion("s1")) == [UploadEnded("s1", None)]
    assert wire.receives(completion("s1", result=1)) == [AnswerReceived(Completion("s1", 1, has_result=True))]


def test_no_question_leaves_no_deadline() -> None:
    questions = Questions()
    first, second = questions.add(5.0), questions.add(3.0)
    assert questions.overdue(2.0) == []
    assert questions.remove(second)
    assert not questions.remove(second)
    assert questions.overdue(4.0) == []
    assert questions.deadline == 5.0
    assert questions.remove(first)
    assert questions.deadline == math.inf


# Giving way


def test_a_call_that_waits_for_the_client_gives_its_permit_back_for_good() -> None:
    wire = Wire(HubOptions(maximum_parallel_invocations=1))
    (first,) = wire.receives(call(1), call(2), call(3))
    assert isinstance(first, InvocationReceived)
    wire.session.give_way(first.invocation, 0.0)
    (second,) = wire.events()
    wire.session.give_way(first.invocation, 0.0)  # it has none any more
    assert wire.events() == []
    wire.session.send_result(first.invocation, "answered", 0.0)
    assert wire.events() == []
    assert isinstance(second, InvocationReceived)
    wire.session.send_result(second.invocation, None, 0.0)
    (third,) = wire.events()
    assert isinstance(third, InvocationReceived)
    assert [message["invocationId"] for message in wire.sent()] == ["1", "2"]


def test_no_more_calls_give_way_than_there_may_be_streams() -> None:
    wire = Wire(HubOptions(maximum_parallel_invocations=1, maximum_streams=2))
    (event,) = wire.receives(*map(call, range(1, 9)))
    begun = []
    for _ in range(3):
        assert isinstance(event, InvocationReceived)
        begun.append(event.invocation)
        wire.session.give_way(event.invocation, 0.0)
        (event,) = wire.events() or [event]
    assert begun[-1].invocation_id == "3"
    assert wire.events() == []  # the third has kept its permit
    wire.session.send_result(begun[0], None, 0.0)
    assert wire.events() == []
    wire.session.give_way(begun[2], 0.0)
    (fourth,) = wire.events()
    assert isinstance(fourth, InvocationReceived)
    assert fourth.invocation.invocation_id == "4"


def test_an_answer_behind_a_waiting_call_is_read_once_the_asking_call_gives_way() -> None:
    wire = Wire(HubOptions(maximum_parallel_invocations=1))
    (first,) = wire.receives(call(1), call(2))
    assert isinstance(first, InvocationReceived)
    wire.session.send_question("Ask", [], 30.0)
    assert wire.receives(completion("s1", result=1)) == []
    wire.session.give_way(first.invocation, 0.0)
    second, answer = wire.events()
    assert isinstance(second, InvocationReceived)
    assert isinstance(answer, AnswerReceived)
