"""Envelopes arrive as they were sent; bytes that are none are refused, whatever they are. Their layout is pinned."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.plane.envelope import (
    Alive,
    Delivery,
    Ending,
    Envelope,
    EnvelopeError,
    Forget,
    GroupChange,
    Leaving,
    Listing,
    Mark,
    Presence,
    Question,
    Reply,
    Traced,
    Watched,
    pack,
    unpack,
)

EXAMPLES: list[tuple[Envelope, list[object]]] = [
    (
        Delivery("n", 1, ("x",), {"json": b"{}\x1e"}, {"messagepack": "why"}),
        [1, "n", 1, ["x"], {"json": b"{}\x1e"}, {"messagepack": "why"}],
    ),
    (Ending("n", 0, (), None, True), [2, "n", 0, [], None, True]),
    (Mark(5), [3, 5]),
    (GroupChange("n", 1, "join", b"g"), [4, "n", 1, "join", b"g"]),
    (Presence("n", 1, ("x",)), [5, "n", 1, ["x"]]),
    (Question("n", 1, "json", b"x", 1.5), [6, "n", 1, "json", b"x", 1.5]),
    (Forget("n", 1), [7, "n", 1]),
    (Reply(1, "late", seconds=2.0), [8, 1, "late", "", b"", "", 2.0]),
    (Alive("n", None, True, {"connections": 1.0}), [9, "n", None, True, {"connections": 1.0}]),
    (Leaving("n"), [10, "n"]),
    (Watched("n", True), [12, "n", True]),
    (Traced("n", b"x", 3), [13, "n", b"x", 3]),
    (Listing("n", 1, ("x",), b"c", 9), [11, "n", 1, ["x"], b"c", 9]),
]


@pytest.mark.parametrize(("envelope", "fields"), EXAMPLES)
def test_an_envelope_has_its_layout_and_comes_back(envelope: Envelope, fields: list[object]) -> None:
    data = pack(envelope)
    assert data[:1] == b"\x01"
    assert msgspec.msgpack.decode(data[1:]) == fields
    assert unpack(data) == envelope


def test_fields_that_a_later_release_adds_at_the_end_are_ignored() -> None:
    assert unpack(b"\x01" + msgspec.msgpack.encode([3, 5, "news"])) == Mark(5)


@given(st.binary(max_size=200))
def test_whatever_arrives_is_an_envelope_or_refused(data: bytes) -> None:
    for each in (data, b"\x01" + data):
        try:
            unpack(each)
        except EnvelopeError as error:
            assert str(error).endswith((".", "nothing else."))  # noqa: PT017 - either is fine


@pytest.mark.parametrize(("envelope", "_"), EXAMPLES)
def test_an_envelope_cut_short_is_refused(envelope: Envelope, _: object) -> None:
    data = pack(envelope)
    for size in range(len(data)):
        with pytest.raises(EnvelopeError):
            unpack(data[:size])


def test_another_version_is_refused_with_what_to_do() -> None:
    with pytest.raises(EnvelopeError, match="run the same release on all nodes"):
        unpack(b"\x02" + pack(Mark(1))[1:])
