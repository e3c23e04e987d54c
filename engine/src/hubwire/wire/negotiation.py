"""The negotiate answer (signalr-protocol 1.2 and 1.3). Knows no HTTP and makes no ids."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

MAXIMUM_VERSION = 1

WEBSOCKETS = "WebSockets"
SERVER_SENT_EVENTS = "ServerSentEvents"
LONG_POLLING = "LongPolling"

TRANSFER_FORMATS = {
    WEBSOCKETS: ("Text", "Binary"),
    SERVER_SENT_EVENTS: ("Text",),
    LONG_POLLING: ("Text", "Binary"),
}
"""Every transport of the protocol with its formats, in the order in which answers list them."""

_NOT_AN_INTEGER = "The client requested a non-integer protocol version."


class NegotiationError(Exception):
    """The version asked for cannot be served; the text is for the client, inside a 200 answer."""


def requested_version(text: str | None) -> int:
    """Return the version to answer with; a client that names none speaks version 0.

    Raises: NegotiationError.
    """
    if text is None:
        return 0
    try:
        version = int(text)
    except ValueError:
        raise NegotiationError(_NOT_AN_INTEGER) from None
    return max(0, min(version, MAXIMUM_VERSION))


def answer(version: int, connection_id: str, connection_token: str, transports: Sequence[str]) -> bytes:
    """Return the JSON body of a processed negotiate; in version 0 the id is the token, which is not named."""
    body: dict[str, object] = {"negotiateVersion": version, "connectionId": connection_id}
    if version > 0:
        body["connectionToken"] = connection_token
    body["availableTransports"] = [
        {"transport": name, "transferFormats": formats}
        for name, formats in TRANSFER_FORMATS.items()
        if name in transports
    ]
    return msgspec.json.encode(body)


def error_answer(text: str) -> bytes:
    """Return the JSON body that refuses; its status is 200 all the same."""
    return msgspec.json.encode({"error": text})
