"""JSON of vendors: its depth, its type, and no repeat of it in errors."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meschain.services.webhook_json import MAXIMUM_DEPTH, depth_of, read_json
from meschain.services.webhook_ports import Malformed


class Message(msgspec.Struct, frozen=True):
    name: str


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        (b"", 0),
        (b"5", 0),
        (b"[]", 1),
        (b'{"a":[1,{"b":2}],"c":[]}', 3),
        (b'"[[[["', 0),
        (b'{"a\\"[[":"\\\\"}', 1),
        (b'["\xff', 1),
    ],
)
def test_depth_is_what_is_open_at_once(text: bytes, depth: int) -> None:
    assert depth_of(text) == depth


JSON = st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


@given(JSON)
def test_depth_is_that_of_the_value(value: Any) -> None:
    assert depth_of(json.dumps(value).encode()) == _depth(value)


def test_what_is_too_deep_is_malformed() -> None:
    read_json(b"[" * MAXIMUM_DEPTH + b"]" * MAXIMUM_DEPTH, list)
    with pytest.raises(Malformed, match="deeper than 32"):
        read_json(b"[" * (MAXIMUM_DEPTH + 1) + b"]" * (MAXIMUM_DEPTH + 1), list)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"name": "\xff"}', b'{"name": 5}', b'{"secret": "s3cret"}', b"[]"]
)
def test_what_is_no_json_of_the_type_is_malformed_and_not_repeated(body: bytes) -> None:
    with pytest.raises(Malformed) as raised:
        read_json(body, Message)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("piece", [b'"', b'\\"', b"[", b'"\\', b'["'])
def test_hostile_bodies_take_no_more_steps_than_they_are_long(piece: bytes) -> None:
    """Quadratic work on a megabyte would hold the process for minutes; pytest's own limit ends the test then."""
    depth_of(piece * (1024 * 1024 // len(piece)))
