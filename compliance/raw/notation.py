"""Hub messages as bytes, in both protocols, by hand: nothing of the library that is judged has a say here.

A message is a dictionary of the JSON protocol's fields, whatever the protocol: a field that is absent is not there.
Reading is strict about what servers may write; clients in the field give up on one field or element too many.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import msgpack

Message = dict[str, Any]

RS = b"\x1e"
INVOCATION, STREAM_ITEM, COMPLETION, STREAM_INVOCATION, CANCEL, PING, CLOSE, ACK, SEQUENCE = range(1, 10)

_FIELDS = {
    INVOCATION: ({"target", "arguments"}, {"invocationId"}),
    STREAM_ITEM: ({"invocationId", "item"}, set()),
    COMPLETION: ({"invocationId"}, {"result", "error"}),
    PING: (set(), set()),
    CLOSE: (set(), {"error", "allowReconnect"}),
    ACK: ({"sequenceId"}, set()),
    SEQUENCE: ({"sequenceId"}, set()),
}
"""What messages of a server have to carry besides their type, and what they may."""


class Notation(ABC):
    """One hub protocol."""

    name: str
    is_binary: bool

    def write(self, *messages: Message) -> bytes:
        """Several messages in one payload."""
        return b"".join(map(self.write_one, messages))

    @abstractmethod
    def write_one(self, message: Message) -> bytes:
        """A client's message."""

    @abstractmethod
    def read(self, payload: bytes) -> list[Message]:
        """A server's messages, of which a payload holds only whole ones."""


class Json(Notation):
    name = "json"
    is_binary = False

    def write_one(self, message: Message) -> bytes:
        return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + RS

    def read(self, payload: bytes) -> list[Message]:
        if not payload:
            return []
        *texts, rest = payload.split(RS)
        assert rest == b"", f"A message is not whole: {payload!r}"
        return [_checked(json.loads(text, parse_constant=_refuse)) for text in texts]


class MessagePack(Notation):
    name = "messagepack"
    is_binary = True

    def write_one(self, message: Message) -> bytes:
        body: bytes = msgpack.packb(_elements(message), use_bin_type=True)
        return length_prefix(len(body)) + body

    def read(self, payload: bytes) -> list[Message]:
        return [_checked(_message(msgpack.unpackb(body, raw=False, strict_map_key=False))) for body in _bodies(payload)]


NOTATIONS = {each.name: each for each in (Json(), MessagePack())}


def length_prefix(length: int) -> bytes:
    """A length as the binary protocol writes it: seven bits a byte, the lowest first."""
    prefix = bytearray()
    while True:
        length, bits = length >> 7, length & 0x7F
        prefix.append(bits | (0x80 if length else 0))
        if not length:
            return bytes(prefix)


def _bodies(payload: bytes) -> Iterator[bytes]:
    place = 0
    while place < len(payload):
        length = shift = 0
        while True:
            byte = payload[place]
            place += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        assert place + length <= len(payload), f"A message is not whole: {payload!r}"
        yield payload[place : place + length]
        place += length


def _elements(message: Message) -> list[Any]:
    """A client's message as an array; without streams it has the five elements that the JavaScript client sends."""
    kind, headers = message["type"], message.get("headers", {})
    streams = [message["streamIds"]] if "streamIds" in message else []
    match kind:
        case 1 | 4:
            invocation_id = message.get("invocationId")
            return [kind, headers, invocation_id, message["target"], message["arguments"], *streams]
        case 2:
            return [kind, headers, message["invocationId"], message["item"]]
        case 3 if "error" in message:
            return [kind, headers, message["invocationId"], 1, message["error"]]
        case 3 if "result" in message:
            return [kind, headers, message["invocationId"], 3, message["result"]]
        case 3:
            return [kind, headers, message["invocationId"], 2]
        case 5:
            return [kind, headers, message["invocationId"]]
        case 7:
            return [kind, message.get("error")]
        case 8 | 9:
            return [kind, message["sequenceId"]]
        case _:
            return [kind]


def _message(elements: list[Any]) -> Message:
    """A server's array as a message."""
    kind = elements[0]
    match elements:
        case [1, {} as headers, invocation_id, target, arguments, []] if not headers:
            message = {"target": target, "arguments": arguments}
            if invocation_id is not None:
                message["invocationId"] = invocation_id
        case [2, {} as headers, invocation_id, item] if not headers:
            message = {"invocationId": invocation_id, "item": item}
        case [3, {} as headers, invocation_id, 1, error] if not headers:
            message = {"invocationId": invocation_id, "error": error}
        case [3, {} as headers, invocation_id, 2] if not headers:
            message = {"invocationId": invocation_id}
        case [3, {} as headers, invocation_id, 3, result] if not headers:
            message = {"invocationId": invocation_id, "result": result}
        case [6]:
            message = {}
        case [7, error, bool(may_reconnect)]:
            message = {} if error is None else {"error": error}
            if may_reconnect:
                message["allowReconnect"] = True
        case [8 | 9, sequence_id]:
            message = {"sequenceId": sequence_id}
        case _:
            raise AssertionError(f"No message of a server: {elements!r}")
    return {"type": kind, **message}


def _checked(message: Any) -> Message:
    assert isinstance(message, dict), message
    kind = message.get("type")
    assert type(kind) is int, message
    assert kind in _FIELDS, message
    required, optional = _FIELDS[kind]
    names = set(message) - {"type"}
    assert required <= names <= required | optional, message
    assert not {"result", "error"} <= names, message
    assert message.get("error", "some") != "", message  # clients take an empty text as none
    assert message.get("allowReconnect", True) is True, message  # else it is left out
    return message


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")
