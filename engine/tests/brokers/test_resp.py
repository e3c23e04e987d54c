"""Replies are read as Redis means them, however they are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import InvalidResponse, ResponseError

from hubwire.brokers.resp import INCOMPLETE, ReplyReader

REPLIES: list[tuple[bytes, object]] = [
    (b":0\r\n", 0),
    (b":-12\r\n", -12),
    (b"+PONG\r\n", b"PONG"),
    (b"$0\r\n\r\n", b""),
    (b"$-1\r\n", None),
    (b"$4\r\n\r\n\r\n\r\n", b"\r\n\r\n"),
    (b"*0\r\n", []),
    (b"*-1\r\n", None),
    (b"*3\r\n$7\r\nmessage\r\n$1\r\ns\r\n$5\r\nhello\r\n", [b"message", b"s", b"hello"]),
    (b"*3\r\n$9\r\nsubscribe\r\n$1\r\ns\r\n:1\r\n", [b"subscribe", b"s", 1]),
    (b"*2\r\n*1\r\n:1\r\n+x\r\n", [[1], b"x"]),
]
ids = st.lists(st.sampled_from(REPLIES), max_size=8)


def read_all(reader: ReplyReader) -> list[object]:
    found = []
    while (reply := reader.next()) is not INCOMPLETE:
        found.append(reply)
    return found


@pytest.mark.parametrize(("data", "expected"), REPLIES)
def test_a_reply_is_read(data: bytes, expected: object) -> None:
    reader = ReplyReader()
    reader.feed(data)
    assert read_all(reader) == [expected]


@pytest.mark.parametrize(("data", "expected"), REPLIES)
def test_a_reply_is_read_byte_by_byte(data: bytes, expected: object) -> None:
    reader = ReplyReader()
    found = []
    for position in range(len(data)):
        found += read_all(reader)
        reader.feed(data[position : position + 1])
    assert found == []
    assert read_all(reader) == [expected]


@given(ids, st.lists(st.integers(0, 400), max_size=10))
def test_replies_are_read_wherever_they_are_cut(replies: list[tuple[bytes, object]], cuts: list[int]) -> None:
    data = b"".join(part for part, _ in replies)
    reader = ReplyReader()
    found = []
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(places):
        reader.feed(data[start:end])
        found += read_all(reader)
    assert found == [expected for _, expected in replies]


def test_a_long_value_comes_in_many_chunks() -> None:
    value = bytes(range(256)) * 4096
    data = b":1\r\n*2\r\n$1\r\ns\r\n$%d\r\n%s\r\n:2\r\n" % (len(value), value)
    reader = ReplyReader()
    found = []
    for start in range(0, len(data), 1000):
        reader.feed(data[start : start + 1000])
        found += read_all(reader)
    assert found == [1, [b"s", value], 2]


def test_an_error_is_a_value() -> None:
    reader = ReplyReader()
    reader.feed(b"-NOPERM not you\r\n:1\r\n")
    error, following = read_all(reader)
    assert isinstance(error, ResponseError)
    assert (str(error), following) == ("NOPERM not you", 1)


@given(st.binary(max_size=100))
def test_whatever_arrives_is_replies_or_refused(data: bytes) -> None:
    reader = ReplyReader()
    reader.feed(data)
    try:
        read_all(reader)
    except InvalidResponse as error:
        assert str(error).endswith("is it Redis?")  # noqa: PT017 - either is fine


@pytest.mark.parametrize("data", [b"HTTP/1.1 400 Bad Request\r\n", b":x\r\n", b"$\r\n", b"*1\r\n" * 10, b"+" * 70_000])
def test_what_is_not_redis_is_told_so(data: bytes) -> None:
    reader = ReplyReader()
    reader.feed(data)
    with pytest.raises(InvalidResponse, match=r"is it Redis\?$"):
        read_all(reader)
