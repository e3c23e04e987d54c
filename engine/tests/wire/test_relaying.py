"""Codecs of hubs whose calls go on: what a client sends keeps its bytes, and an answer is written as it is."""

from __future__ import annotations

import pytest
from engine.tests.wire.payloads import json_values, messages, msgpack_values
from hypothesis import given

from hubwire.errors import InvalidMessage
from hubwire.options import ALL_PROTOCOLS
from hubwire.wire.codec import Codec
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import Completion, Invocation, Message
from hubwire.wire.msgpack_codec import MESSAGEPACK
from hubwire.wire.relaying import FramedCompletion, RelayedInvocation, relay_protocols
from hubwire.wire.serverless import unframed

RELAYS = relay_protocols(ALL_PROTOCOLS)
pairs = pytest.mark.parametrize(
    ("relay", "codec"), [(RELAYS["json"], JSON), (RELAYS["messagepack"], MESSAGEPACK)], ids=["json", "messagepack"]
)


@pytest.mark.parametrize(
    ("codec", "payload"),
    [
        (
            JSON,
            b'{"type":1,"target":"t","arguments":[1.0,1e2,0.1000000000000000055511151231257827,12345678901234567890123]}',
        ),
        (
            JSON,
            b' {"arguments" : [null, "\\u00e9", {"a":1,"a":2}], "unknown":{"x":[]}, "target":"t","type":1}',
        ),
        (JSON, b'{"type":1,"target":"t","arguments":[' + b",".join(b"%d" % each for each in range(40)) + b"]}"),
        (JSON, b'{"type":1,"target":"t","arguments":[],"headers":{"a":"b","c":null}}'),
        (MESSAGEPACK, b"\x95\x01\x80\xa17\xa1t\x93\xca\x3f\x80\x00\x00\xc4\x01\xff\xd4\x05\x01"),  # float32, bin, ext
        (MESSAGEPACK, b"\x95\x01\x80\xa17\xa1t\x91\xd7\xff\x00\x00\x00\x06\x38\x6d\x43\x80"),  # a date with one ns
        (
            MESSAGEPACK,
            b"\x95\x01\x80\xa17\xa1t\x91\xc7\x0c\xff\x00\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff",
        ),  # no date
        (MESSAGEPACK, b"\xdc\x00\x07\x01\xc0\xc0\xd9\x01t\x91\xcf\x00\x00\x00\x00\x00\x00\x00\x01\x90\xa4more"),
    ],
)
def test_a_call_keeps_its_bytes(codec: Codec, payload: bytes) -> None:
    for data in (payload, bytearray(payload)):
        message = RELAYS[codec.name].decode(data)
        assert isinstance(message, RelayedInvocation)
        assert message.payload == payload
        assert message.protocol == codec.name
        assert message.target == "t"


@given(messages(json_values))
def test_json_messages_are_read_as_by_the_codec_itself(message: Message) -> None:
    check(JSON, message)


@given(messages(msgpack_values))
def test_messagepack_messages_are_read_as_by_the_codec_itself(message: Message) -> None:
    check(MESSAGEPACK, message)


def check(codec: Codec, message: Message) -> None:
    payload = unframed(codec, message)
    relayed, plain = RELAYS[codec.name].decode(payload), codec.decode(payload)
    if isinstance(relayed, RelayedInvocation):
        assert relayed.payload == payload
        assert isinstance(plain, Invocation)
        for name in plain.__struct_fields__:
            assert vars_of(relayed)[name] == vars_of(plain)[name]
    else:
        assert relayed == plain
    assert RELAYS[codec.name].encode(message) == codec.encode(message)


def vars_of(message: Invocation) -> dict[str, object]:
    return {
        "target": message.target,
        "arguments": message.arguments,
        "invocation_id": message.invocation_id,
        "headers": message.headers,
        "stream_ids": message.stream_ids,
    }


@pairs
def test_an_answer_is_written_unchanged(relay: Codec, codec: Codec) -> None:
    data = b"whatever it is"
    assert relay.encode(Completion("1", FramedCompletion(data), has_result=True)) == data


@pairs
def test_without_a_relay_an_answer_is_nothing_that_can_be_written(relay: Codec, codec: Codec) -> None:
    with pytest.raises(TypeError):
        codec.encode(Completion("1", FramedCompletion(b"x"), has_result=True))


@pairs
def test_messages_for_many_are_the_codecs_own(relay: Codec, codec: Codec) -> None:
    assert relay.shared is codec
    assert codec.shared is codec


@pairs
def test_a_message_of_another_process_is_found_by_every_connection(relay: Codec, codec: Codec) -> None:
    data = codec.encode(Invocation("t", [1]))
    message = EncodedMessage.received({relay: data}, {})
    assert message.payloads == {codec: data}
    assert message.payload(relay.shared) is data
    assert message.message == Invocation("t", [1])


@pairs
def test_a_call_that_goes_on_is_written_as_a_call(relay: Codec, codec: Codec) -> None:
    call = Invocation("t", [1], "7")
    relayed = relay.decode(unframed(codec, call))
    assert relayed is not None
    for other in (JSON, MESSAGEPACK):
        assert other.encode(relayed) == other.encode(call)


@pairs
def test_what_is_malformed_never_goes_on(relay: Codec, codec: Codec) -> None:
    with pytest.raises(InvalidMessage):
        relay.decode(b"\x01")


def test_only_the_protocols_asked_for_are_there() -> None:
    assert list(relay_protocols(frozenset({"json"}))) == ["json"]
