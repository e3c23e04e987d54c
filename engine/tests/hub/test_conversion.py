"""Values of both codecs become the same typed values."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import uuid
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import msgspec
import pytest

from hubwire.hub.conversion import Conversion, ConversionError, conversion_to
from hubwire.options import PropertyNames
from hubwire.wire.messages import UNREADABLE

MOMENT = datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.UTC)


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Order:
    order_number: int
    placed_at: datetime.datetime | None = None
    content: bytes = b""


class Line(NamedTuple):
    article: str
    pieces: int = 1


class Named(TypedDict, total=False):
    first_name: str


class Cat(msgspec.Struct, tag=True):
    lives_left: int


class Dog(msgspec.Struct, tag=True):
    name: str


# (annotation, from JSON, from MessagePack, result)
BOTH: list[tuple[Any, object, object, object]] = [
    (bytes, "AQID", b"\x01\x02\x03", b"\x01\x02\x03"),
    (bytes | None, "AQID", b"\x01\x02\x03", b"\x01\x02\x03"),
    (list[bytes], ["AQID"], [b"\x01\x02\x03"], [b"\x01\x02\x03"]),
    (datetime.datetime, "2024-05-06T07:08:09Z", MOMENT, MOMENT),
    (datetime.datetime | None, "2024-05-06T09:08:09+02:00", MOMENT, MOMENT),
    (datetime.date, "2024-05-06", "2024-05-06", datetime.date(2024, 5, 6)),
    (datetime.time, "07:08:09", "07:08:09", datetime.time(7, 8, 9)),
    (datetime.timedelta, "PT90S", "PT90S", datetime.timedelta(seconds=90)),
    (uuid.UUID, str(uuid.UUID(int=1)), str(uuid.UUID(int=1)), uuid.UUID(int=1)),
    (decimal.Decimal, "1.10", "1.10", decimal.Decimal("1.10")),
    (decimal.Decimal, 1.5, 1.5, decimal.Decimal("1.5")),
    (decimal.Decimal, 2, 2, decimal.Decimal(2)),
    (Colour, "red", "red", Colour.RED),
    (Literal["a", 1], 1, 1, 1),
    (set[int], [1, 1, 2], [1, 1, 2], {1, 2}),
    (frozenset[str], ["a"], ["a"], frozenset({"a"})),
    (tuple[int, str], [1, "a"], [1, "a"], (1, "a")),
    (tuple[int, ...], [1, 2], [1, 2], (1, 2)),
    (Line, ["x", 2], ["x", 2], Line("x", 2)),
    (Line, ["x"], ["x"], Line("x")),
    (Named, {"first_name": "Ann"}, {"first_name": "Ann"}, {"first_name": "Ann"}),
    (int | str | None, "a", "a", "a"),
    (int | datetime.datetime, "2024-05-06T07:08:09Z", MOMENT, MOMENT),
    (Cat | Dog, {"type": "Dog", "name": "Rex"}, {"type": "Dog", "name": "Rex"}, Dog("Rex")),
    (dict[int, str], {"1": "a"}, {1: "a"}, {1: "a"}),
    (dict[uuid.UUID, int], {str(uuid.UUID(int=1)): 1}, {str(uuid.UUID(int=1)): 1}, {uuid.UUID(int=1): 1}),
    (float, 1, 1, 1.0),
    (Annotated[int, msgspec.Meta(ge=1)], 1, 1, 1),
    (
        Order,
        {"order_number": 7, "placed_at": "2024-05-06T07:08:09Z", "content": "AQID", "more": 1},
        {"order_number": 7, "placed_at": MOMENT, "content": b"\x01\x02\x03", "more": 1},
        Order(7, MOMENT, b"\x01\x02\x03"),
    ),
    (dict[str, list[Order]], {"a": [{"order_number": 1}]}, {"a": [{"order_number": 1}]}, {"a": [Order(1)]}),
]


@pytest.mark.parametrize(("annotation", "json", "messagepack", "result"), BOTH)
def test_values_of_both_codecs_become_the_same(
    annotation: Any, json: object, messagepack: object, result: object
) -> None:
    for value in (json, messagepack):
        for names in PropertyNames:
            converted = Conversion((annotation,), names).one(value)
            assert converted == result
            assert type(converted) is type(result)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (bytes, "%"),
        (bytes, [1, 2]),
        (str, b"text"),
        (str, MOMENT),
        (datetime.datetime, 1_700_000_000),
        (int, 1.5),
        (int, "1"),
        (Line, {"article": "x"}),
        (Order, {}),
        (Order, {1: 2}),
        (dict[str, int], {1: 1}),
        (Cat | Dog, {"type": "Cow"}),
        (set[Any], [[1]]),
        (frozenset[dict[str, int]], [{}]),
        (Annotated[int, msgspec.Meta(ge=1)], 0),
    ],
)
def test_what_does_not_fit_is_refused_by_both(annotation: Any, value: object) -> None:
    for names in PropertyNames:
        with pytest.raises(ConversionError):
            Conversion((annotation,), names).one(value)


@pytest.mark.parametrize(
    "sent", [{"orderNumber": 7, "placedAt": None}, {"OrderNumber": 7, "PLACED_AT": None}, {"order_number": 7}]
)
def test_with_camel_case_fields_are_found_in_any_spelling(sent: dict[str, object]) -> None:
    camel = Conversion((int, Order, list[Order]), PropertyNames.CAMEL_CASE)
    assert camel.convert([1, sent, [sent]]) == (1, Order(7), [Order(7)])
    if "order_number" not in sent:
        with pytest.raises(ConversionError):
            Conversion((Order,), PropertyNames.AS_DECLARED).one(sent)


def test_names_of_fields_that_only_their_spelling_tells_apart_are_refused_when_compiled() -> None:
    twins = dataclasses.make_dataclass("Twins", [("name_x", int), ("nameX", int)])
    Conversion((twins,), PropertyNames.AS_DECLARED)
    with pytest.raises(TypeError, match="differ only in case or underscores"):
        Conversion((twins,), PropertyNames.CAMEL_CASE)


def test_values_that_may_be_left_out_are_none() -> None:
    conversion = Conversion((int, Order), PropertyNames.CAMEL_CASE, required=1)
    assert conversion.convert([1]) == (1, None)
    with pytest.raises(ConversionError):
        conversion.convert([])


class Service:
    """Nothing that comes over a wire."""


class Holder(msgspec.Struct):
    service: Service


@pytest.mark.parametrize("annotation", [Service, list[Service], Holder, dict[str, Service | None], type[int]])
def test_types_that_nothing_from_the_wire_becomes_are_refused_when_compiled(annotation: Any) -> None:
    with pytest.raises(TypeError):
        Conversion((annotation,), PropertyNames.AS_DECLARED)


@pytest.mark.parametrize("value", [1, "a", None, [1, {"a": b"x"}], {1: MOMENT}, b"x", MOMENT, 2**70, 1.5])
def test_what_may_be_anything_stays_as_it_is(value: object) -> None:
    for annotation in (Any, object):
        for names in PropertyNames:
            assert conversion_to(annotation, names).one(value) == value


@pytest.mark.parametrize("annotation", [Any, object, int, str | None, Order])
def test_what_python_cannot_hold_fits_nothing(annotation: Any) -> None:
    with pytest.raises(ConversionError):
        Conversion((annotation, Any), PropertyNames.AS_DECLARED).convert((1, UNREADABLE))
    with pytest.raises(ConversionError):
        conversion_to(annotation, PropertyNames.CAMEL_CASE).one(UNREADABLE)


def test_conversions_are_kept() -> None:
    first = conversion_to(list[int], PropertyNames.AS_DECLARED)
    assert first is conversion_to(list[int], PropertyNames.AS_DECLARED)
    assert first is not conversion_to(list[int], PropertyNames.CAMEL_CASE)


def test_an_annotation_without_a_hash_is_converted_to_all_the_same() -> None:
    conversion = conversion_to(Annotated[int, ["no hash"]], PropertyNames.AS_DECLARED)
    assert conversion.one(1) == 1
