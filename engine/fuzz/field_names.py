"""Whatever arrives in objects, field_names renames keys and msgspec converts or refuses, nothing else.

And renaming twice is renaming once, and leaves its argument as it was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypedDict

import msgspec
from engine.fuzz import trees

from hubwire.wire.names import field_names
from hubwire.wire.nesting import MAXIMUM_NESTING, is_nested_deeper


@dataclass
class Price:
    unit_price: float
    currency_code: str = "TRY"


@dataclass
class Order:
    order_id: int
    all_lines: list[Price] = field(default_factory=list)
    by_name: dict[str, Price] = field(default_factory=dict)
    next_order: Order | None = None


class Circle(msgspec.Struct, tag="circle", tag_field="shape_kind"):
    radius_mm: int


class Square(msgspec.Struct, tag="square", tag_field="shape_kind"):
    side_mm: int


class Row(msgspec.Struct, array_like=True):
    its_price: Price
    number: int = 0


class Place(NamedTuple):
    name: str
    its_price: Price


class Labels(TypedDict, total=False):
    some_label: str
    its_price: Price


ANNOTATIONS: tuple[Any, ...] = (
    Order,
    Circle | Square | None,
    Row,
    Place,
    Labels,
    tuple[Order, ...],
    list[Price] | Price | int | None,
    dict[str, Circle | Square],
)


TREES = trees.JSON
TOKENS = [
    f'"{name}":'.encode()
    for name in ("orderId", "allLines", "by_name", "nextOrder", "unitPrice", "UNIT_PRICE", "currencyCode", "shapeKind")
] + [b'"shape_kind":"circle"', b'"shape_kind":"square"', b'"sideMm":1', b'"radius_mm":1', b'"its_price":', b"null"]

_RENAMES = [(annotation, rename) for annotation in ANNOTATIONS if (rename := field_names(annotation)) is not None]


def seeds() -> Iterator[bytes]:
    yield b'{"orderId":1,"allLines":[{"unitPrice":1}],"BYNAME":{"a":{"UNIT_price":2}},"nextOrder":{"order_id":2}}'
    yield b'{"shapeKind":"circle","radiusMm":1}'
    yield b'{"shape_kind":"square","SideMm":1,"radiusMm":[]}'
    yield b'{"shape_kind":{},"sideMm":1}'
    yield b'[{"unitPrice":1},2]'
    yield b'["x",{"unitPrice":1}]'
    yield b'{"its_price":{"unitPrice":1},"someLabel":"x"}'
    yield b'[{"unit_price":1,"unitPrice":2}]'
    yield b'{"a":{"shapeKind":"circle","radiusMm":1},"b":null}'


def check(data: bytes) -> None:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return
    if is_nested_deeper(value, MAXIMUM_NESTING):  # the codecs let nothing deeper through
        return
    before = msgspec.json.encode(value)
    for annotation, rename in _RENAMES:
        renamed = rename(value)
        assert msgspec.json.encode(value) == before
        assert rename(renamed) == renamed
        with contextlib.suppress(msgspec.ValidationError):
            msgspec.convert(renamed, annotation)
