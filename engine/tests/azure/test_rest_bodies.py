"""Bodies that carry a message, in each of their forms (azure-serverless 3.4)."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.azure.rest_bodies import read_invocation, read_message, read_stream_item
from hubwire.azure.rest_errors import RestError
from hubwire.wire.codec import Codec
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import Close, Completion, Invocation, Message, StreamItem
from hubwire.wire.msgpack_codec import MESSAGEPACK

CALL = Invocation("t", [1, {"a": None}])
ENCODED = "application/octet-stream"


def _encoded(*messages: Message) -> bytes:
    """As the service's own tools write it."""
    codecs: tuple[Codec, ...] = (JSON, MESSAGEPACK)
    return msgspec.msgpack.encode(
        {codec.name: codec.encode(message) for codec, message in zip(codecs, messages, strict=False)}
    )


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"target":"t","arguments":[1,{"a":null}]}', ""),
        (b'{"Target":"t","Arguments":[1,{"a":null}]}', "application/json; charset=utf-8"),
        (b' {"ARGUMENTS":[1,{"a":null}],"other":1,"target":"t"} ', "Application/JSON"),
        (msgspec.msgpack.encode({"Target": "t", "arguments": [1, {"a": None}]}), "application/x-msgpack"),
        (_encoded(CALL, CALL), ENCODED),
        (_encoded(CALL), ENCODED),
    ],
)
def test_a_message_in_each_form(body: bytes, content_type: str) -> None:
    message = read_message(body, content_type)
    assert message.message == CALL
    assert read_invocation(body, content_type) == CALL
    assert JSON.decode(message.payload(JSON).removesuffix(b"\x1e")) == CALL
    assert message.payload(MESSAGEPACK) == MESSAGEPACK.encode(CALL)


@pytest.mark.parametrize("body", [b'{"target":"t"}', b'{"Target":"t","Arguments":null}'])
def test_arguments_may_be_missing(body: bytes) -> None:
    assert read_message(body, "").message == Invocation("t", [])


def test_encoded_messages_are_passed_on_as_they_are() -> None:
    json = b'{ "type":1, "target":"t", "arguments":[1.0] }\x1e'
    messagepack = MESSAGEPACK.encode(Invocation("t", [1.0]))
    message = read_message(msgspec.msgpack.encode({"json": json, "messagepack": messagepack}), ENCODED)
    assert message.payload(JSON) == json
    assert message.payload(MESSAGEPACK) == messagepack


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", ""),
        (b"", ENCODED),
        (b"", "application/x-msgpack"),
        (b"{", ""),
        (b"\xff", ""),
        (b"[]", ""),
        (b"null", ""),
        (b"{}", ""),
        (b'{"target":""}', ""),
        (b'{"target":1}', ""),
        (b'{"target":"t","arguments":{}}', ""),
        (b'{"target":"t","arguments":[1e999]}', ""),
        (b'{"target":"t","arguments":[NaN]}', ""),
        (b'{"target":"t","arguments":' + b"[" * 65 + b"]" * 65 + b"}", ""),
        (b'{"target":"t","arguments":' + b"[" * 100_000 + b"]" * 100_000 + b"}", ""),
        (b'{"target":"t"}', "text/plain"),
        (b'{"target":"t"}', "multipart/form-data; boundary=x"),
        (msgspec.msgpack.encode({"target": "t", "arguments": [float("nan")]}), "application/x-msgpack"),
        (msgspec.msgpack.encode({"target": "t", "arguments": [msgspec.msgpack.Ext(5, b"x")]}), "application/x-msgpack"),
        (b"\x91" * 100_000, "application/x-msgpack"),
        (msgspec.msgpack.encode({}), ENCODED),
        (msgspec.msgpack.encode({"blazorpack": b""}), ENCODED),
        (msgspec.msgpack.encode({"json": ""}), ENCODED),
        (msgspec.msgpack.encode({"json": b""}), ENCODED),
        (msgspec.msgpack.encode({"json": b'{"type":1,"target":"t","arguments":[]}'}), ENCODED),
        (msgspec.msgpack.encode({"json": JSON.encode(CALL) * 2}), ENCODED),
        (msgspec.msgpack.encode({"json": JSON.encode(CALL) + b"{"}), ENCODED),
        (msgspec.msgpack.encode({"json": b"{}\x1e"}), ENCODED),
        (msgspec.msgpack.encode({"json": b'{"type":99}\x1e'}), ENCODED),
        (msgspec.msgpack.encode({"messagepack": MESSAGEPACK.encode(CALL)[:-1]}), ENCODED),
        (_encoded(Close()), ENCODED),
        (_encoded(CALL, Completion("1")), ENCODED),
        (_encoded(Invocation("t", [], "1")), ENCODED),
    ],
)
def test_what_is_no_message_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(RestError) as refused:
        read_message(body, content_type)
    assert refused.value.status == 400


def test_what_would_close_clients_of_one_protocol_is_sent_to_none() -> None:
    arguments = "[1180591620717411303424]"
    framed = f'{{"type":1,"target":"t","arguments":{arguments}}}\x1e'.encode()
    for body, content_type in (
        (f'{{"target":"t","arguments":{arguments}}}'.encode(), ""),
        (msgspec.msgpack.encode({"json": framed}), ENCODED),
    ):
        for read in (read_message, read_invocation):
            with pytest.raises(RestError, match="written as messagepack: MessagePack has no integers beyond 64 bits"):
                read(body, content_type)


def test_what_a_client_is_asked_with_may_carry_an_id_which_does_not_count() -> None:
    assert read_invocation(_encoded(Invocation("t", [2], "7")), ENCODED) == Invocation("t", [2])
    with pytest.raises(RestError, match="no Invocation"):
        read_invocation(_encoded(Close()), ENCODED)


def test_items_of_streams() -> None:
    item = StreamItem("s1", {"n": 1})
    assert read_stream_item(b'{"n":1}', "", "s1").message == item
    assert read_stream_item(msgspec.msgpack.encode({"n": 1}), "application/x-msgpack", "s1").message == item
    assert read_stream_item(_encoded(item, item), ENCODED, "s1").message == item
    for body in (_encoded(item), _encoded(CALL)):
        with pytest.raises(RestError, match="no StreamItem"):
            read_stream_item(body, ENCODED, "s2")


@given(st.binary(max_size=200), st.sampled_from(["", "application/x-msgpack", ENCODED]))
def test_whatever_comes_is_a_message_or_refused(body: bytes, content_type: str) -> None:
    for read in (
        lambda: read_message(body, content_type),
        lambda: read_invocation(body, content_type),
        lambda: read_stream_item(body, content_type, "s"),
    ):
        with suppress(RestError):
            read()


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.text(min_size=1), st.lists(_VALUES, max_size=12))
def test_what_is_written_is_what_is_read(target: str, arguments: list[object]) -> None:
    call = Invocation(target, arguments)
    for body, content_type in (
        (msgspec.json.encode({"target": target, "arguments": arguments}), ""),
        (msgspec.msgpack.encode({"target": target, "arguments": arguments}), "application/x-msgpack"),
        (_encoded(call, call), ENCODED),
    ):
        assert read_message(body, content_type).message == call
