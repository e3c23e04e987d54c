"""A codec that writes fields of objects as JavaScript names them (`PropertyNames.CAMEL_CASE`): the way out.

Knows no codec in particular: it gives another one messages whose objects are dictionaries already. What is an object is
said in `names`: dataclasses and msgspec Structs, at any depth of lists, tuples, sets and dictionaries.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from hubwire.wire.codec import Codec
from hubwire.wire.framing import MessageReader
from hubwire.wire.messages import Completion, Invocation, Message, StreamInvocation, StreamItem
from hubwire.wire.names import camel_case, folded


class CamelCaseCodec:
    """Another codec with camelCase names. One instance for each codec, as messages are cached by instance."""

    __slots__ = ("_codec", "is_binary", "name")

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.name = codec.name
        self.is_binary = codec.is_binary

    @property
    def shared(self) -> Codec:
        return self

    def reader(self, limit_bytes: int | None) -> MessageReader:
        return self._codec.reader(limit_bytes)

    def decode(self, payload: bytes | bytearray) -> Message | None:
        return self._codec.decode(payload)

    def encode(self, message: Message) -> bytes:
        try:
            message = _renamed(message)
        except RecursionError as error:
            raise ValueError("The value contains itself or is nested too deeply; send a flatter one.") from error
        return self._codec.encode(message)


def _renamed(message: Message) -> Message:
    match message:
        case Invocation() | StreamInvocation():
            return msgspec.structs.replace(message, arguments=[in_camel_case(item) for item in message.arguments])
        case StreamItem():
            return msgspec.structs.replace(message, item=in_camel_case(message.item))
        case Completion(has_result=True):
            return msgspec.structs.replace(message, result=in_camel_case(message.result))
    return message


def in_camel_case(value: Any) -> Any:
    """Return the value with dictionaries in the places of its objects; what is none stays.

    Raises: TypeError for an object of which two fields would get one name.
    """
    convert = _converters.get(type(value))
    if convert is None:
        convert = _converters[type(value)] = _converter(type(value))
    return convert(value)


_Convert = Callable[[Any], Any]
_converters: dict[type, _Convert] = {}
"""By type; a program has as many as it has types of payload."""


def _converter(kind: type) -> _Convert:
    if issubclass(kind, msgspec.Struct):
        return _array_struct if kind.__struct_config__.array_like else _struct_converter(kind)
    if dataclasses.is_dataclass(kind) and not issubclass(kind, enum.Enum):
        return _dataclass_converter(kind)
    if issubclass(kind, dict):
        return _dictionary
    if issubclass(kind, list | tuple | set | frozenset):
        return _list
    return _same


def _same(value: Any) -> Any:
    return value


def _list(value: Any) -> list[Any]:
    return [in_camel_case(item) for item in value]


def _dictionary(value: dict[Any, Any]) -> dict[Any, Any]:
    return {key: in_camel_case(item) for key, item in value.items()}


def _array_struct(value: msgspec.Struct) -> list[Any]:
    tag = value.__struct_config__.tag
    return [*([] if tag is None else [tag]), *(in_camel_case(getattr(value, name)) for name in value.__struct_fields__)]


def _struct_converter(kind: type[msgspec.Struct]) -> _Convert:
    config = kind.__struct_config__
    names = [
        camel_case(name) if name == wire_name else wire_name
        for name, wire_name in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    ]
    fields = list(zip(kind.__struct_fields__, names, strict=True))
    _refuse_equal(kind, names)
    is_default = _default_test(kind) if config.omit_defaults else None
    tag = {} if config.tag is None or config.tag_field is None else {config.tag_field: config.tag}

    def convert(value: msgspec.Struct) -> dict[str, Any]:
        converted: dict[str, Any] = dict(tag)
        for name, wire_name in fields:
            item = getattr(value, name)
            if item is not msgspec.UNSET and (is_default is None or not is_default(name, item)):
                converted[wire_name] = in_camel_case(item)
        return converted

    return convert


def _default_test(kind: type[msgspec.Struct]) -> Callable[[str, Any], bool]:
    """Return what tells for a field's name and value whether `omit_defaults` leaves it out, by msgspec's rule."""
    defaults = {field.name: field for field in msgspec.structs.fields(kind)}

    def is_default(name: str, item: Any) -> bool:
        field = defaults[name]
        if field.default_factory is not msgspec.NODEFAULT:
            return type(item) in (list, dict, set) and type(item) is field.default_factory and not item
        return item is field.default

    return is_default


def _dataclass_converter(kind: type) -> _Convert:
    fields = [(field.name, camel_case(field.name)) for field in dataclasses.fields(kind)]
    _refuse_equal(kind, [wire_name for _, wire_name in fields])

    def convert(value: Any) -> dict[str, Any]:
        return dict(_converted_fields(value, fields))

    return convert


def _converted_fields(value: Any, fields: list[tuple[str, str]]) -> Iterator[tuple[str, Any]]:
    for name, wire_name in fields:
        item = getattr(value, name, msgspec.UNSET)
        if item is not msgspec.UNSET:
            yield wire_name, in_camel_case(item)


def _refuse_equal(kind: type, names: list[str]) -> None:
    if len({folded(name) for name in names}) < len(names):
        raise TypeError(
            f"{kind.__qualname__} has fields that differ only in case or underscores; "
            "rename one of them, or use PropertyNames.AS_DECLARED."
        )
