"""The JSON codec: a table of texts, the leniency that newer peers need, and the round trip."""

from __future__ import annotations

import contextlib
import json
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.errors import InvalidMessage
from hubwire.wire.encoded import EncodedMessage, websocket_frame
from hubwire.wire.json_codec import JSON, JsonCodec
from hubwire.wire.messages import (
    Ack,
    CancelInvocation,
    Close,
    Completion,
    Invocation,
    Message,
    Ping,
    StreamInvocation,
    StreamItem,
)

WRITTEN: list[tuple[str, Message, str]] = [
    ("a call that wants no answer", Invocation("Log", ["hi"]), '{"type":1,"target":"Log","arguments":["hi"]}'),
    (
        "a call that wants one",
        Invocation("Add", [40, 2], "7"),
        '{"type":1,"invocationId":"7","target":"Add","arguments":[40,2]}',
    ),
    (
        "a call with an upload and headers",
        Invocation("Sum", [], "8", {"k": "v"}, ("9",)),
        '{"type":1,"invocationId":"8","target":"Sum","arguments":[],"streamIds":["9"],"headers":{"k":"v"}}',
    ),
    ("text that is not ASCII", Invocation("Söz", ["şğı<>&"]), '{"type":1,"target":"Söz","arguments":["şğı<>&"]}'),
    ("a stream item", StreamItem("9", 5), '{"type":2,"invocationId":"9","item":5}'),
    ("a stream item of nothing", StreamItem("9", None), '{"type":2,"invocationId":"9","item":null}'),
    ("a result", Completion("7", 42, has_result=True), '{"type":3,"invocationId":"7","result":42}'),
    ("no result", Completion("7", None, has_result=True), '{"type":3,"invocationId":"7","result":null}'),
    ("an end without a result", Completion("7"), '{"type":3,"invocationId":"7"}'),
    ("a failure", Completion("7", error="bad"), '{"type":3,"invocationId":"7","error":"bad"}'),
    (
        "a stream call",
        StreamInvocation("10", "Count", [3]),
        '{"type":4,"invocationId":"10","target":"Count","arguments":[3]}',
    ),
    ("a cancel", CancelInvocation("10"), '{"type":5,"invocationId":"10"}'),
    ("a ping", Ping(), '{"type":6}'),
    ("a close", Close(), '{"type":7}'),
    ("a close with everything", Close("gone", True), '{"type":7,"error":"gone","allowReconnect":true}'),
]


@pytest.mark.parametrize(("message", "text"), [row[1:] for row in WRITTEN], ids=[row[0] for row in WRITTEN])
def test_messages_are_written_without_a_superfluous_property(message: Message, text: str) -> None:
    assert JSON.encode(message).decode() == text + "\x1e"


@pytest.mark.parametrize(("message", "text"), [row[1:] for row in WRITTEN], ids=[row[0] for row in WRITTEN])
def test_what_is_written_can_be_read(message: Message, text: str) -> None:
    assert JSON.decode(text.encode()) == message


READ: list[tuple[str, str, Message | None]] = [
    ("type last", '{"arguments":[1],"target":"A","invocationId":"0","type":1}', Invocation("A", [1], "0")),
    ("an empty id means none", '{"type":1,"invocationId":"","target":"A","arguments":[]}', Invocation("A", [])),
    ("a null id means none", '{"type":1,"invocationId":null,"target":"A","arguments":[]}', Invocation("A", [])),
    ("unknown properties", '{"type":6,"zig":{"zag":[{"type":7}]}}', Ping()),
    ("headers null", '{"type":1,"target":"A","arguments":[],"headers":null}', Invocation("A", [])),
    (
        "a header null",
        '{"type":1,"target":"A","arguments":[],"headers":{"a":null,"b":"c"}}',
        Invocation("A", [], None, {"b": "c"}),
    ),
    ("the last of two equal keys", '{"type":6,"type":7}', Close()),
    ("a type of tomorrow", '{"type":17,"target":5,"item":{}}', None),
    ("an ack", '{"type":8,"sequenceId":300}', Ack(300)),
    ("a close of JavaScript", '{"type":7}', Close()),
    ("white space", ' { "type" : 6 } ', Ping()),
]


