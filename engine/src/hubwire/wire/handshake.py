"""The handshake request and its answers (signalr-protocol 3). Knows no time: the session owns the time-out."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hubwire.errors import HandshakeError
from hubwire.wire.codec import Codec
from hubwire.wire.framing import RECORD_SEPARATOR

MAXIMUM_VERSION = 2
"""Highest hub protocol version that is let in; 0 must pass too, an older Python client sends it."""

SUCCESS = b"{}" + RECORD_SEPARATOR
CANCELED = "Handshake was canceled."
"""No complete request in time, or one over the size limit."""
UNEXPECTED = "An unexpected error occurred during connection handshake."


class _Request(msgspec.Struct, gc=False):
    protocol: str
    version: int


_decode = msgspec.json.Decoder(_Request).decode


def parse_request(
    payload: bytes | bytearray, codecs: Mapping[str, Codec], *, allows_binary: bool, detailed_errors: bool
) -> tuple[Codec, int]:
    """Return the codec that the client asks for, and the version of it.

    Raises: HandshakeError with the text for the client.
    """
    try:
        request = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        detail = f" InvalidMessage: {error}" if detailed_errors else ""
        raise HandshakeError(UNEXPECTED + detail) from error
    codec = codecs.get(request.protocol.lower())
    if codec is None:
        raise HandshakeError(f"The protocol '{request.protocol}' is not supported.")
    if request.version > MAXIMUM_VERSION:
        raise HandshakeError(
            f"The server does not support version {request.version} of the '{request.protocol}' protocol."
        )
    if codec.is_binary and not allows_binary:
        raise HandshakeError(
            f"Cannot use the '{codec.name}' protocol on the current transport. "
            "The transport does not support 'Binary' transfer format."
        )
    return codec, request.version


def error_response(text: str) -> bytes:
    """Return the answer that refuses the handshake."""
    return msgspec.json.encode({"error": text}) + RECORD_SEPARATOR
