"""Names in camelCase on the way out: objects only, at any depth, and by msgspec's own rules for what is written."""

from __future__ import annotations

import enum
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import pytest
from engine.tests.wire.payloads import json_values, messages, msgpack_values
from hypothesis import given

from hubwire.options import ALL_PROTOCOLS, PropertyNames
from hubwire.wire.codec import Codec
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import Completion, Invocation, Message, StreamInvocation, StreamItem
from hubwire.wire.msgpack_codec import MESSAGEPACK
from hubwire.wire.names import field_names
from hubwire.wire.protocols import hub_protocols

CAMEL = hub_protocols(ALL_PROTOCOLS, PropertyNames.CAMEL_CASE)
DECLARED = hub_protocols(ALL_PROTOCOLS, PropertyNames.AS_DECLARED)


class Color(enum.Enum):
    DARK_RED = "dark_red"


@dataclass
class Price:
    unit_price: float
    list_color: Color = Color.DARK_RED


@dataclass(slots=True)
class Order:
    order_id: int
    all_lines: list[Price] = field(default_factory=list)
    by_name: dict[str, Any] = field(default_factory=dict)
    not_said: int | msgspec.UnsetType = msgspec.UNSET


class Shape(msgspec.Struct, tag="some_shape", tag_field="shape_kind"):
    side_length: int


class Own(msgspec.Struct, rename={"first_value": "FIRST_value"}):
    first_value: int
    second_value: int
    third_value: int = msgspec.field(name="third-value", default=3)


class Sparse(msgspec.Struct, omit_defaults=True):
    some_number: int = 1
    some_list: list[int] = msgspec.field(default_factory=list)
    some_price: Price | None = None
    not_said: int | msgspec.UnsetType = msgspec.UNSET


class Row(msgspec.Struct, array_like=True, tag=True):
    its_price: Price
    the_rest: int


class Place(NamedTuple):
    place_name: str
    its_price: Price


TABLE: list[tuple[str, object, object]] = [
    ("a dataclass", Price(1.5), {"unitPrice": 1.5, "listColor": "dark_red"}),
    ("in a list", [Price(1)], [{"unitPrice": 1, "listColor": "dark_red"}]),
    ("in a tuple", (Price(1), 2), [{"unitPrice": 1, "listColor": "dark_red"}, 2]),
    ("under a key that stays", {"some_key": Price(1)}, {"some_key": {"unitPrice": 1, "listColor": "dark_red"}}),
    (
        "in each other",
        Order(1, [Price(2)], {"a_b": [Order(3)]}),
        {
            "orderId": 1,
            "allLines": [{"unitPrice": 2, "listColor": "dark_red"}],
            "byName": {"a_b": [{"orderId": 3, "allLines": [], "byName": {}}]},
        },
    ),
    ("a dictionary", {"some_key": {"other_key": 1}}, {"some_key": {"other_key": 1}}),
    ("a tagged Struct", Shape(2), {"shape_kind": "some_shape", "sideLength": 2}),
    ("a Struct's own names", Own(1, 2), {"FIRST_value": 1, "secondValue": 2, "third-value": 3}),
    ("defaults left out", Sparse(), {}),
    (
        "nothing left out",
        Sparse(2, [1], Price(1)),
        {"someNumber": 2, "someList": [1], "somePrice": {"unitPrice": 1, "listColor": "dark_red"}},
    ),
    ("a Struct that is an array", Row(Price(1), 2), ["Row", {"unitPrice": 1, "listColor": "dark_red"}, 2]),
    ("a named tuple", Place("x", Price(1)), ["x", {"unitPrice": 1, "listColor": "dark_red"}]),
    ("an enumeration", Color.DARK_RED, "dark_red"),
    (
        "values of other types",
        [datetime(2000, 1, 1, tzinfo=UTC), uuid.UUID(int=1), b"a"],
        ["2000-01-01T00:00:00Z", "00000000-0000-0000-0000-000000000001", "YQ=="],
    ),
    ("a set", {1}, [1]),
]


