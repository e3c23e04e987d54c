"""The handshake as a client sees it (signalr-protocol 3). Knows no time: the session owns the time-out."""

from __future__ import annotations

import msgspec

from hubwire.client.errors import HandshakeFailed
from hubwire.wire.framing import RECORD_SEPARATOR

VERSION = 1
STATEFUL_VERSION = 2
"""Asked for only with stateful reconnect: servers of before it refuse anything above 1."""
MAXIMUM_RESPONSE_BYTES = 32 * 1024


class _Response(msgspec.Struct, gc=False):
    error: str | None = None
    type: int | None = None


_decode = msgspec.json.Decoder(_Response).decode


def request(protocol: str, version: int) -> bytes:
    """Return the first bytes of a connection, JSON whatever the protocol."""
    return msgspec.json.encode({"protocol": protocol, "version": version}) + RECORD_SEPARATOR


def check_response(payload: bytes | bytearray) -> None:
    """Return if the server accepts.

    Raises: HandshakeFailed.
    """
    try:
        response = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HandshakeFailed(f"The server's handshake response cannot be read: {error}") from error
    if response.error is not None:
        raise HandshakeFailed(f"Server returned handshake error: {response.error}")
    if response.type is not None:
        raise HandshakeFailed("Expected a handshake response from the server.")
