"""Streams both ways in the session: ids, limits, buffers that fill up, cancels, permits."""

from __future__ import annotations

import pytest

from hubwire.options import HubOptions
from hubwire.session.events import (
    CancelReceived,
    Ended,
    EndReason,
    InvocationReceived,
    SessionEvent,
    StreamInvocationReceived,
    UploadEnded,
    UploadItemReceived,
)
from hubwire.session.session import READ_AHEAD_BYTES
from hubwire.wire.messages import Invocation, StreamInvocation

from .support import PING, Wire, call, cancel, completion, item, stream

LARGE = "x" * 400


def begun(event: SessionEvent) -> StreamInvocation:
    assert isinstance(event, StreamInvocationReceived)
    return event.invocation


def invoked(event: SessionEvent) -> Invocation:
    assert isinstance(event, InvocationReceived)
    return event.invocation


# To the client


def test_items_and_an_empty_completion_carry_the_callers_id() -> None:
    wire = Wire()
    (event,) = wire.receives(stream("1"))
    wire.session.send_item(begun(event), "a")
    wire.session.send_item(begun(event), None)
    wire.session.send_stream_end(begun(event), 0.0)
    assert wire.sent() == [
        {"type": 2, "invocationId": "1", "item": "a"},
        {"type": 2, "invocationId": "1", "item": None},
        {"type": 3, "invocationId": "1"},
    ]


def test_a_stream_that_fails_is_completed_with_its_error() -> None:
    wire = Wire()
    (event,) = wire.receives(stream("1"))
    wire.session.send_stream_end(begun(event), 0.0, "bad")
    assert wire.sent() == [{"type": 3, "invocationId": "1", "error": "bad"}]


def test_streams_need_no_permit_and_do_not_hold_up_calls() -> None:
    wire = Wire(HubOptions(maximum_parallel_invocations=1))
    first, second, plain, third = wire.receives(stream("1"), stream("2"), call(3), stream("4"))
    assert [begun(each).invocation_id for each in (first, second, third)] == ["1", "2", "4"]
    assert invoked(plain).invocation_id == "3"


def test_a_stream_behind_a_waiting_call_waits_too() -> None:
    wire = Wire(HubOptions(maximum_parallel_invocations=1))
    (first,) = wire.receives(call(1), call(2), stream("3"))
    wire.session.send_result(invoked(first), None, 0.0)
    second, third = wire.events()
    assert invoked(second).invocation_id == "2"
    assert begun(third).invocation_id == "3"


def test_the_id_of_a_running_stream_is_refused_and_the_first_goes_on() -> None:
    wire = Wire()
    (event,) = wire.receives(stream("1"), stream("1"))
    assert wire.sent() == [{"type": 3, "invocationId": "1", "error": "Invocation ID '1' is already in use."}]
    wire.session.send_item(begun(event), 5)
    assert wire.sent() == [{"type": 2, "invocationId": "1", "item": 5}]


def test_an_id_is_free_again_with_the_completion() -> None:
    wire = Wire()
    (event,) = wire.receives(stream("1"))
    wire.session.send_stream_end(begun(event), 0.0)
    (again,) = wire.receives(stream("1"))
    assert begun(again).invocation_id == "1"


def test_cancels_are_passed_on_whatever_they_are_for() -> None:
    wire = Wire()
    wire.receives(stream("1"))
    assert wire.receives(cancel("1"), cancel("unknown")) == [CancelReceived("1"), CancelReceived("unknown")]
    assert wire.sent() == []


def test_cancels_are_read_while_a_call_runs() -> None:
    wire = Wire(HubOptions(maximum_parallel_invocations=1))
    wire.receives(stream("1"), call(2))
    assert wire.receives(cancel("1")) == [CancelReceived("1")]


def test_an_item_that_cannot_be_written_ends_the_connection() -> None:
    wire = Wire()
    (event,) = wire.receives(stream("1"))
    wire.session.send_item(begun(event), object())
    assert wire.sent() == [{"type": 7, "error": "Connection closed with an error.", "allowReconnect": True}]
    (end,) = wire.events()
    assert isinstance(end, Ended)
    assert end.reason is EndReason.FAILED
    assert isinstance(end.error, TypeError)
    wire.session.send_stream_end(begun(event), 0.0)
    assert wire.sent() == []


# Limits


def test_a_stream_above_the_limit_is_refused_and_the_connection_stays() -> None:
    wire = Wire(HubOptions(maximum_streams=2))
    first, second = wire.receives(stream("1"), stream("2"), stream("3"))
    text = "Failed to invoke 'Count' because the connection has too many streams, 2 at most."
    assert wire.sent() == [{"type": 3, "invocationId": "3", "error": text}]
    wire.session.send_stream_end(begun(second), 0.0)
    (third,) = wire.receives(stream("3"))
    assert begun(third).invocation_id == "3"
    assert begun(first).invocation_id == "1"