@pytest.mark.parametrize(("text", "message"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_reading_is_lenient(text: str, message: Message | None) -> None:
    assert JSON.decode(text.encode()) == message


MALFORMED = {
    "nothing": b"",
    "no JSON": b"{",
    "two values": b'{"type":6}{"type":6}',
    "no object": b"[6]",
    "no type": b'{"target":"A"}',
    "a type that is text": b'{"type":"6"}',
    "an array that never ends": b"[" * 100_000,
    "deep arguments": b'{"type":1,"target":"A","arguments":' + b"[" * 100_000,
    "bytes that are no UTF-8": b'{"type":1,"target":"\xff","arguments":[]}',
    "a bare NaN": b'{"type":1,"target":"A","arguments":[NaN]}',
    "no target": b'{"type":1,"arguments":[]}',
    "an empty target": b'{"type":1,"target":"","arguments":[]}',
    "no arguments": b'{"type":1,"target":"A"}',
    "arguments that are no array": b'{"type":1,"target":"A","arguments":{}}',
    "an id that is no text": b'{"type":1,"target":"A","arguments":[],"invocationId":1}',
    "stream ids that are no text": b'{"type":1,"target":"A","arguments":[],"streamIds":[1]}',
    "a header that is a number": b'{"type":1,"target":"A","arguments":[],"headers":{"a":1}}',
    "a stream call without an id": b'{"type":4,"target":"A","arguments":[]}',
    "a stream call with an empty id": b'{"type":4,"invocationId":"","target":"A","arguments":[]}',
    "an item without the item": b'{"type":2,"invocationId":"1"}',
    "a completion without an id": b'{"type":3,"result":1}',
    "a completion that says both": b'{"type":3,"invocationId":"1","result":1,"error":"e"}',
    "a cancel without an id": b'{"type":5}',
}


@pytest.mark.parametrize("payload", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_messages_are_the_peers_fault(payload: bytes) -> None:
    with pytest.raises(InvalidMessage):
        JSON.decode(payload)


@given(st.binary(max_size=60))
def test_whatever_arrives_is_read_or_refused(payload: bytes) -> None:
    with contextlib.suppress(InvalidMessage):
        JSON.decode(payload)


payloads = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.text(min_size=1), st.lists(payloads, max_size=4), st.none() | st.text(min_size=1))
def test_invocations_come_back_as_they_went(target: str, arguments: list[object], invocation_id: str | None) -> None:
    message = Invocation(target, arguments, invocation_id)
    encoded = JSON.encode(message)
    assert encoded.endswith(b"\x1e")
    assert b"\x1e" not in encoded[:-1]
    assert JSON.decode(encoded[:-1]) == message


@given(payloads)
def test_results_come_back_as_they_went(result: object) -> None:
    message = Completion("1", result, has_result=True)
    assert JSON.decode(JSON.encode(message)[:-1]) == message


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    "wrap", [lambda x: x, lambda x: [x], lambda x: {"a": {"b": (1.0, x)}}], ids=["bare", "list", "deep"]
)
def test_numbers_without_a_json_form_are_refused_not_changed_to_null(number: float, wrap: object) -> None:
    assert callable(wrap)
    with pytest.raises(ValueError, match="no JSON form"):
        JSON.encode(Invocation("A", [wrap(number)]))
    with pytest.raises(ValueError, match="no JSON form"):
        JSON.encode(Completion("1", wrap(number), has_result=True))


def test_none_is_not_mistaken_for_a_number_without_a_form() -> None:
    assert (
        JSON.encode(Invocation("A", [None, 1.5, "null"]))
        == b'{"type":1,"target":"A","arguments":[null,1.5,"null"]}\x1e'
    )


def test_values_of_other_types_have_the_form_that_clients_expect() -> None:
    arguments = [b"\x01\x02\x03", datetime(2000, 1, 1, tzinfo=UTC), uuid.UUID(int=10)]
    fields = json.loads(JSON.encode(Invocation("A", arguments))[:-1])
    assert fields["arguments"] == ["AQID", "2000-01-01T00:00:00Z", "00000000-0000-0000-0000-00000000000a"]


def test_a_value_that_cannot_be_written_is_our_fault() -> None:
    with pytest.raises(TypeError):
        JSON.encode(Invocation("A", [object()]))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_frames_carry_the_payload_whole(size: int) -> None:
    frame = websocket_frame(b"x" * size, is_binary=False)
    header = {0: 2, 1: 2, 125: 2, 126: 4, 65535: 4, 65536: 10}[size]
    assert frame[0] == 0x81
    assert len(frame) == header + size
    assert websocket_frame(b"", is_binary=True)[0] == 0x82


class CountingCodec(JsonCodec):
    """Counts how often it encodes."""

    def __init__(self) -> None:
        self.calls = 0

    def encode(self, message: Message) -> bytes:
        self.calls += 1
        return super().encode(message)


def test_a_message_is_encoded_and_framed_once_for_all() -> None:
    codec = CountingCodec()
    message = EncodedMessage.invocation("A", [1])
    assert message.frame(codec) is message.frame(codec)
    assert message.payload(codec) is message.payload(codec)
    assert codec.calls == 1
