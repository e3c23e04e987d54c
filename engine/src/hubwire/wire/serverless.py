"""What a service and its upstream say to each other in bodies of HTTP (azure-serverless 4.4, 4.5). Pure bytes.

The service sends payloads without framing: the two connection events, always as JSON, and clients' messages in their
own protocol. The upstream answers a call with one framed Completion. Knows neither headers nor connections.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from hubwire.errors import InvalidMessage
from hubwire.wire.codec import Codec
from hubwire.wire.messages import Completion, Message

CONTENT_TYPES = {"json": "application/json", "messagepack": "application/x-msgpack"}
"""Media types of bodies, by the name of their protocol."""

CONNECTED = b'{"type":10}'
"""The payload of a `connected` event."""

_CONNECTED_TYPE, _DISCONNECTED_TYPE = 10, 11
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class ConnectedEvent:
    """Type 10: a connection has made its handshake."""


@dataclass(frozen=True, slots=True)
class DisconnectedEvent:
    """Type 11: a connection is gone. `error` None: it was closed properly."""

    error: str | None = None


def disconnected_payload(error: str | None) -> bytes:
    """Return the payload of a `disconnected` event; without error the member is left out."""
    if error is None:
        return b'{"type":11}'
    # Texts of exceptions may hold half characters, which have no UTF-8.
    return _encode({"type": 11, "error": error.encode(errors="replace").decode()})


def read_connection_event(payload: bytes) -> ConnectedEvent | DisconnectedEvent:
    """Read either event; names of members are compared without regard to case, as others write `Type` and `Error`.

    Raises: InvalidMessage.
    """
    try:
        members = {name.lower(): value for name, value in _decode(payload).items()}
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InvalidMessage(f"Error reading a connection event: {error}") from error
    number, error_text = members.get("type"), members.get("error")
    if type(number) is not int or number not in (_CONNECTED_TYPE, _DISCONNECTED_TYPE):
        raise InvalidMessage("A connection event has type 10 or 11.")
    if number == _CONNECTED_TYPE:
        return ConnectedEvent()
    if error_text is not None and not isinstance(error_text, str):
        raise InvalidMessage("'error' of a connection event is no text.")
    return DisconnectedEvent(error_text)


def unframed(codec: Codec, message: Message) -> bytes:
    """Return the message as this codec writes it, without its framing.

    Raises: TypeError, ValueError when its values cannot be written.
    """
    reader = codec.reader(None)
    reader.feed(codec.encode(message))
    return bytes(reader.next_message() or b"")


def read_completion(codec: Codec, body: bytes, invocation_id: str) -> Completion:
    """Read the answer to a call: exactly one framed Completion of this protocol and for this call.

    Raises: InvalidMessage, which says what the answer is instead.
    """
    reader = codec.reader(None)
    reader.feed(body)
    payload = reader.next_message()
    if payload is None:
        what = "a record separator (0x1E) at its end" if codec.name == "json" else "its whole length in front"
        raise InvalidMessage(f"The answer is no framed message of protocol {codec.name}: it lacks {what}.")
    message = codec.decode(payload)
    if not isinstance(message, Completion):
        raise InvalidMessage("The answer is another message than a Completion.")
    if reader.buffered_bytes:
        raise InvalidMessage("The answer holds more than one Completion.")
    if message.invocation_id != invocation_id:
        raise InvalidMessage("The answer is the Completion of another call.")
    return message
