"""The handshake request: who is let in, and the texts for those who are not."""

from __future__ import annotations

import pytest

from hubwire.errors import HandshakeError
from hubwire.wire import handshake
from hubwire.wire.codec import Codec
from hubwire.wire.json_codec import JSON, JsonCodec


class BinaryCodec(JsonCodec):
    """Stands for a binary protocol."""

    name = "packed"
    is_binary = True


PACKED = BinaryCodec()
CODECS: dict[str, Codec] = {"json": JSON, "packed": PACKED}


def parse(payload: bytes, *, allows_binary: bool = True, detailed_errors: bool = False) -> Codec:
    codec, _ = handshake.parse_request(payload, CODECS, allows_binary=allows_binary, detailed_errors=detailed_errors)
    return codec


@pytest.mark.parametrize(
    "payload",
    [
        b'{"protocol":"json","version":1}',
        b'{"version":1,"protocol":"json"}',
        b'{"protocol":"JSON","version":0}',
        b'{"protocol":"json","version":2,"extra":[1]}',
    ],
)
def test_accepted(payload: bytes) -> None:
    assert parse(payload) is JSON


def test_the_codec_asked_for_is_returned() -> None:
    assert parse(b'{"protocol":"packed","version":1}') is PACKED


@pytest.mark.parametrize("version", [0, 1, 2])
def test_the_version_asked_for_is_returned(version: int) -> None:
    request = b'{"protocol":"json","version":%d}' % version
    assert handshake.parse_request(request, CODECS, allows_binary=True, detailed_errors=False) == (JSON, version)


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b'{"protocol":"X","version":1}', "The protocol 'X' is not supported."),
        (
            b'{"protocol":"json","version":9001}',
            "The server does not support version 9001 of the 'json' protocol.",
        ),
        (b"{", handshake.UNEXPECTED),
        (b'{"protocol":"json"}', handshake.UNEXPECTED),
        (b'{"version":1}', handshake.UNEXPECTED),
        (b'{"protocol":1,"version":1}', handshake.UNEXPECTED),
        (b"[" * 100_000, handshake.UNEXPECTED),
    ],
)
def test_refused(payload: bytes, text: str) -> None:
    with pytest.raises(HandshakeError) as caught:
        parse(payload)
    assert str(caught.value) == text


def test_a_binary_protocol_needs_a_transport_that_carries_it() -> None:
    with pytest.raises(HandshakeError, match="does not support 'Binary' transfer format"):
        parse(b'{"protocol":"packed","version":1}', allows_binary=False)


def test_details_are_told_only_when_wanted() -> None:
    with pytest.raises(HandshakeError, match=f"^{handshake.UNEXPECTED} InvalidMessage: "):
        parse(b"{", detailed_errors=True)


def test_answers() -> None:
    assert handshake.SUCCESS == b"{}\x1e"
    assert handshake.error_response('a "b"') == b'{"error":"a \\"b\\""}\x1e'
