"""The page "Values" is true: each line of its table is sent and read, in both protocols."""

from __future__ import annotations

import datetime
import decimal
import enum
import math
import re
import uuid
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypedDict

import msgspec
import pytest
from engine.tests.docs.pages import REPOSITORY
from engine.tests.docs.socket_client import connected

import hubwire
from hubwire.testing import HubTester, serving
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import Invocation
from hubwire.wire.msgpack_codec import MESSAGEPACK
from hubwire.wire.nesting import MAXIMUM_NESTING

PAGE = (REPOSITORY / "docs" / "reference" / "values.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \| `(.+?)`.*? \| (\w+).*\|$", PAGE.partition("## Names")[0], re.MULTILINE)


class Color(enum.Enum):
    RED = "red"


@dataclass
class AsDataclass:
    a: int


class AsStruct(msgspec.Struct):
    a: int


class AsTypedDict(TypedDict):
    a: int


class AsNamedTuple(NamedTuple):
    a: int
    b: int


NOON = datetime.datetime(2025, 1, 2, 3, 4, 5)  # noqa: DTZ001 - naive on purpose
EXAMPLES: dict[str, list[tuple[Any, Any]]] = {
    "`None`": [(None, None)],
    "`bool`": [(bool, True)],
    "`int`": [(int, 5)],
    "`float`": [(float, 2.5)],
    "`str`": [(str, "text")],
    "`bytes`": [(bytes, b"\x01")],
    "`datetime.datetime`, aware": [(datetime.datetime, NOON.replace(tzinfo=datetime.UTC))],
    "`datetime.datetime`, naive": [(datetime.datetime, NOON)],
    "`datetime.date`": [(datetime.date, NOON.date())],
    "`datetime.time`": [(datetime.time, NOON.time())],
    "`datetime.timedelta`": [(datetime.timedelta, datetime.timedelta(seconds=90))],
    "`uuid.UUID`": [(uuid.UUID, uuid.UUID(int=1))],
    "`decimal.Decimal`": [(decimal.Decimal, decimal.Decimal("1.50"))],
    "`enum.Enum`": [(Color, Color.RED)],
    '`Literal["red", "blue"]`': [(Literal["red", "blue"], "red")],
    "`list[int]`, `set[int]`, `tuple[int, int]`": [
        (list[int], [1, 2]),
        (set[int], {1, 2}),
        (tuple[int, int], (1, 2)),
    ],
    "`dict[str, int]`": [(dict[str, int], {"a": 1})],
    "`dict[int, str]`": [(dict[int, str], {1: "a"})],
    "dataclass, `msgspec.Struct`, `TypedDict`": [
        (AsDataclass, AsDataclass(1)),
        (AsStruct, AsStruct(1)),
        (AsTypedDict, {"a": 1}),
    ],
    "`NamedTuple`": [(AsNamedTuple, AsNamedTuple(1, 2))],
}
KINDS: dict[str, type] = {
    "nil": type(None),
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "the": str,
    "bin": bytes,
    "timestamp": datetime.datetime,
    "array": list,
    "map": dict,
}
"""What the first word of the last column decodes to; an enumeration travels as "the value", a text here."""


def test_the_table_has_an_example_for_each_line() -> None:
    assert {annotation for annotation, _, _ in ROWS} == EXAMPLES.keys()
    assert r"| `int \| None`, `int \| str` | one of them | one of them |" in PAGE


@pytest.mark.parametrize(("annotation", "json", "kind"), ROWS, ids=[row[0] for row in ROWS])
async def test_a_value_travels_as_the_table_says(annotation: str, json: str, kind: str) -> None:
    for python_type, value in EXAMPLES[annotation]:
        record = JSON.encode(Invocation("x", [value]))
        assert record == b'{"type":1,"target":"x","arguments":[' + json.encode() + b"]}\x1e"
        packed = MESSAGEPACK.encode(Invocation("x", [value]))
        decoded = MESSAGEPACK.decode(packed[1:])
        assert isinstance(decoded, Invocation)
        assert type(decoded.arguments[0]) is KINDS[kind]
        for wire in (msgspec.json.decode(record[:-1])["arguments"][0], decoded.arguments[0]):
            assert await echoed(python_type, wire) == value


async def echoed(python_type: Any, wire: object) -> object:
    """What a hub method with that annotation gets."""
    got: list[object] = []

    class Echo(hubwire.Hub):
        async def take(self, value: Any) -> None:
            got.append(value)

    Echo.take.__annotations__["value"] = python_type
    Echo.take = hubwire.hub_method("Take")(Echo.take)  # type: ignore[method-assign] # declared behind its annotation
    client = await HubTester(Echo).connect()
    await client.invoke("Take", wire)
    return got[0]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_json_refuses_what_it_has_no_word_for(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        JSON.encode(Invocation("x", [value]))
    assert MESSAGEPACK.encode(Invocation("x", [value]))


def test_the_limit_on_nesting_is_the_documented_one() -> None:
    assert f"limited to {MAXIMUM_NESTING} levels" in PAGE


@dataclass
class Line:
    unit_price: int


async def test_names_are_written_and_read_as_the_second_table_says() -> None:
    class Shop(hubwire.Hub):
        @hubwire.hub_method("Echo")
        async def echo(self, line: Line) -> Line:
            return line

    server = hubwire.HubServer()
    server.add(Shop, path="/declared", name="declared")
    camel = hubwire.HubOptions(property_names=hubwire.PropertyNames.CAMEL_CASE)
    server.add(Shop, path="/camel", name="camel", options=camel)
    async with serving(server) as address:
        async with connected(f"{address}/declared") as client:
            assert await client.call("Echo", {"unit_price": 1}) == {"unit_price": 1}
        async with connected(f"{address}/camel") as client:
            for spelling in ("unitPrice", "UnitPrice", "unit_price"):
                assert await client.call("Echo", {spelling: 1}) == {"unitPrice": 1}
