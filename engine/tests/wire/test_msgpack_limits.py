"""What well-formed MessagePack must not contain: how deep, how many array keys, and nothing else is refused."""

from __future__ import annotations

import msgspec
import pytest
from engine.tests.wire.payloads import msgpack_values
from hypothesis import given
from hypothesis import strategies as st

from hubwire.errors import InvalidMessage
from hubwire.wire.msgpack_limits import MAXIMUM_ARRAY_KEYS, refuse_harmful
from hubwire.wire.nesting import MAXIMUM_NESTING, is_nested_deeper

PADDING: list[list[object]] = [[] for _ in range(100)]
"""Enough containers that the message is looked through at all."""


def nested(levels: int, *, as_maps: bool = False) -> object:
    value: object = 1
    for _ in range(levels):
        value = {"a": value} if as_maps else [value]
    return value


@pytest.mark.parametrize("as_maps", [False, True], ids=["arrays", "maps"])
@pytest.mark.parametrize("before", [[], PADDING, [b"\x91" * 300, "x" * 300, 1.5, 2**40]], ids=["bare", "many", "mixed"])
def test_depth_is_counted_with_the_message_itself(before: list[object], as_maps: bool) -> None:
    refuse_harmful(msgspec.msgpack.encode([before, nested(MAXIMUM_NESTING - 1, as_maps=as_maps)]))
    with pytest.raises(InvalidMessage, match="deeper than 64 levels"):
        refuse_harmful(msgspec.msgpack.encode([before, nested(MAXIMUM_NESTING, as_maps=as_maps)]))


def test_what_lies_side_by_side_is_not_deep() -> None:
    refuse_harmful(msgspec.msgpack.encode([PADDING, {"a": PADDING}, [nested(60), nested(60)], PADDING]))


def test_array_keys_are_counted_in_the_whole_message() -> None:
    half = MAXIMUM_ARRAY_KEYS // 2
    maps: list[object] = [{(number,): 1 for number in range(half)}, {(number,): 1 for number in range(half)}]
    refuse_harmful(msgspec.msgpack.encode([*maps, PADDING]))
    with pytest.raises(InvalidMessage, match="More than 64 map keys"):
        refuse_harmful(msgspec.msgpack.encode([*maps, {(): [1]}]))


def test_arrays_as_values_and_keys_of_other_kinds_are_not_counted() -> None:
    refuse_harmful(msgspec.msgpack.encode({number: [number] for number in range(1000)}))
    refuse_harmful(msgspec.msgpack.encode({f"k{number}": {} for number in range(1000)}))


@given(st.lists(msgpack_values, min_size=3), st.integers(0, 40))
def test_values_are_looked_through_to_their_end(values: list[object], cut: int) -> None:
    payload = msgspec.msgpack.encode([PADDING, *values, nested(MAXIMUM_NESTING)])
    with pytest.raises(InvalidMessage):
        refuse_harmful(payload)
    refuse_harmful(payload[: len(payload) - MAXIMUM_NESTING - cut])  # cut off: the decoder will say so


@given(st.binary(max_size=400))
def test_malformed_input_is_left_to_the_decoder(payload: bytes) -> None:
    try:
        refuse_harmful(b"\x90" * 70 + payload)
        refuse_harmful(b"\xdc\xff\xff" + b"\x90" * 70 + payload)
    except InvalidMessage as error:
        assert "levels" in str(error) or "keys" in str(error)  # noqa: PT017 (either of two)


@pytest.mark.parametrize("levels", [0, 1, 5, 64, 65, 5_000])
def test_decoded_values_are_measured_without_recursion(levels: int) -> None:
    for value in (nested(levels), nested(levels, as_maps=True)):
        assert is_nested_deeper(value, 64) == (levels > 64)
        assert not is_nested_deeper(value, levels)
        assert is_nested_deeper([value, 1], levels)