def test_streams_of_both_directions_count() -> None:
    wire = Wire(HubOptions(maximum_streams=3))
    upload, down = wire.receives(call(1, "Up", "a", "b"), stream("2"), stream("3"))
    assert [message["invocationId"] for message in wire.sent()] == ["3"]
    wire.session.send_result(invoked(upload), None, 0.0)
    (both,) = wire.receives(stream("3", "c"))
    assert begun(both).stream_ids == ("c",)
    assert begun(down).invocation_id == "2"


def test_completing_its_uploads_does_not_let_a_client_start_more_calls_than_the_limit() -> None:
    wire = Wire(HubOptions(maximum_streams=2))
    for number in range(2):
        wire.receives(call(number, "Up", f"s{number}"), completion(f"s{number}"))
    assert wire.receives(call(3, "Up", "s3")) == []
    (refusal,) = wire.sent()
    assert refusal["invocationId"] == "3"
    assert "too many streams" in refusal["error"]


def test_a_refused_call_that_wants_no_completion_is_dropped_in_silence() -> None:
    wire = Wire(HubOptions(maximum_streams=1))
    assert wire.receives(call(None, "Up", "a", "b"), item("a", 1)) == []
    assert wire.sent() == []


@pytest.mark.parametrize("second", [call(2, "Up", "a"), call(2, "Up", "b", "b")])
def test_an_upload_id_stands_for_one_upload(second: bytes) -> None:
    wire = Wire()
    wire.receives(call(1, "Up", "a"))
    assert wire.receives(second) == []
    (refusal,) = wire.sent()
    assert refusal["invocationId"] == "2"
    assert refusal["error"].endswith("is already in use.")


# From the client


def test_items_are_passed_on_as_they_come_and_then_the_end() -> None:
    wire = Wire()
    (event,) = wire.receives(call(1, "Up", "a", "b"))
    assert invoked(event).stream_ids == ("a", "b")
    assert wire.receives(item("a", 1)) == [UploadItemReceived("a", 1)]
    assert wire.receives(item("b", [2]), completion("a"), item("b", None), completion("b", error="bad")) == [
        UploadItemReceived("b", [2]),
        UploadEnded("a", None),
        UploadItemReceived("b", None),
        UploadEnded("b", "bad"),
    ]


def test_an_upload_takes_no_permit() -> None:
    wire = Wire(HubOptions(maximum_parallel_invocations=1))
    uploads = wire.receives(call(1, "Up", "a"), call(2, "Up", "b"), call(3), call(4))
    assert [invoked(each).invocation_id for each in uploads] == ["1", "2", "3"]
    wire.session.send_result(invoked(uploads[0]), None, 0.0)
    assert wire.events() == []  # the permit is the third's still
    wire.session.send_result(invoked(uploads[2]), None, 0.0)
    assert [invoked(each).invocation_id for each in wire.events()] == ["4"]


def test_a_full_buffer_holds_up_everything_behind_the_next_item_until_one_is_read() -> None:
    wire = Wire(HubOptions(stream_buffer_items=1))
    (up,) = wire.receives(call(1, "Up", "a"))
    assert wire.receives(item("a", 1)) == [UploadItemReceived("a", 1)]
    (echo,) = wire.receives(call(2), item("a", 2), PING, call(3))
    wire.session.send_result(invoked(echo), None, 0.0)
    assert wire.events() == []
    wire.session.receive_read(invoked(up), "a", 0.0)
    taken, third = wire.events()
    assert taken == UploadItemReceived("a", 2)
    assert invoked(third).invocation_id == "3"


