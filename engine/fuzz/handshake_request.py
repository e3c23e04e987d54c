"""Whatever arrives, the handshake chooses a codec that we have or raises HandshakeError, nothing else.

And the answer to an error is one JSON object with that text, behind it one separator.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from engine.fuzz import trees, vectors

from hubwire.errors import HandshakeError
from hubwire.options import ALL_PROTOCOLS, PropertyNames
from hubwire.wire import handshake
from hubwire.wire.protocols import hub_protocols

CODECS = hub_protocols(ALL_PROTOCOLS, PropertyNames.AS_DECLARED)
TREES = trees.JSON_BEHIND_A_BYTE
TOKENS = [
    b'"protocol":',
    b'"version":',
    b'"json"',
    b'"messagepack"',
    b'"\\u006a',
    b'\\ud800"',
    b"9" * 25,
    b"1e400",
    b"-1",
]


def seeds() -> Iterator[bytes]:
    content = vectors.read("handshake")
    for flags in range(4):
        for section in ("accepted", "refused", "refused_on_text_transports"):
            yield from (bytes([flags]) + vectors.data_of(row) for row in content[section])
        for digits in (300, 4300, 4301, 10_000):
            yield bytes([flags]) + b'{"protocol":"json","version":' + b"9" * digits + b"}"


def check(data: bytes) -> None:
    flags = data[0] if data else 0
    allows_binary, detailed_errors = bool(flags & 1), bool(flags & 2)
    try:
        codec, version = handshake.parse_request(
            data[1:], CODECS, allows_binary=allows_binary, detailed_errors=detailed_errors
        )
    except HandshakeError as error:
        answer = handshake.error_response(str(error))
        assert answer.index(b"\x1e") == len(answer) - 1
        assert json.loads(answer[:-1]) == {"error": str(error)}
        return
    assert codec is CODECS[codec.name]
    assert version <= handshake.MAXIMUM_VERSION
    assert allows_binary or not codec.is_binary
