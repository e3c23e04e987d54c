"""The MessagePack codec beyond the vectors: Python's own types, the round trip, and what hostile input costs."""

from __future__ import annotations

import contextlib
import enum
import math
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import overload

import msgspec
import pytest
from engine.tests.wire.payloads import messages, msgpack_values
from hypothesis import example, given
from hypothesis import strategies as st

from hubwire.errors import InvalidMessage
from hubwire.wire.messages import UNREADABLE, Completion, Invocation, Message, StreamItem
from hubwire.wire.msgpack_codec import MESSAGEPACK


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


def payload_of(message: Message) -> bytes:
    reader = MESSAGEPACK.reader(None)
    reader.feed(MESSAGEPACK.encode(message))
    payload = reader.next_message()
    assert payload is not None
    assert reader.buffered_bytes == 0
    return bytes(payload)


def there_and_back(value: object) -> object:
    message = MESSAGEPACK.decode(payload_of(Completion("1", value, has_result=True)))
    assert isinstance(message, Completion)
    assert message.has_result
    return message.result


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (Price(1.5), {"unit_price": 1.5, "color": "red"}),
        (Place("x"), {"name": "x"}),
        (Color.RED, "red"),
        (Level.HIGH, 3),
        ((1, 2), [1, 2]),
        (frozenset([1]), [1]),
        (bytearray(b"a"), b"a"),
        (memoryview(b"a"), b"a"),
        (uuid.UUID("0F0E0D0C-0B0A-0908-0706-050403020100"), "0f0e0d0c-0b0a-0908-0706-050403020100"),
        (datetime(2000, 1, 1, 12, tzinfo=timezone(timedelta(hours=3))), datetime(2000, 1, 1, 9, tzinfo=UTC)),
        (datetime(2000, 1, 1, 12), "2000-01-01T12:00:00"),  # noqa: DTZ001 (no instant without a time zone)
        ({1: "a", None: "b", (1, 2): "c"}, {1: "a", None: "b", (1, 2): "c"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_of_python_arrive_as(value: object, result: object) -> None:
    assert there_and_back(value) == result


@pytest.mark.parametrize("number", [math.inf, -math.inf])
def test_numbers_that_json_has_not_are_carried(number: float) -> None:
    assert there_and_back([number]) == [number]
    nan = there_and_back(math.nan)
    assert isinstance(nan, float)
    assert math.isnan(nan)


def test_unknown_extensions_are_values_like_others() -> None:
    value = there_and_back([msgspec.msgpack.Ext(5, b"ab")])
    assert isinstance(value, list)
    assert (value[0].code, value[0].data) == (5, b"ab")


class Numbers(Sequence[int]):
    """A sequence that is neither a list nor a tuple."""

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        return (1, 2)[index]

    def __len__(self) -> int:
        return 2


@pytest.mark.parametrize("arguments", [[1, 2], (1, 2), Numbers()], ids=["list", "tuple", "another sequence"])
def test_arguments_may_be_any_sequence(arguments: Sequence[object]) -> None:
    assert MESSAGEPACK.decode(payload_of(Invocation("A", arguments))) == Invocation("A", [1, 2])


@given(messages(msgpack_values))
def test_messages_come_back_as_they_went(message: Message) -> None:
    assert MESSAGEPACK.decode(payload_of(message)) == message


@given(st.lists(messages(msgpack_values), max_size=5), st.data())
def test_cuts_make_no_difference(sent: list[Message], data: st.DataObject) -> None:
    stream = b"".join(MESSAGEPACK.encode(message) for message in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reader = MESSAGEPACK.reader(max((len(MESSAGEPACK.encode(message)) for message in sent), default=1))
    received: list[Message | None] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        reader.feed(stream[start:end])
        while (payload := reader.next_message()) is not None:
            received.append(MESSAGEPACK.decode(payload))
    assert received == sent


@given(st.binary(max_size=60))
@example(b"\x94\x02\x80\xa1\x37\xc7\x0c\xff" + b"\x7f" * 12)
@example(b"\x94\x02\x80\xa1\x37\xd7\xff" + b"\xff" * 8)
def test_whatever_arrives_is_read_or_refused(payload: bytes) -> None:
    with contextlib.suppress(InvalidMessage):
        MESSAGEPACK.decode(payload)


@given(st.integers(1, 9), st.lists(msgpack_values, max_size=6))
def test_any_array_behind_a_known_type_is_read_or_refused(number: int, rest: list[object]) -> None:
    with contextlib.suppress(InvalidMessage):
        assert MESSAGEPACK.decode(msgspec.msgpack.encode([number, *rest])) is not None


@given(st.integers(0, 2**30 - 1), st.integers(0, 2**34 - 1))
def test_every_timestamp_of_64_bits_is_a_date_or_unreadable(nanoseconds: int, seconds: int) -> None:
    data = (nanoseconds << 34 | seconds).to_bytes(8)
    item = MESSAGEPACK.decode(b"\x94\x02\x80\xa1\x37\xd7\xff" + data)
    assert isinstance(item, StreamItem)
    assert (item.item is UNREADABLE) == (nanoseconds > 999_999_999)
    if isinstance(item.item, datetime):
        expected = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
        assert abs(item.item - expected - timedelta(microseconds=nanoseconds / 1000)) <= timedelta(microseconds=1)


@pytest.mark.parametrize(
    "value", [2**64, -(2**63) - 1, UNREADABLE, object(), "\ud800"], ids=lambda value: type(value).__name__
)
def test_a_value_that_cannot_be_written_is_our_fault(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        MESSAGEPACK.encode(Invocation("A", [value]))


def test_a_value_that_contains_itself_is_our_fault() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(ValueError, match="contains itself"):
        MESSAGEPACK.encode(Invocation("A", [value]))


def colliding_keys(count: int) -> list[tuple[int, int]]:
    """Pairs of numbers with one hash: the second lane of CPython's tuple hash is chosen to undo the first."""
    mask, prime_1, prime_2 = 2**64 - 1, 11400714785074694791, 14029467366897019727
    wanted = 123456789
    before = wanted * pow(prime_1, -1, 2**64) & mask
    before = (before >> 31 | before << 33) & mask
    keys: list[tuple[int, int]] = []
    first = 1
    while len(keys) < count:
        lane = 2870177450012600261 + first * prime_2 & mask
        lane = (lane << 31 | lane >> 33) & mask
        second = (before - lane * prime_1) * pow(prime_2, -1, 2**64) & mask
        if second < 2**61 - 1:  # larger numbers are not their own hash
            keys.append((first, second))
        first += 1
    return keys


def test_keys_chosen_to_collide_are_refused_before_they_cost_anything() -> None:
    keys = colliding_keys(3_000)
    assert len({hash(key) for key in keys}) == 1
    payload = b"\x94\x02\x80\xa1\x37" + msgspec.msgpack.encode(dict.fromkeys(keys))

    def seconds() -> float:
        start = time.process_time()
        with pytest.raises(InvalidMessage, match="map keys of the message are arrays"):
            MESSAGEPACK.decode(payload)
        return time.process_time() - start

    assert min(seconds() for _ in range(3)) < 0.1  # in one of them all garbage may be collected
