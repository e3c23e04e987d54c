"""Reads compliance/vectors, for the tests of the codecs and as the first inputs of the harnesses."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from hubwire.wire import messages
from hubwire.wire.framing import RECORD_SEPARATOR
from hubwire.wire.messages import Message

FOLDER = Path(__file__).resolve().parents[2] / "compliance" / "vectors"


@dataclass(frozen=True, slots=True)
class Vector:
    """One row of a file: what it is called, its bytes, and the message; None for what is skipped or malformed."""

    name: str
    data: bytes
    """With the framing."""
    message: Message | None


def load(protocol: str, *sections: str) -> list[Vector]:
    """Return the rows of these sections of a codec's file."""
    content = read(protocol)
    return [_vector(row, protocol == "json") for section in sections for row in content[section]]


def read(name: str) -> dict[str, Any]:
    """Return a whole file."""
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return content


def data_of(row: Mapping[str, Any]) -> bytes:
    """Return the bytes that a row writes as text or in hex."""
    if "text" in row:
        return b"".join(piece.encode() * times for piece, times in _pieces(row["text"]))
    return b"".join(bytes.fromhex(piece) * times for piece, times in _pieces(row["hex"]))


def _pieces(value: str | Sequence[tuple[str, int]]) -> Sequence[tuple[str, int]]:
    return [(value, 1)] if isinstance(value, str) else value


def _vector(row: Mapping[str, Any], is_separated: bool) -> Vector:
    message = _message(row["message"]) if "message" in row else None
    return Vector(row["name"], data_of(row) + (RECORD_SEPARATOR if is_separated else b""), message)


def _message(row: Mapping[str, Any]) -> Message:
    fields = dict(_fields(row))
    kind = getattr(messages, row["type"])
    message: Message = kind(**fields)
    return message


def _fields(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    names = {
        "invocationId": "invocation_id",
        "streamIds": "stream_ids",
        "allowReconnect": "allow_reconnect",
        "sequenceId": "sequence_id",
    }
    for key, value in row.items():
        match key:
            case "type":
                pass
            case "streamIds":
                yield "stream_ids", tuple(value)
            case "arguments" | "item":
                yield key, _value(value)
            case "result":
                yield "result", _value(value)
                yield "has_result", True
            case _:
                yield names.get(key, key), value


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return [_value(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"$bytes": text}:
            return bytes.fromhex(text)
        case {"$date": text}:
            return datetime.fromisoformat(text)
        case {"$uuid": text}:
            return uuid.UUID(text)
        case {"$float": text}:
            return float(text)
        case {"$map": pairs}:
            return {_key(key): _value(item) for key, item in pairs}
        case {"$extension": [code, text]}:
            return msgspec.msgpack.Ext(code, bytes.fromhex(text))
        case {"$text": [text, times]}:
            return text * times
        case {"$unreadable": True}:
            return messages.UNREADABLE
    return {key: _value(item) for key, item in value.items()}


def _key(key: Any) -> Any:
    value = _value(key)
    return tuple(value) if isinstance(value, list) else value
