"""How arguments are fitted to annotations, here under `from __future__ import annotations`."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any, Generic, Literal, TypedDict, TypeVar

import msgspec
import pytest

from hubwire.errors import BindingError
from hubwire.hub.binding import BoundMethod
from hubwire.hub.methods import HubMethod

MISMATCH = (
    "Error binding arguments. Make sure that the types of the provided values match the types of the hub method "
    "being invoked."
)


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Order(msgspec.Struct, rename="camel"):
    order_number: str
    placed_at: datetime.datetime | None = None


class Filter(TypedDict):
    name: str


class Tree(msgspec.Struct):
    inner: Tree | None = None


class Methods:
    async def tree(self, value: Tree) -> None: ...
    async def nothing(self) -> None: ...
    async def text(self, value: str) -> None: ...
    async def number(self, value: int) -> None: ...
    async def real(self, value: float) -> None: ...
    async def flag(self, value: bool) -> None: ...
    async def colour(self, value: Colour) -> None: ...
    async def level(self, value: Level) -> None: ...
    async def point(self, value: Point) -> None: ...
    async def order(self, value: Order) -> None: ...
    async def moment(self, value: datetime.datetime) -> None: ...
    async def day(self, value: datetime.date) -> None: ...
    async def identifier(self, value: uuid.UUID) -> None: ...
    async def amount(self, value: decimal.Decimal) -> None: ...
    async def data(self, value: bytes) -> None: ...
    async def maybe(self, value: int | None) -> None: ...
    async def many(self, value: list[Point]) -> None: ...
    async def mapping(self, value: dict[str, int]) -> None: ...
    async def either(self, value: int | str) -> None: ...
    async def word(self, value: Literal["a", "b"]) -> None: ...
    async def small(self, value: Annotated[int, msgspec.Meta(le=9)]) -> None: ...
    async def typed(self, value: Filter) -> None: ...
    async def anything(self, value: Any) -> None: ...
    async def thing(self, value: object) -> None: ...
    async def untyped(self, value) -> None: ...  # type: ignore[no-untyped-def] # bound as it comes

    async def two(self, one: int, other: str) -> None: ...
    async def defaults(self, one: int, other: str = "x", third: list[int] | None = None) -> None: ...
    async def positional(self, one: int, /, other: Point = Point(7)) -> None: ...  # noqa: B008 - passed through as is


def _method(name: str) -> BoundMethod:
    return BoundMethod(HubMethod(name, getattr(Methods, name)))


@pytest.mark.parametrize(
    ("method", "sent", "bound"),
    [
        ("text", "é", "é"),
        ("number", 2**53, 2**53),
        ("real", 1, 1.0),
        ("real", 1.5, 1.5),
        ("flag", True, True),
        ("colour", "red", Colour.RED),
        ("level", 1, Level.LOW),
        ("point", {"x": 1}, Point(1)),
        ("point", {"x": 1, "y": 2, "z": 3}, Point(1, 2)),
        ("order", {"orderNumber": "7"}, Order("7")),
        (
            "order",
            {"orderNumber": "7", "placedAt": "2024-05-06T07:08:09Z"},
            Order("7", datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.UTC)),
        ),
        ("moment", "2000-01-01T00:00:00Z", datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)),
        ("day", "2000-01-01", datetime.date(2000, 1, 1)),
        ("identifier", "00000000-0000-0000-0000-000000000001", uuid.UUID(int=1)),
        ("amount", "1.10", decimal.Decimal("1.10")),
        ("data", "AQID", b"\x01\x02\x03"),
        ("maybe", None, None),
        ("maybe", 3, 3),
        ("many", [{"x": 1}, {"x": 2}], [Point(1), Point(2)]),
        ("mapping", {"a": 1}, {"a": 1}),
        ("either", "a", "a"),
        ("word", "b", "b"),
        ("small", 9, 9),
        ("typed", {"name": "n"}, {"name": "n"}),
        ("anything", [1, {"a": None}], [1, {"a": None}]),
        ("thing", {"a": 1}, {"a": 1}),
        ("untyped", None, None),
    ],
)
def test_an_argument_gets_its_annotated_type(method: str, sent: object, bound: object) -> None:
    (value,) = _method(method).bind([sent])
    assert value == bound
    assert type(value) is type(bound)


@pytest.mark.parametrize(
    ("method", "sent"),
    [
        ("text", 1),
        ("text", None),
        ("number", "1"),
        ("number", 1.5),
        ("number", True),
        ("flag", 0),
        ("colour", "blue"),
        ("point", {}),
        ("point", {"x": "1"}),
        ("point", [1, 2]),
        ("order", {"order_number": "7"}),
        ("moment", "yesterday"),
        ("identifier", "x"),
        ("amount", "x"),
        ("data", "%"),
        ("maybe", "x"),
        ("many", {"x": 1}),
        ("word", "c"),
        ("small", 10),
        ("typed", {}),
    ],
)
def test_an_argument_of_another_type_is_refused_with_the_reference_text(method: str, sent: object) -> None:
    with pytest.raises(BindingError) as refused:
        _method(method).bind([sent])
    assert str(refused.value) == MISMATCH
    assert refused.value.__cause__ is not None


@pytest.mark.parametrize(
    ("method", "arguments", "text"),
    [
        ("two", [1], "Invocation provides 1 argument(s) but target expects 2."),
        ("two", [1, "x", None], "Invocation provides 3 argument(s) but target expects 2."),
        ("nothing", [1], "Invocation provides 1 argument(s) but target expects 0."),
        ("defaults", [], "Invocation provides 0 argument(s) but target expects 1 to 3."),
        ("defaults", [1, "x", None, 4], "Invocation provides 4 argument(s) but target expects 1 to 3."),
    ],
)
def test_a_wrong_count_is_refused_with_the_reference_text(method: str, arguments: list[object], text: str) -> None:
    with pytest.raises(BindingError) as refused:
        _method(method).bind(arguments)
    assert str(refused.value) == text


@pytest.mark.parametrize(
    ("method", "arguments", "bound"),
    [
        ("nothing", [], ()),
        ("two", [1, "x"], (1, "x")),
        ("two", (1, "x"), (1, "x")),
        ("defaults", [1], (1, "x", None)),
        ("defaults", [1, "y"], (1, "y", None)),
        ("defaults", [1, "y", [2]], (1, "y", [2])),
        ("positional", [1], (1, Point(7))),
        ("positional", [1, {"x": 2}], (1, Point(2))),
    ],
)
def test_defaults_fill_in(method: str, arguments: list[object], bound: tuple[object, ...]) -> None:
    assert _method(method).bind(arguments) == bound


def test_nesting_beyond_reason_is_refused() -> None:
    nested: object = None
    for _ in range(100_000):
        nested = {"inner": nested}

    method = _method("tree")
    with pytest.raises(BindingError):
        method.bind([nested])
    while isinstance(nested, dict):  # taken apart by hand: freeing it in one go would recurse as deep
        nested = nested["inner"]


T = TypeVar("T")


class Box(msgspec.Struct, Generic[T]):
    content: T


class Boxes:
    async def open(self, value: Box) -> None: ...  # type: ignore[type-arg] # the case under test
    async def closed(self, value: Box[int]) -> None: ...


def test_a_generic_class_can_be_bound_with_and_without_its_parameter() -> None:
    assert BoundMethod(HubMethod("open", Boxes.open)).bind([{"content": "x"}]) == (Box("x"),)
    closed = BoundMethod(HubMethod("closed", Boxes.closed))
    assert closed.bind([{"content": 1}]) == (Box(1),)
    with pytest.raises(BindingError):
        closed.bind([{"content": "x"}])


class Unfit:
    async def variable(self, *values: int) -> None: ...
    async def named(self, **values: int) -> None: ...
    async def keyword(self, *, value: int) -> None: ...
    async def unresolved(self, value: Nowhere) -> None: ...  # type: ignore[name-defined] # noqa: F821
    async def ambiguous(self, value: Point | Order) -> None: ...
    async def generic(self, value: T) -> T:
        return value

    async def inside(self, value: dict[str, list[T] | None]) -> None: ...
    async def upload(self, items: AsyncIterator[T]) -> None: ...


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("variable", "'values' cannot be filled by position"),
        ("named", "'values' cannot be filled by position"),
        ("keyword", "'value' cannot be filled by position"),
        ("unresolved", "an annotation cannot be resolved"),
        ("ambiguous", "may not contain more than one dict-like type"),
        ("generic", "the type of 'value' is a type variable"),
        ("inside", "the type of 'value' is a type variable"),
        ("upload", "the type of 'items' is a type variable"),
    ],
)
def test_a_signature_that_cannot_be_bound_is_refused_at_registration(method: str, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        BoundMethod(HubMethod(method, getattr(Unfit, method)))
