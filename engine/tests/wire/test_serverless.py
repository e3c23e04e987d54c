"""Bodies between a service and its upstream: events, payloads without framing, and answers that are one Completion."""

from __future__ import annotations

import contextlib

import pytest
from engine.tests.wire.payloads import json_values, messages, msgpack_values
from hypothesis import given
from hypothesis import strategies as st

from hubwire.errors import InvalidMessage
from hubwire.wire.codec import Codec
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import Completion, Invocation, Message, Ping
from hubwire.wire.msgpack_codec import MESSAGEPACK
from hubwire.wire.serverless import (
    CONNECTED,
    ConnectedEvent,
    DisconnectedEvent,
    disconnected_payload,
    read_completion,
    read_connection_event,
    unframed,
)

codecs = pytest.mark.parametrize("codec", [JSON, MESSAGEPACK], ids=lambda codec: str(codec.name))


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        (CONNECTED, ConnectedEvent()),
        (b'{"type":11}', DisconnectedEvent()),
        (b'{"type":11,"error":null}', DisconnectedEvent()),
        (b'{"type":11,"error":"x"}', DisconnectedEvent("x")),
        (b'{"Type":11,"Error":"x"}', DisconnectedEvent("x")),
        (b'{"TYPE":10,"more":[1]}', ConnectedEvent()),
    ],
)
def test_events_are_read(payload: bytes, event: ConnectedEvent | DisconnectedEvent) -> None:
    assert read_connection_event(payload) == event


@pytest.mark.parametrize(
    "payload",
    [
        *(
            b"",
            b"{}",
            b"[]",
            b"10",
            b'{"type":"10"}',
            b'{"type":10.0}',
            b'{"type":true}',
            b'{"type":1}',
            b'{"type":12}',
        ),
        *(b'{"type":11,"error":1}', b'{"type":10', b"\xff", b'{"type":10}\x1e', b"[" * 100_000),
    ],
)
def test_what_is_no_event_is_refused(payload: bytes) -> None:
    with pytest.raises(InvalidMessage):
        read_connection_event(payload)


@given(st.none() | st.text())
def test_an_error_comes_back(error: str | None) -> None:
    assert read_connection_event(disconnected_payload(error)) == DisconnectedEvent(error)


def test_half_characters_of_an_error_are_replaced() -> None:
    assert read_connection_event(disconnected_payload("a\ud800")) == DisconnectedEvent("a?")


@pytest.mark.parametrize(
    ("codec", "message", "payload"),
    [
        (JSON, Invocation("t", [1], "1"), b'{"type":1,"invocationId":"1","target":"t","arguments":[1]}'),
        (JSON, Invocation("t", []), b'{"type":1,"target":"t","arguments":[]}'),
        (MESSAGEPACK, Invocation("t", [1], "1"), b"\x96\x01\x80\xa11\xa1t\x91\x01\x90"),
        (MESSAGEPACK, Invocation("t", []), b"\x96\x01\x80\xc0\xa1t\x90\x90"),
    ],
)
def test_payloads_have_no_framing(codec: Codec, message: Message, payload: bytes) -> None:
    assert unframed(codec, message) == payload


@given(messages(json_values))
def test_json_payloads_come_back(message: Message) -> None:
    assert JSON.decode(unframed(JSON, message)) == message


@given(messages(msgpack_values))
def test_messagepack_payloads_come_back(message: Message) -> None:
    assert MESSAGEPACK.decode(unframed(MESSAGEPACK, message)) == message


@codecs
@pytest.mark.parametrize(
    "completion",
    [
        Completion("1"),
        Completion("1", None, None, True),
        Completion("1", [1, "x"], None, True),
        Completion("1", error="e"),
    ],
)
def test_one_framed_completion_is_an_answer(codec: Codec, completion: Completion) -> None:
    assert read_completion(codec, codec.encode(completion), "1") == completion


@codecs
def test_everything_else_says_what_it_is_instead(codec: Codec) -> None:
    answer = codec.encode(Completion("1", 2, has_result=True))
    for body, text in (
        (unframed(codec, Completion("1", 2, has_result=True)), "lacks"),
        (answer[:-1], "lacks"),
        (answer + answer, "more than one"),
        (answer + b"x", "more than one"),
        (codec.encode(Ping()), "another message"),
        (codec.encode(Invocation("t", [])), "another message"),
        (codec.encode(Completion("2")), "another call"),
        (b"OK", "lacks"),
    ):
        with pytest.raises(InvalidMessage, match=text):
            read_completion(codec, body, "1")


def test_the_other_protocols_answer_is_none() -> None:
    for codec, other in ((JSON, MESSAGEPACK), (MESSAGEPACK, JSON)):
        with pytest.raises(InvalidMessage):
            read_completion(codec, other.encode(Completion("1", "a result", has_result=True)), "1")


@codecs
@given(body=st.binary(max_size=60))
def test_any_bytes_are_an_answer_or_refused(codec: Codec, body: bytes) -> None:
    with contextlib.suppress(InvalidMessage):
        assert read_completion(codec, body, "1").invocation_id == "1"
