"""Whatever arrives, the JSON codec returns a message or raises InvalidMessage, nothing else.

And what it returns it can write, without a separator inside, and read again as the same message.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.fuzz import trees, vectors

from hubwire.errors import InvalidMessage
from hubwire.wire.framing import RECORD_SEPARATOR
from hubwire.wire.json_codec import JSON

TREES = trees.JSON
TOKENS = [
    *(f'"{name}":'.encode() for name in ("type", "target", "arguments", "invocationId", "streamIds", "headers")),
    *(f'"{name}":'.encode() for name in ("item", "result", "error", "allowReconnect", "sequenceId")),
    *(b"null", b"true", b"false", b"1e400", b"-0", b'"\\ud800"', b'"\\ud83d\\ude00"', b'""', b"[]", b"{}", b'{"a":1}'),
    *(b"[" * 64, b"]" * 64, b'{"a":' * 64, b"}" * 64, b"9" * 25, b"\xc3\xa4", b"\xff"),
]


def seeds() -> Iterator[bytes]:
    for row in vectors.load("json", "both", "encode", "decode", "skipped", "malformed"):
        yield row.data[:-1]


def check(data: bytes) -> None:
    try:
        message = JSON.decode(data)
    except InvalidMessage:
        return
    if message is None:
        return
    written = JSON.encode(message)
    assert written.index(RECORD_SEPARATOR) == len(written) - 1
    assert JSON.decode(written[:-1]) == message
