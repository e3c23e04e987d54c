"""The handshake from the client's side."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.client import HandshakeFailed
from hubwire.client.handshake import check_response, request


def test_the_request_is_json_whatever_the_protocol() -> None:
    assert request("messagepack", 1) == b'{"protocol":"messagepack","version":1}\x1e'


def test_an_empty_object_accepts_and_more_fields_do_no_harm() -> None:
    check_response(b"{}")
    check_response(b'{"minorVersion":0}')


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (b'{"error":"no"}', "^Server returned handshake error: no$"),
        (b'{"error":""}', "Server returned handshake error"),
        (b'{"type":6}', "Expected a handshake response"),
        (b"", "cannot be read"),
        (b"[]", "cannot be read"),
        (b'{"error":1}', "cannot be read"),
    ],
)
def test_anything_else_refuses(response: bytes, text: str) -> None:
    with pytest.raises(HandshakeFailed, match=text):
        check_response(response)


@given(st.binary(max_size=100))
def test_whatever_comes_accepts_or_refuses(response: bytes) -> None:
    with contextlib.suppress(HandshakeFailed):
        check_response(response)
