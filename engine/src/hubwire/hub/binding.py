"""Fits the arguments of an invocation to a hub method by its annotations. Knows no codec: values come decoded.

Annotations are resolved once, at registration, also under `from __future__ import annotations`.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import AsyncIterator, Sequence
from typing import Any

from hubwire.errors import BindingError, HubError
from hubwire.hub.conversion import Conversion, ConversionError, conversion_to
from hubwire.hub.methods import HubMethod
from hubwire.hub.streams import Upload, is_stream, item_type
from hubwire.options import PropertyNames

_MISMATCH = (
    "Error binding arguments. Make sure that the types of the provided values match the types of the hub method "
    "being invoked."
)


class BoundMethod:
    """One hub method: its wire name, its function and how to bind to it."""

    __slots__ = (
        "_conversion",
        "_defaults",
        "_required",
        "_total",
        "_uploads",
        "function",
        "is_cancellable",
        "is_generator",
        "is_streaming",
        "name",
    )

    def __init__(self, method: HubMethod, property_names: PropertyNames = PropertyNames.AS_DECLARED) -> None:
        """Raises: TypeError when the signature or an annotation cannot be bound."""
        name = self.name = method.name
        """As registered."""
        function = self.function = method.function
        parameters = list(inspect.signature(function).parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                raise TypeError(
                    f"Hub method {name!r}: parameter {parameter.name!r} cannot be filled by position; "
                    "hub methods take no *arguments, **named or keyword-only parameters."
                )
        try:
            hints = typing.get_type_hints(function, include_extras=True)
        except (NameError, TypeError) as error:
            raise TypeError(
                f"Hub method {name!r}: an annotation cannot be resolved ({error}); "
                "annotate with names that exist at module level when the program runs."
            ) from error
        self.is_generator = inspect.isasyncgenfunction(function)
        """Whether calling it gives the stream at once, without an await."""
        self.is_streaming = self.is_generator or is_stream(hints.get("return"))
        """Whether it is for stream invocations, and for these only."""
        self.is_cancellable = self.is_streaming or method.is_cancellable
        """Whether it ends when its caller wants it no longer."""
        annotations: list[Any] = []
        defaults: list[Any] = []
        uploads: list[tuple[int, Conversion]] = []
        try:
            for position, parameter in enumerate(parameters):
                annotation = hints.get(parameter.name, Any)
                if _is_generic(annotation):
                    raise TypeError(f"the type of {parameter.name!r} is a type variable, for which no call stands")
                if not is_stream(annotation):
                    annotations.append(annotation)
                    if parameter.default is not parameter.empty:
                        defaults.append(parameter.default)
                elif parameter.default is parameter.empty:
                    uploads.append((position, conversion_to(item_type(annotation), property_names)))
                else:
                    raise TypeError(f"the upload {parameter.name!r} has a default, but clients must always send it")
            self._total = len(annotations)
            self._required = self._total - len(defaults)
            self._conversion = Conversion(annotations, property_names, required=self._required)
        except TypeError as error:
            raise TypeError(
                f"Hub method {name!r}: {error}. Annotate with simple types, dataclasses, msgspec Structs, TypedDicts, "
                "enums, dates and collections of these."
            ) from error
        self._defaults = tuple(defaults)
        self._uploads = tuple(uploads)

    @property
    def upload_count(self) -> int:
        """How many streams a call must bring."""
        return len(self._uploads)

    def bind(
        self, arguments: Sequence[object], uploads: Sequence[AsyncIterator[object]] = (), upload_count: int = 0
    ) -> tuple[object, ...]:
        """What the function is called with: arguments in their types, defaults filled in, uploads in their places.

        Args:
            upload_count: how many streams the client has announced.

        Raises:
            BindingError: with the reference server's text; the reason is its `__cause__`, for the log.
            HubError: the client announced more or fewer streams.
        """
        count = len(arguments)
        if not self._required <= count <= self._total:
            expected = f"{self._total}" if self._required == self._total else f"{self._required} to {self._total}"
            raise BindingError(f"Invocation provides {count} argument(s) but target expects {expected}.")
        if upload_count != len(self._uploads):
            raise HubError(f"Client sent {upload_count} stream(s), Hub method expects {len(self._uploads)}.")
        values: tuple[object, ...] = ()
        if self._total:
            try:
                values = self._conversion.convert(arguments)
            except ConversionError as error:
                raise BindingError(_MISMATCH) from error
            if count < self._total:
                values = values[:count] + self._defaults[count - self._required :]
        if not self._uploads:
            return values
        filled = list(values)
        for (position, conversion), items in zip(self._uploads, uploads, strict=True):
            filled.insert(position, Upload(items, conversion))
        return tuple(filled)


def _is_generic(annotation: Any) -> bool:
    """Whether a type variable is left open in it."""
    if isinstance(annotation, typing.TypeVar):
        return True
    # A class has its own parameters, which stand for Any where none are given.
    return not isinstance(annotation, type) and bool(getattr(annotation, "__parameters__", ()))
