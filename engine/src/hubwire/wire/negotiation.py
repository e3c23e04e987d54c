"""The negotiate answer (signalr-protocol 1.2 and 1.3). Knows no HTTP and makes no ids."""

from __future__ import annotations

from collections.abc import Collection

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
_TOO_OLD = "The client requested version '{}', but the server does not support this version."


class NegotiationError(Exception):
    """The version asked for cannot be served; the text is for the client, inside a 200 answer."""


def requested_version(text: str | None, minimum: int = 0) -> int:
    """Return the version to answer with; a client that names none speaks version 0.

    Raises: NegotiationError.
    """
    try:
        version = 0 if text is None else int(text)
    except ValueError:
        raise NegotiationError(_NOT_AN_INTEGER) from None
    if version < minimum:
        raise NegotiationError(_TOO_OLD.format(version))
    return max(0, min(version, MAXIMUM_VERSION))


def answer(
    version: int,
    connection_id: str,
    connection_token: str,
    transports: Collection[str],
    *,
    is_stateful: bool = False,
) -> bytes:
    """Return the JSON body of a processed negotiate; in version 0 the id is the token, which is not named."""
    body: dict[str, object] = {"negotiateVersion": version, "connectionId": connection_id}
    if version > 0:
        body["connectionToken"] = connection_token
    if is_stateful:  # clients that did not ask for it give up where they see the field at all
        body["useStatefulReconnect"] = True
    body["availableTransports"] = [
        {"transport": name, "transferFormats": formats}
        for name, formats in TRANSFER_FORMATS.items()
        if name in transports
    ]
    return msgspec.json.encode(body)


def redirect_answer(url: str, access_token: str | None) -> bytes:
    """Return the JSON body that sends a client on; without a token it keeps its own."""
    body = {"url": url}
    if access_token is not None:
        body["accessToken"] = access_token
    return msgspec.json.encode(body)


def error_answer(text: str) -> bytes:
    """Return the JSON body that refuses; its status is 200 all the same."""
    return msgspec.json.encode({"error": text})
