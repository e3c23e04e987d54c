"""Names of fields in any spelling: the rule, and what happens to the keys of decoded values."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar

import msgspec
import pytest

from hubwire.wire.names import camel_case, field_names

T = TypeVar("T")


@dataclass
class Price:
    unit_price: float
    currencyCode: str = "TRY"  # noqa: N815 (a declared camelCase name is part of the test)


@dataclass
class Order:
    order_id: int
    lines: list[Price] = field(default_factory=list)
    by_name: dict[str, Price] = field(default_factory=dict)
    best_offer: Price | None = None
    following_order: Order | None = None


class Renamed(msgspec.Struct, rename={"inner_value": "InnerValue"}):
    inner_value: int
    other_value: int = 0


class Kebab(msgspec.Struct, rename="kebab"):
    unit_price: int


class Circle(msgspec.Struct, tag="circle", tag_field="shape_kind"):
    radius_mm: int


class Square(msgspec.Struct, tag="square", tag_field="shape_kind"):
    side_mm: int


class Pair(msgspec.Struct, array_like=True):
    first: Price
    second_price: int


class First(msgspec.Struct, array_like=True, tag=1):
    price: Price


class Second(msgspec.Struct, array_like=True, tag=2):
    number: int


class Place(NamedTuple):
    name: str
    price: Price


class Row(TypedDict):
    row_id: int
    its_price: Price
    rows_below: list[Row]


class Plain(TypedDict):
    row_id: int


@dataclass
class Page(Generic[T]):
    page_items: list[T]


@pytest.mark.parametrize(
    ("declared", "wire"),
    [
        ("unit_price", "unitPrice"),
        ("unitPrice", "unitPrice"),
        ("UnitPrice", "unitPrice"),
        ("id", "id"),
        ("ID", "id"),
        ("URLPath", "urlPath"),
        ("IOStream", "ioStream"),
        ("a_b_c", "aBC"),
        ("line_2_total", "line2Total"),
        ("_hidden_field", "_hiddenField"),
        ("from_", "from"),
        ("__", "__"),
        ("überPreis_netto", "überPreisNetto"),
    ],
)
def test_the_name_that_javascript_would_use(declared: str, wire: str) -> None:
    assert camel_case(declared) == wire


@pytest.mark.parametrize(
    "annotation",
    [
        int,
        str,
        Any,
        list[int],
        dict[str, list[Any]],
        tuple[int, str],
        int | None,
        Plain,
        Literal["a"],
        Annotated[int, msgspec.Meta(ge=1)],
        bytes,
    ],
)
def test_types_without_fields_have_nothing_to_do(annotation: object) -> None:
    assert field_names(annotation) is None


TABLE: list[tuple[str, object, object, object]] = [
    ("a dataclass", Price, {"unitPrice": 1, "CURRENCY_CODE": "EUR"}, {"unit_price": 1, "currencyCode": "EUR"}),
    ("as declared", Price, {"unit_price": 1}, {"unit_price": 1}),
    ("another case", Price, {"UNITPRICE": 1}, {"unit_price": 1}),
    (
        "unknown keys stay",
        Price,
        {"unitPrice": 1, "more_Keys": {"unitPrice": 2}},
        {"unit_price": 1, "more_Keys": {"unitPrice": 2}},
    ),
    ("keys that are no text stay", Price, {1: 2, None: 3, b"unitPrice": 4}, {1: 2, None: 3, b"unitPrice": 4}),
    ("the last of two counts", Price, {"unit_price": 1, "unitPrice": 2}, {"unit_price": 2}),
    ("not an object", Price, [1, 2], [1, 2]),
    ("nothing", Price | None, None, None),
    ("an optional one", Price | None, {"unitPrice": 1}, {"unit_price": 1}),
    ("an old union", typing.Union[Price, list[Price]], [{"unitPrice": 1}], [{"unit_price": 1}]),  # noqa: UP007
    ("a list", list[Price], [{"unitPrice": 1}], [{"unit_price": 1}]),
    ("a sequence", Sequence[Price], [{"unitPrice": 1}], [{"unit_price": 1}]),
    ("a tuple of any length", tuple[Price, ...], [{"unitPrice": 1}], [{"unit_price": 1}]),
    ("a tuple", tuple[int, Price], [1, {"unitPrice": 1}], [1, {"unit_price": 1}]),
    ("a tuple with too few", tuple[Price, int], [], []),
    ("dictionary keys stay", dict[str, Price], {"unitPrice": {"unitPrice": 1}}, {"unitPrice": {"unit_price": 1}}),
    ("an annotated type", Annotated[Price, "note"], {"unitPrice": 1}, {"unit_price": 1}),
    (
        "objects in objects",
        Order,
        {
            "orderId": 1,
            "Lines": [{"unitPrice": 1}],
            "byName": {"unitPrice": {"unitPrice": 2}},
            "bestOffer": {"UnitPrice": 3},
            "followingOrder": {"ORDER_ID": 2, "followingOrder": None},
        },
        {
            "order_id": 1,
            "lines": [{"unit_price": 1}],
            "by_name": {"unitPrice": {"unit_price": 2}},
            "best_offer": {"unit_price": 3},
            "following_order": {"order_id": 2, "following_order": None},
        },
    ),
    ("a Struct's own name", Renamed, {"innerVALUE": 1, "otherValue": 2}, {"InnerValue": 1, "other_value": 2}),
    ("a name with a dash", Kebab, {"Unit-Price": 1, "unitPrice": 2}, {"unit-price": 1, "unitPrice": 2}),
    ("one tagged Struct", Circle, {"shapeKind": "circle", "radiusMm": 1}, {"shape_kind": "circle", "radius_mm": 1}),
    (
        "the Struct that the tag names",
        Circle | Square,
        {"shapeKind": "square", "sideMm": 1, "radiusMm": 2},
        {"shape_kind": "square", "side_mm": 1, "radiusMm": 2},
    ),
    (
        "a tagged Struct or none",
        Circle | None,
        {"shapeKind": "circle", "radiusMm": 1},
        {"shape_kind": "circle", "radius_mm": 1},
    ),
    ("a tag that nobody has", Circle | Square, {"shape_kind": "a", "b": 1}, {"shape_kind": "a", "b": 1}),
    ("a tag that is no tag", Circle | Square, {"shape_kind": [], "b": 1}, {"shape_kind": [], "b": 1}),
    (
        "the last of two tags",
        Circle | Square,
        {"shape_kind": "circle", "sideMm": 1, "shapeKind": "square"},
        {"shape_kind": "square", "side_mm": 1},
    ),
    ("no tag", Circle | Square, {"sideMm": 1}, {"sideMm": 1}),
    ("a Struct that is an array", Pair, [{"unitPrice": 1}, 2], [{"unit_price": 1}, 2]),
    ("arrays with tags", First | Second, [1, {"unitPrice": 1}], [1, {"unit_price": 1}]),
    ("a named tuple", Place, ["a", {"unitPrice": 1}], ["a", {"unit_price": 1}]),
    (
        "a typed dictionary",
        Row,
        {"rowId": 1, "its_price": {"unitPrice": 1}, "rows_below": [{"its_price": {"unitPrice": 2}}]},
        {"rowId": 1, "its_price": {"unit_price": 1}, "rows_below": [{"its_price": {"unit_price": 2}}]},
    ),
    ("a generic dataclass", Page[Price], {"pageItems": [{"unitPrice": 1}]}, {"page_items": [{"unit_price": 1}]}),
    ("several shapes at once", list[Price] | Price | int | None, {"unitPrice": 1}, {"unit_price": 1}),
]


@pytest.mark.parametrize(("annotation", "value", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_keys_become_the_declared_names(annotation: object, value: object, expected: object) -> None:
    rename = field_names(annotation)
    assert rename is not None
    before = repr(value)
    assert rename(value) == expected
    assert repr(value) == before, "the value itself is left as it is"


def test_what_comes_out_is_what_msgspec_converts() -> None:
    rename = field_names(Order)
    assert rename is not None
    value = {"orderId": 1, "lines": [{"unitPrice": 2, "currencyCode": "EUR"}], "followingOrder": {"OrderID": 2}}
    assert msgspec.convert(rename(value), Order) == Order(1, [Price(2, "EUR")], following_order=Order(2))


def test_fields_that_only_the_spelling_tells_apart_are_refused() -> None:
    @dataclass
    class Ambiguous:
        unit_price: int
        unitPrice: int  # noqa: N815 (part of the test)

    with pytest.raises(TypeError, match="'unit_price' and 'unitPrice' differ only in case or underscores"):
        field_names(Ambiguous)
