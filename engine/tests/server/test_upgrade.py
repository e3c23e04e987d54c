"""Heads of upgrades: what is usual is read quickly, what is not by the library, and both say the same of the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hubwire.server import upgrade
from hubwire.server.upgrade import Upgrade, read_upgrade, refusal

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"  # RFC 6455 1.3
USUAL = {
    "Host": "shop.example",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def head(fields: dict[str, str], start: str = "GET /chat?id=abc%20d HTTP/1.1") -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")


@pytest.mark.parametrize(
    "fields",
    [
        USUAL,
        USUAL | {"Connection": "keep-alive, Upgrade"},
        USUAL | {"Upgrade": "WebSocket", "connection": "upgrade"},
        USUAL | {"Origin": "https://shop.example", "Cookie": "a=b; c=\xe9", "Empty": ""},
        {name.lower(): value for name, value in USUAL.items()},
    ],
)
def test_both_ways_read_the_same(fields: dict[str, str]) -> None:
    read = upgrade._read_usual(head(fields))
    judge = upgrade._read_by_library(head(fields))
    if len({name.lower() for name in fields}) < len(fields):
        assert read is None
        return
    assert isinstance(read, Upgrade)
    assert isinstance(judge, Upgrade)
    assert replace(read, answer=b"", fields=list(read.fields)) == replace(judge, answer=b"")
    assert read.answer.startswith(b"HTTP/1.1 101 ")
    assert ACCEPT in read.answer
    assert ACCEPT in judge.answer
    assert read.target == "/chat?id=abc%20d"


@pytest.mark.parametrize(
    ("fields", "start", "status"),
    [
        (USUAL | {"Sec-WebSocket-Version": "8"}, "GET / HTTP/1.1", 400),
        (USUAL | {"Sec-WebSocket-Key": "c2hvcnQ="}, "GET / HTTP/1.1", 400),
        (USUAL | {"Sec-WebSocket-Key": "no base64!"}, "GET / HTTP/1.1", 400),
        (USUAL | {"Connection": "close"}, "GET / HTTP/1.1", 426),
        (USUAL | {"Upgrade": "websocket, h2c"}, "GET / HTTP/1.1", 426),
        (USUAL, "POST / HTTP/1.1", 405),
        (USUAL, "GET / HTTP/1.0", 505),
        (USUAL | {"Bad name": "x"}, "GET / HTTP/1.1", 400),
    ],
)
def test_what_is_wrong_is_refused_by_the_library(fields: dict[str, str], start: str, status: int) -> None:
    answer = read_upgrade(head(fields, start))
    assert isinstance(answer, bytes)
    assert answer.startswith(b"HTTP/1.1 %d " % status)


def test_a_field_that_comes_twice_is_judged_by_the_library() -> None:
    twice = head(USUAL).replace(b"Connection: Upgrade\r\n", b"Connection: keep-alive\r\nConnection: Upgrade\r\n")
    assert upgrade._read_usual(twice) is None
    assert isinstance(read_upgrade(twice), Upgrade)


def test_a_refusal_carries_its_fields() -> None:
    answer = refusal(503, "Too many connections", [("retry-after", "5")])
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 5\r\n" in answer
    assert answer.endswith(b"\r\n\r\nToo many connections")