def test_reading_stops_behind_a_full_buffer_and_goes_on_when_it_is_read() -> None:
    wire = Wire(HubOptions(stream_buffer_items=1))
    up, _ = wire.receives(call(1, "Up", "a"), item("a", 1), item("a", 2))
    assert wire.session.wants_data
    wire.receives(PING * (READ_AHEAD_BYTES // len(PING) + 1))
    held = wire.session.wants_data
    wire.session.receive_read(invoked(up), "a", 0.0)
    assert (held, wire.session.wants_data) == (False, True)


def test_the_clients_time_stands_still_behind_a_full_buffer() -> None:
    wire = Wire(HubOptions(stream_buffer_items=1))
    up, _ = wire.receives(PING, call(1, "Up", "a"), item("a", 1), item("a", 2))
    assert wire.at(1000.0) == []
    wire.session.receive_read(invoked(up), "a", 1000.0)
    wire.events()
    assert wire.at(1029.0) == []
    (end,) = wire.at(1030.0)
    assert isinstance(end, Ended)
    assert end.reason is EndReason.TIMEOUT


def test_a_call_that_ends_lets_what_waited_behind_its_upload_go_on() -> None:
    wire = Wire(HubOptions(stream_buffer_items=1))
    (up,) = wire.receives(call(1, "Up", "a"), item("a", 1), item("a", 2), call(2))[:1]
    wire.session.send_error(invoked(up), "enough", 0.0)
    (second,) = wire.events()
    assert invoked(second).invocation_id == "2"


def test_an_upload_that_is_not_wanted_any_more_holds_up_nothing() -> None:
    wire = Wire(HubOptions(stream_buffer_items=1))
    up, _ = wire.receives(call(1, "Up", "a"), item("a", 1), item("a", 2), call(2))
    wire.session.end_upload(invoked(up), "a", 0.0)
    (second,) = wire.events()
    assert invoked(second).invocation_id == "2"
    assert wire.receives(item("a", 3), item("a", 4), completion("a")) == []


def test_items_of_all_uploads_together_wait_where_they_are_larger_than_the_buffer() -> None:
    wire = Wire(HubOptions(stream_buffer_bytes=1000))
    up, *_ = wire.receives(call(1, "Up", "a", "b"))
    assert len(wire.receives(item("a", LARGE), item("b", LARGE), item("a", LARGE), PING, call(2))) == 2
    wire.session.receive_read(invoked(up), "b", 0.0)
    taken, second = wire.events()
    assert taken == UploadItemReceived("a", LARGE)
    assert invoked(second).invocation_id == "2"


def test_an_upload_of_which_nothing_waits_may_have_one_item_however_full_others_are() -> None:
    wire = Wire(HubOptions(stream_buffer_bytes=1000))
    wire.receives(call(1, "Up", "a", "b", "c"), item("a", LARGE), item("a", LARGE))
    assert wire.receives(item("b", LARGE * 3)) == [UploadItemReceived("b", LARGE * 3)]
    assert wire.receives(item("c", LARGE), item("c", 1)) == [UploadItemReceived("c", LARGE)]


def test_what_a_completed_upload_has_left_unread_counts_until_it_is_read() -> None:
    wire = Wire(HubOptions(stream_buffer_bytes=1000))
    first, *_ = wire.receives(call(1, "Up", "a"), item("a", LARGE), item("a", LARGE), completion("a"))
    (second,) = wire.receives(call(2, "Up", "a"))  # the id is free again
    assert len(wire.receives(item("a", 1), item("a", LARGE))) == 1
    wire.session.receive_read(invoked(first), "a", 0.0)
    assert wire.events() == [UploadItemReceived("a", LARGE)]
    assert wire.receives(item("a", LARGE)) == []
    wire.session.receive_read(invoked(second), "a", 0.0)
    assert wire.events() == []
    wire.session.send_result(invoked(first), None, 0.0)  # nobody will read the rest of the first
    assert wire.events() == [UploadItemReceived("a", LARGE)]


def test_an_upload_that_is_not_wanted_any_more_leaves_its_room_to_others() -> None:
    wire = Wire(HubOptions(stream_buffer_bytes=1000))
    up, *_ = wire.receives(call(1, "Up", "a", "b"), item("a", LARGE), item("a", LARGE), item("b", 1), item("b", LARGE))
    wire.session.end_upload(invoked(up), "a", 0.0)
    assert wire.events() == [UploadItemReceived("b", LARGE)]


@pytest.mark.parametrize("message", [item("x", 1), completion("x"), completion("x", error="bad"), completion("s1")])
def test_messages_for_unknown_uploads_are_ignored(message: bytes) -> None:
    wire = Wire()
    (event,) = wire.receives(message, call(1))
    assert invoked(event).invocation_id == "1"
    assert wire.sent() == []


def test_items_after_the_end_of_an_upload_or_of_its_call_are_ignored() -> None:
    wire = Wire()
    event, _ = wire.receives(call(1, "Up", "a", "b"), completion("a"))
    assert wire.receives(item("a", 1)) == []
    wire.session.send_result(invoked(event), None, 0.0)
    assert wire.receives(item("b", 1), completion("b")) == []


def test_a_call_that_ends_does_not_end_a_later_upload_of_the_same_id() -> None:
    wire = Wire()
    first, *_ = wire.receives(call(1, "Up", "a"), completion("a"), call(2, "Up", "a"))
    wire.session.send_result(invoked(first), None, 0.0)
    assert wire.receives(item("a", 1)) == [UploadItemReceived("a", 1)]


def test_a_stream_may_take_uploads() -> None:
    wire = Wire()
    event, *items = wire.receives(stream("1", "a"), item("a", 1))
    assert begun(event).stream_ids == ("a",)
    assert items == [UploadItemReceived("a", 1)]
    wire.session.send_stream_end(begun(event), 0.0)
    assert wire.receives(item("a", 2)) == []
