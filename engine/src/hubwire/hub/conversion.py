"""Converts decoded values to annotated types, compiled once. Knows no codec: values of both codecs give the same.

`bytes` come as base64 text from JSON and as bytes from MessagePack, dates as ISO text and as datetimes, numbers as keys
of dictionaries as text and as numbers; all of these fit.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import inspect

from hubwire.options import PropertyNames
from hubwire.wire.messages import UNREADABLE
from hubwire.wire.names import Rename, field_names


class ConversionError(ValueError):
    """A value does not fit its annotation; the text says where and why, and belongs into the log."""


class Conversion:
    """Fits a row of values to a row of annotations."""

    __slots__ = ("_has_other_keys", "_renames", "_shape")

    def __init__(
        self, annotations: Sequence[Any], property_names: PropertyNames, *, required: int | None = None
    ) -> None:
        """Compile the types, so that a mistake shows now.

        Args:
            required: how many values there are at least; None: one for each annotation.

        Raises: TypeError for an annotation that nothing from the wire can be converted to.
        """
        required = len(annotations) if required is None else required
        # One array-like Struct for all values: msgspec keeps its compiled form on the class, while converting to
        # `list[int]` or `X | None` one by one would analyse the type at each call. Remove when convert caches these.
        fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
        for position, annotation in enumerate(annotations):
            if position < required:
                fields.append((f"a{position}", annotation))
            else:
                fields.append((f"a{position}", annotation, None))
        self._shape = msgspec.defstruct("Values", fields, array_like=True, gc=False)
        nodes = list(_nodes(inspect.type_info(self._shape), set()))
        for node in nodes:
            if isinstance(node, inspect.CustomType) and node.cls is not object:
                # A class that msgspec takes as it is, which is never what comes from the wire.
                raise TypeError(f"nothing from the wire can be converted to {node.cls!r}")
        # Keys of JSON objects are always text, also where they stand for numbers or dates. To say so makes a conversion
        # three times as slow (0.57 us against 0.17 us for two arguments), whatever the value; so it is said here only.
        self._has_other_keys = any(
            isinstance(node, inspect.DictType) and not isinstance(node.key_type, inspect.StrType | inspect.AnyType)
            for node in nodes
        )
        self._renames: tuple[tuple[int, Rename], ...] = ()
        if property_names is PropertyNames.CAMEL_CASE:
            found = ((position, field_names(annotation)) for position, annotation in enumerate(annotations))
            self._renames = tuple((position, rename) for position, rename in found if rename is not None)

    def convert(self, values: Sequence[object]) -> tuple[Any, ...]:
        """The values in their types; where there are fewer than annotations, None stands for the rest.

        Raises: ConversionError.
        """
        if UNREADABLE in values:  # no annotation is for it, `Any` neither
            raise ConversionError("a value is a date that Python cannot hold")
        try:
            if self._renames:
                renamed = list(values)
                for position, rename in self._renames:
                    if position < len(renamed):
                        renamed[position] = rename(renamed[position])
                values = renamed
            if self._has_other_keys:
                return msgspec.structs.astuple(msgspec.convert(values, self._shape, str_keys=True))
            return msgspec.structs.astuple(msgspec.convert(values, self._shape))
        except (msgspec.ValidationError, ValueError, OverflowError, RecursionError, TypeError) as error:
            # TypeError: of a set whose elements a client may choose; types that never fit were refused when compiled.
            raise ConversionError(str(error)) from error

    def one(self, value: object) -> Any:
        """The value of a row of one. Raises: ConversionError."""
        return self.convert((value,))[0]


def conversion_to(annotation: Any, property_names: PropertyNames) -> Conversion:
    """What converts single values to a type. Kept for the next time.

    Raises: TypeError for a type that nothing from the wire can be converted to.
    """
    try:
        return _kept(annotation, property_names)
    except TypeError:
        # An annotation without a hash, or one that cannot be converted to, which then raises again.
        return Conversion((annotation,), property_names)


@functools.lru_cache(maxsize=1024)  # types stand in programs, so they are few; those made at run time must not pile up
def _kept(annotation: Any, property_names: PropertyNames) -> Conversion:
    return Conversion((annotation,), property_names)


def _nodes(node: object, seen: set[int]) -> Iterator[inspect.Type]:
    """A type and all types in it."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, inspect.Type):
        yield node
    if isinstance(node, inspect.Type | inspect.Field):
        for name in node.__struct_fields__:
            value = getattr(node, name)
            for part in value if isinstance(value, tuple | list) else (value,):
                yield from _nodes(part, seen)