@pytest.mark.parametrize(("value", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_objects_get_names_of_javascript(value: object, expected: object) -> None:
    written = json.loads(CAMEL["json"].encode(Completion("1", value, has_result=True))[:-1])["result"]
    assert written == expected


@pytest.mark.parametrize("name", sorted(ALL_PROTOCOLS))
def test_every_message_that_carries_something_is_converted(name: str) -> None:
    codec = CAMEL[name]
    price = {"unitPrice": 1, "listColor": "dark_red"}
    table: list[tuple[Message, Message]] = [
        (
            Invocation("a_b", [Price(1)], "1", {"a_b": "c"}, ("2",)),
            Invocation("a_b", [price], "1", {"a_b": "c"}, ("2",)),
        ),
        (StreamInvocation("1", "a_b", (Price(1),)), StreamInvocation("1", "a_b", [price])),
        (StreamItem("1", Price(1)), StreamItem("1", price)),
        (Completion("1", Price(1), has_result=True), Completion("1", price, has_result=True)),
    ]
    for message, expected in table:
        assert decoded(codec, message) == expected


def decoded(codec: Codec, message: Message) -> Message | None:
    reader = codec.reader(None)
    reader.feed(codec.encode(message))
    payload = reader.next_message()
    assert payload is not None
    return codec.decode(payload)


@given(messages(json_values))
def test_messages_without_objects_are_written_as_ever_in_json(message: Message) -> None:
    assert CAMEL["json"].encode(message) == JSON.encode(message)


@given(messages(msgpack_values))
def test_messages_without_objects_are_written_as_ever_in_messagepack(message: Message) -> None:
    assert CAMEL["messagepack"].encode(message) == MESSAGEPACK.encode(message)


def test_what_is_written_can_be_read_back_into_the_same_object() -> None:
    order = Order(1, [Price(2.5)], {"some_key": 1}, 5)
    message = decoded(CAMEL["messagepack"], StreamItem("1", order))
    assert isinstance(message, StreamItem)
    rename = field_names(Order)
    assert rename is not None
    assert msgspec.convert(rename(message.item), Order) == order


@dataclass
class Ambiguous:
    unit_price: int
    unitPrice: int  # noqa: N815 (part of the test)


def test_fields_that_would_get_one_name_are_our_fault() -> None:
    with pytest.raises(TypeError, match="Ambiguous has fields that differ only in case or underscores"):
        CAMEL["json"].encode(StreamItem("1", Ambiguous(1, 2)))


def test_a_value_that_contains_itself_is_our_fault() -> None:
    value: dict[str, object] = {}
    value["a"] = value
    for codec in (*CAMEL.values(), *DECLARED.values()):
        with pytest.raises(ValueError, match="contains itself"):
            codec.encode(StreamItem("1", value))


def test_values_at_the_edge_of_recursion_are_written_or_our_fault() -> None:
    for levels in range(900, 1000, 3):
        value: object = None
        for _ in range(levels):
            value = [value]
        for codec in (*CAMEL.values(), *DECLARED.values()):
            try:
                codec.encode(StreamItem("1", value))
            except ValueError as error:
                assert "nested too deeply" in str(error)  # noqa: PT017 (written is right as well)


def test_equal_configurations_share_their_codecs() -> None:
    for rule in PropertyNames:
        everything = hub_protocols(ALL_PROTOCOLS, rule)
        assert sorted(everything) == ["json", "messagepack"]
        assert hub_protocols(frozenset(["json"]), rule) == {"json": everything["json"]}
        assert all(codec.name == name for name, codec in everything.items())
    assert DECLARED == {"json": JSON, "messagepack": MESSAGEPACK}
    assert [codec.is_binary for codec in CAMEL.values()] == [codec.is_binary for codec in DECLARED.values()]
