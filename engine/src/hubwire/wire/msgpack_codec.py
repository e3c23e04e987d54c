"""The MessagePack hub protocol (signalr-protocol 4.4). Knows no sessions; framing is `framing.LengthPrefixedReader`.

Receiving checks the least number of elements only: newer peers may send more, and some send fewer than we do. Sending
writes every element: some clients index what others leave out.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hubwire.errors import InvalidMessage
from hubwire.wire.codec import Codec
from hubwire.wire.framing import LengthPrefixedReader, length_prefix
from hubwire.wire.messages import (
    UNREADABLE,
    Ack,
    CancelInvocation,
    Close,
    Completion,
    Invocation,
    Message,
    Ping,
    Sequence,
    StreamInvocation,
    StreamItem,
)
from hubwire.wire.msgpack_limits import refuse_harmful

_decode = msgspec.msgpack.Decoder().decode
_decode_parts = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.msgpack.Encoder().encode

_PING = b"\x02\x91\x06"
_PING_MESSAGE = Ping()
_ERROR, _VOID, _RESULT = 1, 2, 3
"""Kinds of completion."""
_CALLS = (1, 4)
_ARGUMENTS = 4
"""Where they stand in calls."""
_LEAST_ELEMENTS = {1: 5, 2: 4, 3: 4, 4: 5, 5: 3, 6: 1, 7: 2, 8: 2, 9: 2}


class MessagePackCodec:
    """`messagepack`: one array for each message, behind its length.

    Aware datetimes travel as timestamps, both ways; bytes as bin, UUIDs as lower-case text, enums by value, dataclasses
    and Structs as maps. Extensions of other types come in as `msgspec.msgpack.Ext`, and go out so.
    """

    __slots__ = ()

    name = "messagepack"
    is_binary = True

    @property
    def shared(self) -> Codec:
        return self

    def reader(self, limit_bytes: int | None) -> LengthPrefixedReader:
        return LengthPrefixedReader(limit_bytes)

    def decode(self, payload: bytes | bytearray) -> Message | None:
        try:
            refuse_harmful(payload)
            try:
                fields = _decode(payload)
            except msgspec.ValidationError:
                fields = _decode_what_can_be(payload)
        except (InvalidMessage, msgspec.DecodeError, ValueError, RecursionError) as error:
            # What a type of a newer protocol may hold is not for us to say: skip it, as its sender expects.
            if _is_unknown_type(payload):
                return None
            raise InvalidMessage(f"Error reading MessagePack: {error}") from error
        if type(fields) is not list or not fields:
            raise InvalidMessage("The message is no array, or an empty one.")
        number = fields[0]
        if type(number) is not int:
            raise InvalidMessage("The type of the message is no integer.")
        least = _LEAST_ELEMENTS.get(number)
        if least is None:
            return None
        if len(fields) < least:
            raise InvalidMessage(f"A message of type {number} has at least {least} elements, not {len(fields)}.")
        return _message(number, fields)

    def encode(self, message: Message) -> bytes:
        match message:
            case Invocation() | StreamInvocation():
                number = 4 if type(message) is StreamInvocation else 1
                arguments = message.arguments
                body = _pack(
                    [
                        number,
                        message.headers,
                        message.invocation_id,
                        message.target,
                        arguments if type(arguments) is list or type(arguments) is tuple else list(arguments),
                        message.stream_ids,
                    ]
                )
            case Completion():
                body = _pack_completion(message)
            case StreamItem():
                body = _pack([2, message.headers, message.invocation_id, message.item])
            case Ping():
                return _PING
            case Close():
                body = _pack([7, message.error, message.allow_reconnect])
            case CancelInvocation():
                body = _pack([5, message.headers, message.invocation_id])
            case Ack():
                body = _pack([8, message.sequence_id])
            case Sequence():
                body = _pack([9, message.sequence_id])
        return length_prefix(len(body)) + body


MESSAGEPACK = MessagePackCodec()
"""The one instance."""


def _decode_what_can_be(payload: bytes | bytearray) -> list[Any]:
    """Decode a message that holds a date which Python cannot: the argument, item or result with it is `UNREADABLE`.

    So it fails the call that it belongs to, as in the reference server, and not the connection.

    Raises: DecodeError, ValueError, RecursionError for what is malformed.
    """
    parts = _decode_parts(payload)
    fields = [_decode_or_unreadable(part) for part in parts]
    if fields and fields[0] in _CALLS and len(fields) > _ARGUMENTS and fields[_ARGUMENTS] is UNREADABLE:
        fields[_ARGUMENTS] = [_decode_or_unreadable(argument) for argument in _decode_parts(parts[_ARGUMENTS])]
    return fields


def _decode_or_unreadable(part: msgspec.Raw) -> Any:
    try:
        return _decode(part)
    except msgspec.ValidationError:
        return UNREADABLE


def _is_unknown_type(payload: bytes | bytearray) -> bool:
    try:
        number = _decode(_decode_parts(payload)[0])
    except (msgspec.DecodeError, ValueError, RecursionError, IndexError):
        return False
    return type(number) is int and number not in _LEAST_ELEMENTS


def _message(number: int, fields: list[Any]) -> Message:
    """Build the message of a known type from a sufficient number of elements."""
    if number == 6:
        return _PING_MESSAGE
    if number == 7:
        allow_reconnect = fields[2] if len(fields) > 2 else None
        if allow_reconnect is not None and type(allow_reconnect) is not bool:
            raise InvalidMessage("'allowReconnect' is no boolean.")
        return Close(_text_or_none(fields[1], "error"), bool(allow_reconnect))
    if number == 8 or number == 9:
        sequence_id = fields[1]
        if type(sequence_id) is not int:
            raise InvalidMessage("'sequenceId' is no integer.")
        return Ack(sequence_id) if number == 8 else Sequence(sequence_id)
    headers = _headers(fields[1])
    invocation_id = _text_or_none(fields[2], "invocationId")
    if number == 1:
        target, arguments, stream_ids = _call(fields)
        # No id and an empty id both mean: no completion is wanted.
        return Invocation(target, arguments, invocation_id or None, headers, stream_ids)
    if invocation_id is None:
        raise InvalidMessage("'invocationId' is missing.")
    if number == 4:
        if not invocation_id:
            raise InvalidMessage("'invocationId' of a stream invocation is empty.")
        target, arguments, stream_ids = _call(fields)
        return StreamInvocation(invocation_id, target, arguments, headers, stream_ids)
    if number == 2:
        return StreamItem(invocation_id, fields[3], headers)
    if number == 3:
        return _completion(invocation_id, fields, headers)
    return CancelInvocation(invocation_id, headers)


def _call(fields: list[Any]) -> tuple[str, list[Any], tuple[str, ...]]:
    target, arguments = fields[3], fields[4]
    stream_ids = fields[5] if len(fields) > 5 else None
    if type(target) is not str or not target:
        raise InvalidMessage("'target' is no text, or an empty one.")
    if type(arguments) is not list:
        raise InvalidMessage("'arguments' is no array.")
    if stream_ids is None:
        return target, arguments, ()
    if type(stream_ids) is not list or not all(type(stream_id) is str for stream_id in stream_ids):
        raise InvalidMessage("'streamIds' is no array of texts.")
    return target, arguments, tuple(stream_ids)


def _completion(invocation_id: str, fields: list[Any], headers: dict[str, str]) -> Completion:
    kind = fields[3]
    if type(kind) is not int or not _ERROR <= kind <= _RESULT:
        raise InvalidMessage("The kind of a completion is 1, 2 or 3.")
    if kind == _VOID:
        return Completion(invocation_id, None, None, False, headers)
    if len(fields) < 5:
        raise InvalidMessage("A completion with an error or a result has at least 5 elements.")
    if kind == _RESULT:
        return Completion(invocation_id, fields[4], None, True, headers)
    error = fields[4]
    if type(error) is not str:
        raise InvalidMessage("The error of a completion is no text.")
    return Completion(invocation_id, None, error, False, headers)


def _text_or_none(value: object, name: str) -> str | None:
    if value is not None and type(value) is not str:
        raise InvalidMessage(f"'{name}' is no text.")
    return value


def _headers(value: object) -> dict[str, str]:
    if value is None or value == {}:
        return {}
    if type(value) is not dict or not all(
        type(key) is str and (item is None or type(item) is str) for key, item in value.items()
    ):
        raise InvalidMessage("Headers are no map of texts.")
    return {name: text for name, text in value.items() if text is not None}


def _pack_completion(message: Completion) -> bytes:
    if message.error is not None:
        return _pack([3, message.headers, message.invocation_id, _ERROR, message.error])
    if message.has_result:
        return _pack([3, message.headers, message.invocation_id, _RESULT, message.result])
    return _pack([3, message.headers, message.invocation_id, _VOID])


def _pack(fields: list[object]) -> bytes:
    try:
        return _encode(fields)
    except OverflowError as error:
        raise ValueError("MessagePack has no integers beyond 64 bits; send a text.") from error
    except RecursionError as error:
        raise ValueError("The value contains itself or is nested too deeply; send a flatter one.") from error
