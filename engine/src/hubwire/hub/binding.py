"""Fits the arguments of an invocation to a hub method by its annotations. Knows no codec: values come decoded.

Annotations are resolved once, at registration, also under `from __future__ import annotations`.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec

from hubwire.errors import BindingError

_MISMATCH = (
    "Error binding arguments. Make sure that the types of the provided values match the types of the hub method "
    "being invoked."
)


class BoundMethod:
    """One hub method: its wire name, its function and how to bind to it."""

    __slots__ = ("_defaults", "_required", "_shape", "_total", "function", "name")

    def __init__(self, name: str, function: Callable[..., Coroutine[Any, Any, object]]) -> None:
        """Raises: TypeError when the signature or an annotation cannot be bound."""
        self.name = name
        """As registered."""
        self.function = function
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
        self._defaults = tuple(p.default for p in parameters if p.default is not p.empty)
        self._total = len(parameters)
        self._required = self._total - len(self._defaults)
        # One array-like Struct for all arguments: msgspec keeps its compiled form on the class, while converting to
        # `list[int]` or `X | None` one by one would analyse the type at each call. Remove when convert caches these.
        fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
        for position, parameter in enumerate(parameters):
            annotation = hints.get(parameter.name, Any)
            if position < self._required:
                fields.append((f"a{position}", annotation))
            else:
                fields.append((f"a{position}", annotation, None))
        self._shape = msgspec.defstruct(f"{function.__name__}_arguments", fields, array_like=True, gc=False)
        try:
            msgspec.json.Decoder(self._shape)  # compiles the types, so that a mistake shows now
        except TypeError as error:
            raise TypeError(f"Hub method {name!r}: {error}; use types that msgspec can convert to.") from error

    def bind(self, arguments: Sequence[object]) -> tuple[object, ...]:
        """The arguments in their annotated types, defaults filled in.

        Raises: BindingError, with the reference server's text; the reason is its `__cause__`, for the log.
        """
        count = len(arguments)
        if not self._required <= count <= self._total:
            expected = f"{self._total}" if self._required == self._total else f"{self._required} to {self._total}"
            raise BindingError(f"Invocation provides {count} argument(s) but target expects {expected}.")
        if not self._total:
            return ()
        try:
            bound = msgspec.convert(arguments, self._shape)
        except (msgspec.ValidationError, ValueError, OverflowError, RecursionError) as error:
            raise BindingError(_MISMATCH) from error
        values = msgspec.structs.astuple(bound)
        if count < self._total:
            return values[:count] + self._defaults[count - self._required :]
        return values
