"""The JSON codec beyond the vectors: Python's own types, the round trip, and what hostile input costs."""

from __future__ import annotations

import contextlib
import enum
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import pytest
from engine.tests.wire.payloads import json_values, messages
from hypothesis import given
from hypothesis import strategies as st

from hubwire.errors import InvalidMessage
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import UNREADABLE, Completion, Invocation, Message


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass
class Price:
    unit_price: float
    color: Color = Color.RED


class Place(msgspec.Struct):
    name: str


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Price(1.5), '{"unit_price":1.5,"color":"red"}'),
        (Place("x"), '{"name":"x"}'),
        (Color.RED, '"red"'),
        (Level.HIGH, "3"),
        ((1, 2), "[1,2]"),
        (frozenset([1]), "[1]"),
        (b"\x01\x02\x03", '"AQID"'),
        (uuid.UUID(int=10), '"00000000-0000-0000-0000-00000000000a"'),
        (datetime(2000, 1, 1, tzinfo=UTC), '"2000-01-01T00:00:00Z"'),
        (datetime(2000, 1, 1, 12), '"2000-01-01T12:00:00"'),  # noqa: DTZ001 (no instant without a time zone)
        ({1: "a", Color.RED: "b"}, '{"1":"a","red":"b"}'),
        ([None, 1.5, "null"], '[null,1.5,"null"]'),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_of_python_are_written_as(value: object, text: str) -> None:
    assert JSON.encode(Invocation("A", [value])).decode() == f'{{"type":1,"target":"A","arguments":[{text}]}}\x1e'


@given(messages(json_values))
def test_messages_come_back_as_they_went(message: Message) -> None:
    encoded = JSON.encode(message)
    assert encoded.endswith(b"\x1e")
    assert b"\x1e" not in encoded[:-1]
    assert JSON.decode(encoded[:-1]) == message


@given(messages(json_values))
def test_what_is_written_is_json_to_others_too(message: Message) -> None:
    fields = json.loads(JSON.encode(message)[:-1])
    assert None not in {key: value for key, value in fields.items() if key not in ("item", "result")}.values()


@given(st.lists(messages(json_values), max_size=5), st.data())
def test_cuts_make_no_difference(sent: list[Message], data: st.DataObject) -> None:
    stream = b"".join(JSON.encode(message) for message in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reader = JSON.reader(max((len(JSON.encode(message)) for message in sent), default=1))
    received: list[Message | None] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        reader.feed(stream[start:end])
        while (payload := reader.next_message()) is not None:
            received.append(JSON.decode(payload))
    assert received == sent


@given(st.binary(max_size=60))
def test_whatever_arrives_is_read_or_refused(payload: bytes) -> None:
    with contextlib.suppress(InvalidMessage):
        JSON.decode(payload)


FIELDS = ["target", "arguments", "invocationId", "streamIds", "headers", "item", "result", "error", "sequenceId"]


@given(st.integers(1, 9), st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_any_object_of_a_known_type_is_read_or_refused(number: int, fields: dict[str, object]) -> None:
    with contextlib.suppress(InvalidMessage):
        assert JSON.decode(msgspec.json.encode({"type": number, **fields})) is not None


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    "wrap",
    [lambda x: x, lambda x: [x], lambda x: {"a": {"b": (1.0, x)}}, lambda x: Price(x)],
    ids=["bare", "list", "deep", "object"],
)
def test_numbers_without_a_json_form_are_refused_not_changed_to_null(
    number: float, wrap: Callable[[float], object]
) -> None:
    with pytest.raises(ValueError, match="no JSON form"):
        JSON.encode(Invocation("A", [wrap(number)]))
    with pytest.raises(ValueError, match="no JSON form"):
        JSON.encode(Completion("1", wrap(number), has_result=True))


@pytest.mark.parametrize(
    "value",
    [object(), UNREADABLE, {(1, 2): 3}, {None: 1}, msgspec.msgpack.Ext(5, b""), "\ud800"],
    ids=["object", "unreadable", "a key of two", "no key", "extension", "half a pair"],
)
def test_a_value_that_cannot_be_written_is_our_fault(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        JSON.encode(Invocation("A", [value]))
