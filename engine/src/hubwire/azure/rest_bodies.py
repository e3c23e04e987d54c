"""Bodies of the REST data plane that carry a message, in each of their three forms (azure-serverless 3.4).

JSON `{target, arguments}` in any case of the names; a MessagePack map of the same; and what the service's own tools
send, a MessagePack map of protocol names to hub messages that are encoded and framed already. The latter are looked at,
because one that is malformed would break every connection that it is sent to, and passed on as they are.
"""

from __future__ import annotations

import msgspec

from hubwire.azure.rest_errors import invalid
from hubwire.errors import InvalidMessage
from hubwire.wire.codec import Codec
from hubwire.wire.encoded import EncodedMessage
from hubwire.wire.json_codec import JSON
from hubwire.wire.messages import Invocation, Message, StreamItem
from hubwire.wire.msgpack_codec import MESSAGEPACK
from hubwire.wire.msgpack_limits import refuse_harmful
from hubwire.wire.nesting import MAXIMUM_NESTING, is_nested_deeper

JSON_TYPE = "application/json"
MESSAGEPACK_TYPE = "application/x-msgpack"
ENCODED_TYPE = "application/octet-stream"

_CODECS: dict[str, Codec] = {codec.name: codec for codec in (JSON, MESSAGEPACK)}

_decode_json = msgspec.json.Decoder().decode
_decode_msgpack = msgspec.msgpack.Decoder().decode
_decode_map = msgspec.msgpack.Decoder(dict[str, bytes]).decode


def read_message(body: bytes, content_type: str) -> EncodedMessage:
    """Return the message of a `:send`. Raises: RestError."""
    media_type = _media_type(content_type)
    if media_type == ENCODED_TYPE:
        payloads = _read_encoded(body)
        for message in payloads.values():
            if not isinstance(message[1], Invocation) or message[1].invocation_id is not None:
                raise invalid("A message of the body is no Invocation without invocationId.", "payload")
        return _received(payloads)
    return checked(EncodedMessage(invocation_of(_read_value(body, media_type))))


def read_invocation(body: bytes, content_type: str) -> Invocation:
    """Return what a client is to be called with. Raises: RestError."""
    media_type = _media_type(content_type)
    if media_type == ENCODED_TYPE:
        for _, message in _read_encoded(body).values():
            if isinstance(message, Invocation):
                return _sendable(Invocation(message.target, message.arguments))
        raise invalid("The body holds no Invocation.", "payload")
    return _sendable(invocation_of(_read_value(body, media_type)))


def read_stream_item(body: bytes, content_type: str, stream_id: str) -> EncodedMessage:
    """Return the item of a stream's `:send`, which is the body itself unless it is encoded. Raises: RestError."""
    media_type = _media_type(content_type)
    if media_type == ENCODED_TYPE:
        payloads = _read_encoded(body)
        for _, message in payloads.values():
            if not isinstance(message, StreamItem) or message.invocation_id != stream_id:
                raise invalid("A message of the body is no StreamItem of this stream.", "payload")
        return _received(payloads)
    return checked(EncodedMessage(StreamItem(stream_id, _read_value(body, media_type))))


def invocation_of(value: object) -> Invocation:
    """Read `{target, arguments}`. Raises: RestError."""
    if type(value) is not dict:
        raise invalid('The message is no object; send {"target": "name", "arguments": [...]}.', "payload")
    fields = {key.lower(): item for key, item in value.items() if type(key) is str}
    target, arguments = fields.get("target"), fields.get("arguments")
    if type(target) is not str or not target:
        raise invalid("The message has no target, or none that is a text; name the client's method.", "target")
    if arguments is None:
        arguments = []
    elif type(arguments) is not list:
        raise invalid("The message's arguments are no array.", "arguments")
    return Invocation(target, arguments)


def checked(message: EncodedMessage) -> EncodedMessage:
    """Refuse what some connection could not be sent, which would close it. The bytes are what is sent then.

    Raises: RestError.
    """
    for codec in _CODECS.values():
        try:
            message.payload(codec)
        except (TypeError, ValueError) as error:
            raise invalid(f"The message cannot be written as {codec.name}: {error}", "payload") from error
    return message


def _sendable(invocation: Invocation) -> Invocation:
    checked(EncodedMessage(invocation))
    return invocation


def _received(payloads: dict[Codec, tuple[bytes, Message]]) -> EncodedMessage:
    """What is there is sent as it is; a protocol that is missing is written here."""
    return checked(EncodedMessage.received({codec: payload for codec, (payload, _) in payloads.items()}, {}))


def _media_type(content_type: str) -> str:
    """Return one of the three types; none at all is JSON. Raises: RestError."""
    media_type = content_type.partition(";")[0].strip().lower() or JSON_TYPE
    if media_type not in (JSON_TYPE, MESSAGEPACK_TYPE, ENCODED_TYPE):
        raise invalid(
            f"A body cannot be of the given Content-Type; send {JSON_TYPE}, {MESSAGEPACK_TYPE} or {ENCODED_TYPE}.",
            "Content-Type",
        )
    return media_type


def read_json_body(body: bytes, content_type: str) -> object:
    """Return a body that can only be JSON. Raises: RestError."""
    if _media_type(content_type) != JSON_TYPE:
        raise invalid(f"The body cannot be of the given Content-Type; send {JSON_TYPE}.", "Content-Type")
    return _read_value(body, JSON_TYPE)


def _read_value(body: bytes, media_type: str) -> object:
    if not body:
        raise invalid("Message body is required.", "payload")
    try:
        if media_type == JSON_TYPE:
            return _read_json(body)
        refuse_harmful(body)
        return _decode_msgpack(body)
    except (InvalidMessage, msgspec.DecodeError, ValueError, RecursionError) as error:
        raise invalid(f"The body cannot be read: {error}", "payload") from error


def _read_json(body: bytes) -> object:
    """Raises: DecodeError, ValueError, RecursionError; InvalidMessage where it is nested too deeply."""
    value = _decode_json(body)
    if body.count(b"[") + body.count(b"{") > MAXIMUM_NESTING and is_nested_deeper([value], MAXIMUM_NESTING):
        raise InvalidMessage(f"It is nested deeper than {MAXIMUM_NESTING} levels.")
    return value


def _read_encoded(body: bytes) -> dict[Codec, tuple[bytes, Message]]:
    """Return each payload with what it says. Raises: RestError."""
    try:
        payloads = _decode_map(body)
        if not payloads:
            raise invalid("The body names no protocol; send at least one of json and messagepack.", "payload")
        return {_codec(name): (payload, _read_framed(_codec(name), payload)) for name, payload in payloads.items()}
    except (InvalidMessage, msgspec.DecodeError, ValueError, RecursionError) as error:
        raise invalid(f"The body cannot be read: {error}", "payload") from error


def _codec(name: str) -> Codec:
    codec = _CODECS.get(name)
    if codec is None:
        raise invalid("The body names an unknown protocol; there are json and messagepack.", "payload")
    return codec


def _read_framed(codec: Codec, payload: bytes) -> Message:
    """Read exactly one message with its framing. Raises: InvalidMessage."""
    reader = codec.reader(None)
    reader.feed(payload)
    framed = reader.next_message()
    message = None if framed is None or reader.buffered_bytes else codec.decode(framed)
    if message is None:
        raise InvalidMessage(f"the value of {codec.name} is not one framed hub message.")
    return message
