"""The application's functions that the server may call, and how arguments fit them. Knows no connection."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from hubwire.errors import BindingError
from hubwire.hub.conversion import Conversion, ConversionError, conversion_to
from hubwire.options import PropertyNames

Handler = Callable[..., object]
"""A function, or a coroutine function; what it returns answers a server that asks for a result."""

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class BoundHandler:
    """One function and its annotations, resolved once."""

    __slots__ = ("_conversion", "_required", "_rest", "_takes_rest", "_total", "function")

    def __init__(self, target: str, function: Handler, names: PropertyNames) -> None:
        """Raises: TypeError when the signature or an annotation cannot be bound."""
        self.function = function
        self._required = 0
        self._takes_rest = False
        self._rest: Conversion | None = None
        annotations: list[Any] = []
        for parameter in _parameters(target, function):
            annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
            if parameter.kind in _POSITIONAL:
                annotations.append(annotation)
                self._required += parameter.default is parameter.empty
            elif parameter.kind is parameter.VAR_POSITIONAL:
                self._takes_rest = True
                self._rest = conversion_to(annotation, names)
            elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
                raise TypeError(f"Handler of {target!r}: {parameter.name!r} cannot be filled by position.")
        self._total = len(annotations)
        try:
            self._conversion = Conversion(annotations, names, required=self._required)
        except TypeError as error:
            raise TypeError(f"Handler of {target!r}: {error}.") from error

    def bind(self, arguments: Sequence[object]) -> tuple[object, ...]:
        """Return the arguments in their annotated types.

        Raises: BindingError.
        """
        count = len(arguments)
        if count < self._required or (count > self._total and not self._takes_rest):
            expected = f"{self._total}" if self._required == self._total else f"{self._required} to {self._total}"
            if self._takes_rest:
                expected = f"{self._required} or more"
            raise BindingError(f"Invocation provides {count} argument(s) but handler expects {expected}.")
        try:
            bound = self._conversion.convert(arguments[: self._total])[:count]
            rest = arguments[self._total :]
            return (*bound, *(rest if self._rest is None else map(self._rest.one, rest)))
        except ConversionError as error:
            raise BindingError(f"Error binding arguments: {error}") from error


class Handlers:
    """All handlers of one `HubConnection`; targets are compared without regard to case, as official clients do."""

    __slots__ = ("_by_target", "_names")

    def __init__(self, names: PropertyNames) -> None:
        self._names = names
        self._by_target: dict[str, list[BoundHandler]] = {}

    def add(self, target: str, function: Handler) -> None:
        """Call it too, behind those that are there; the same function is kept once.

        Raises: TypeError.
        """
        handlers = self._by_target.setdefault(target.lower(), [])
        if all(each.function != function for each in handlers):
            handlers.append(BoundHandler(target, function, self._names))

    def remove(self, target: str, function: Handler | None) -> None:
        """Take one away, or all; nobody's is not an error."""
        kept = [each for each in self._by_target.pop(target.lower(), ()) if function not in (None, each.function)]
        if kept:
            self._by_target[target.lower()] = kept

    def of(self, target: str) -> Sequence[BoundHandler]:
        """Return those for this target, in the order in which they were added."""
        return tuple(self._by_target.get(target.lower(), ()))


def _parameters(target: str, function: Handler) -> Sequence[inspect.Parameter]:
    try:
        return tuple(inspect.signature(function, eval_str=True).parameters.values())
    except NameError as error:
        raise TypeError(
            f"Handler of {target!r}: an annotation cannot be resolved ({error}); "
            "annotate with names that exist at module level when the program runs."
        ) from error
    except ValueError:  # written in C, without a signature: takes what comes
        return (inspect.Parameter("arguments", inspect.Parameter.VAR_POSITIONAL),)
