"""Our codecs against the vectors of compliance/vectors: what they write and read, byte by byte."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from engine.fuzz import vectors
from engine.fuzz.vectors import Vector

from hubwire.errors import HandshakeError, InvalidMessage
from hubwire.options import ALL_PROTOCOLS, PropertyNames
from hubwire.wire import handshake
from hubwire.wire.codec import Codec
from hubwire.wire.framing import LengthPrefixedReader, length_prefix
from hubwire.wire.messages import Message
from hubwire.wire.protocols import hub_protocols

CODECS = hub_protocols(ALL_PROTOCOLS, PropertyNames.AS_DECLARED)


def rows(*sections: str) -> list[Any]:
    return [
        pytest.param(CODECS[protocol], row, id=f"{protocol}: {row.name}")
        for protocol in sorted(CODECS)
        for row in vectors.load(protocol, *sections)
    ]


def only_payload(codec: Codec, data: bytes) -> bytes:
    reader = codec.reader(len(data))
    reader.feed(data)
    payload = reader.next_message()
    assert payload is not None
    assert reader.next_message() is None
    assert reader.buffered_bytes == 0
    return bytes(payload)


def comparable(value: Any) -> Any:
    """Like the value, but NaN equals NaN, True does not equal 1, and extensions can be compared."""
    if isinstance(value, list | tuple):
        return [comparable(item) for item in value]
    if isinstance(value, dict):
        return [(type(key), key, comparable(item)) for key, item in value.items()]
    if isinstance(value, msgspec.msgpack.Ext):
        return ("extension", value.code, bytes(value.data))
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if value is None or type(value).__module__ != "hubwire.wire.messages":
        return (type(value), value)
    return [type(value), *(comparable(getattr(value, name)) for name in getattr(type(value), "__slots__", ()))]


@pytest.mark.parametrize(("codec", "row"), rows("both", "encode"))
def test_messages_are_written_byte_for_byte(codec: Codec, row: Vector) -> None:
    assert row.message is not None
    assert codec.encode(row.message).hex(" ") == row.data.hex(" ")


@pytest.mark.parametrize(("codec", "row"), rows("both", "decode", "skipped"))
def test_messages_are_read(codec: Codec, row: Vector) -> None:
    assert comparable(codec.decode(only_payload(codec, row.data))) == comparable(row.message)


@pytest.mark.parametrize(("codec", "row"), rows("both", "decode", "skipped"))
def test_single_bytes_make_no_difference(codec: Codec, row: Vector) -> None:
    reader = codec.reader(None)
    found: list[Message | None] = []
    for byte in row.data * 2:
        assert reader.buffered_bytes <= len(row.data)
        reader.feed(bytes([byte]))
        payload = reader.next_message()
        if payload is not None:
            found.append(codec.decode(payload))
    assert comparable(found) == comparable([row.message, row.message])


@pytest.mark.parametrize(("codec", "row"), rows("malformed"))
def test_malformed_messages_are_the_peers_fault(codec: Codec, row: Vector) -> None:
    reader = codec.reader(None)
    reader.feed(row.data)
    payload = reader.next_message()
    assert payload is not None
    with pytest.raises(InvalidMessage):
        codec.decode(payload)


@pytest.mark.parametrize("row", vectors.read("framing")["lengths"], ids=lambda row: str(row["length"]))
def test_lengths_are_written(row: dict[str, Any]) -> None:
    assert length_prefix(row["length"]).hex(" ") == row["hex"]


@pytest.mark.parametrize("row", vectors.read("framing")["malformed"], ids=lambda row: row["name"])
def test_prefixes_that_say_too_much_are_refused(row: dict[str, Any]) -> None:
    reader = LengthPrefixedReader(None)
    reader.feed(vectors.data_of(row))
    with pytest.raises(InvalidMessage, match="length prefix"):
        reader.next_message()


HANDSHAKE = vectors.read("handshake")


@pytest.mark.parametrize("row", HANDSHAKE["accepted"], ids=lambda row: row["name"])
def test_handshakes_are_accepted(row: dict[str, Any]) -> None:
    request = handshake.parse_request(vectors.data_of(row), CODECS, allows_binary=True, detailed_errors=False)
    assert request == (CODECS[row["protocol"]], row["version"])
    assert vectors.data_of(HANDSHAKE["success"][0]) == handshake.SUCCESS


@pytest.mark.parametrize(
    ("row", "allows_binary"),
    [
        *((row, True) for row in HANDSHAKE["refused"]),
        *((row, False) for row in HANDSHAKE["refused_on_text_transports"]),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)
def test_handshakes_are_refused(row: dict[str, Any], allows_binary: bool) -> None:
    with pytest.raises(HandshakeError) as caught:
        handshake.parse_request(vectors.data_of(row), CODECS, allows_binary=allows_binary, detailed_errors=False)
    assert str(caught.value) == row["error"]
