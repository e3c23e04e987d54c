"""The JSON hub protocol (signalr-protocol 4.3). Knows no sessions; the framing is `framing.SeparatedReader`.

Receiving is lenient where newer peers may say more (unknown properties and message types, `headers: null`) and strict
where the text would mean two things; of a key that comes twice the last one counts. Sending writes no property that the
protocol does not name: some clients build objects from the decoded dictionary and die of an unknown key.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from hubwire.errors import InvalidMessage
from hubwire.wire.codec import Codec
from hubwire.wire.framing import SeparatedReader
from hubwire.wire.messages import (
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
from hubwire.wire.nesting import MAXIMUM_NESTING, is_nested_deeper

_UNSET = msgspec.UNSET


class _Fields(msgspec.Struct, gc=False):
    """The union of all messages' fields; property order is free, so the type is not known before the end."""

    type: int
    target: str | None = None
    arguments: list[Any] | None = None
    invocationId: str | None = None  # noqa: N815 (wire name)
    streamIds: list[str] | None = None  # noqa: N815 (wire name)
    headers: dict[str, str | None] | None = None
    item: Any = _UNSET
    result: Any = _UNSET
    error: str | None = None
    allowReconnect: bool | None = None  # noqa: N815 (wire name)
    sequenceId: int | None = None  # noqa: N815 (wire name)


class _TypeOnly(msgspec.Struct, gc=False):
    type: int


_decode = msgspec.json.Decoder(_Fields).decode
_decode_type = msgspec.json.Decoder(_TypeOnly).decode
_encode = msgspec.json.Encoder().encode
_KNOWN_TYPES = range(1, 10)
_LEAST_DEEP = 2 * MAXIMUM_NESTING
_PING = b'{"type":6}\x1e'
_PING_MESSAGE = Ping()


class JsonCodec:
    """`json`: UTF-8 JSON objects, each followed by the record separator."""

    __slots__ = ()

    name = "json"
    is_binary = False

    @property
    def shared(self) -> Codec:
        return self

    def reader(self, limit_bytes: int | None) -> SeparatedReader:
        return SeparatedReader(limit_bytes)

    def decode(self, payload: bytes | bytearray) -> Message | None:
        try:
            fields = _decode(payload)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            # A type of a newer protocol may use our property names for other things: skip it, as its sender expects.
            if _is_unknown_type(payload):
                return None
            raise InvalidMessage(f"Error reading JSON: {error}") from error
        # No text with fewer brackets can be nested too deeply, nor one too short for them and their counterparts: most
        # messages pay nothing or two searches for this check.
        if len(payload) > _LEAST_DEEP and payload.count(b"[") + payload.count(b"{") > MAXIMUM_NESTING:
            _refuse_deep_nesting(fields)
        if (
            fields.type == 1
            and fields.target
            and fields.arguments is not None
            and fields.headers is None
            and fields.streamIds is None
        ):  # nearly every message that is no ping
            return Invocation(fields.target, fields.arguments, fields.invocationId or None)
        return _message(fields)

    def encode(self, message: Message) -> bytes:
        match message:
            case Invocation():
                return _encode_invocation(message)
            case Completion():
                return _encode_completion(message)
            case Ping():
                return _PING
            case Close():
                close: dict[str, object] = {"type": 7}
                if message.error is not None:
                    close["error"] = message.error
                if message.allow_reconnect:
                    close["allowReconnect"] = True
                return to_json(close) + b"\x1e"
            case StreamItem():
                fields: dict[str, object] = {"type": 2, "invocationId": message.invocation_id, "item": message.item}
                return _finish(fields, message.headers)
            case StreamInvocation():
                fields = {
                    "type": 4,
                    "invocationId": message.invocation_id,
                    "target": message.target,
                    "arguments": message.arguments,
                }
                if message.stream_ids:
                    fields["streamIds"] = message.stream_ids
                return _finish(fields, message.headers)
            case CancelInvocation():
                return _finish({"type": 5, "invocationId": message.invocation_id}, message.headers)
            case Ack():
                return to_json({"type": 8, "sequenceId": message.sequence_id}) + b"\x1e"
            case Sequence():
                return to_json({"type": 9, "sequenceId": message.sequence_id}) + b"\x1e"


JSON = JsonCodec()
"""The one instance."""


def _is_unknown_type(payload: bytes | bytearray) -> bool:
    try:
        return _decode_type(payload).type not in _KNOWN_TYPES
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False


def _refuse_deep_nesting(fields: _Fields) -> None:
    if is_nested_deeper([fields.arguments, fields.item, fields.result], MAXIMUM_NESTING):
        raise InvalidMessage(f"The message is nested deeper than {MAXIMUM_NESTING} levels.")


def _message(fields: _Fields) -> Message | None:
    number = fields.type
    if number == 6:
        return _PING_MESSAGE
    if number == 7:
        return Close(fields.error, bool(fields.allowReconnect))
    if number == 8 or number == 9:
        if fields.sequenceId is None:
            raise InvalidMessage("Missing required property 'sequenceId'.")
        return Ack(fields.sequenceId) if number == 8 else Sequence(fields.sequenceId)
    if number not in _KNOWN_TYPES:
        return None
    headers = _headers(fields.headers) if fields.headers else {}
    if number == 1:
        target, arguments = _call(fields)
        # No id and an empty id both mean: no completion is wanted.
        return Invocation(target, arguments, fields.invocationId or None, headers, tuple(fields.streamIds or ()))
    invocation_id = fields.invocationId
    if invocation_id is None:
        raise InvalidMessage("Missing required property 'invocationId'.")
    if number == 4:
        if not invocation_id:
            raise InvalidMessage("Property 'invocationId' of a stream invocation is empty.")
        target, arguments = _call(fields)
        return StreamInvocation(invocation_id, target, arguments, headers, tuple(fields.streamIds or ()))
    if number == 2:
        if fields.item is _UNSET:
            raise InvalidMessage("Missing required property 'item'.")
        return StreamItem(invocation_id, fields.item, headers)
    if number == 3:
        if fields.error is not None:
            if fields.result is not _UNSET:
                raise InvalidMessage("The 'error' and 'result' properties are mutually exclusive.")
            return Completion(invocation_id, None, fields.error, False, headers)
        if fields.result is _UNSET:
            return Completion(invocation_id, None, None, False, headers)
        return Completion(invocation_id, fields.result, None, True, headers)
    return CancelInvocation(invocation_id, headers)


def _call(fields: _Fields) -> tuple[str, list[Any]]:
    if not fields.target:
        raise InvalidMessage("Missing required property 'target'.")
    if fields.arguments is None:
        raise InvalidMessage("Missing required property 'arguments'.")
    return fields.target, fields.arguments


def _headers(headers: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if value is not None}


def _encode_invocation(message: Invocation) -> bytes:
    if message.invocation_id is None and not message.headers and not message.stream_ids:
        # The message of every broadcast.
        return (
            b'{"type":1,"target":'
            + _encode(message.target)
            + b',"arguments":'
            + to_json(list(message.arguments))
            + b"}\x1e"
        )
    fields: dict[str, object] = {"type": 1}
    if message.invocation_id is not None:
        fields["invocationId"] = message.invocation_id
    fields["target"] = message.target
    fields["arguments"] = message.arguments
    if message.stream_ids:
        fields["streamIds"] = message.stream_ids
    return _finish(fields, message.headers)


def _encode_completion(message: Completion) -> bytes:
    fields: dict[str, object] = {"type": 3, "invocationId": message.invocation_id}
    if message.error is not None:
        fields["error"] = message.error
    elif message.has_result:
        fields["result"] = message.result
        if not message.headers:
            return to_json(fields) + b"\x1e"
    return _finish(fields, message.headers)


def _finish(fields: dict[str, object], headers: dict[str, str]) -> bytes:
    if headers:
        fields["headers"] = headers
    return to_json(fields) + b"\x1e"


def to_json(value: object) -> bytes:
    """Write a value as arguments and results are written. Raises: TypeError, ValueError."""
    try:
        encoded = _encode(value)
        # msgspec writes NaN and the infinities as null, which would change figures silently. Only a text that holds a
        # null can hide one, so most messages pay a substring search for this check and nothing more.
        if b"null" in encoded:
            _refuse_non_finite(msgspec.to_builtins(value))
    except RecursionError as error:
        raise ValueError("The value contains itself or is nested too deeply; send a flatter one.") from error
    return encoded


def _refuse_non_finite(value: object) -> None:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} has no JSON form; send None or a finite number.")
    elif isinstance(value, dict):
        for item in value.values():
            _refuse_non_finite(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            _refuse_non_finite(item)
