"""How the methods of a hub class that clients may call are declared and found. Knows no call."""

from __future__ import annotations

import inspect
import typing
from collections.abc import AsyncIterable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar, cast, overload

HubFunction = Callable[..., Coroutine[Any, Any, object] | AsyncIterable[object]]
"""A method written with `async def`: a coroutine function, or an async generator function."""

F = TypeVar("F", bound=HubFunction)

_DECLARATION = "__hubwire_method__"


@dataclass(frozen=True, slots=True)
class _Declaration:
    """What the decorator was told."""

    name: str
    is_cancellable: bool


@dataclass(frozen=True, slots=True)
class HubMethod:
    """One method of a hub class that clients may call."""

    name: str
    """As clients know it."""
    function: HubFunction
    """Not bound to an object yet."""
    is_cancellable: bool = False
    """As declared; a streaming method is cancellable whatever this says."""


@overload
def hub_method(method: F, /) -> F: ...
@overload
def hub_method(name: str | None = None, /, *, cancellable: bool = False) -> Callable[[F], F]: ...
def hub_method(name_or_method: str | HubFunction | None = None, /, *, cancellable: bool = False) -> object:
    """Let clients call this method, by its own name or by the wire name given.

    Clients may write the name in any case. Methods without this decorator cannot be called. The method is written with
    `async def`:

    - One that returns a value is called with `invoke` or `send`.
    - One that yields, or that returns what is annotated as `AsyncIterator[T]`, `AsyncIterable[T]` or
      `AsyncGenerator[T, None]`, streams: it is called with `stream`, and is cancelled (its present `await` raises
      `asyncio.CancelledError`, its `yield` `GeneratorExit`) when the client cancels the stream or leaves.
    - A parameter with such an annotation is an upload: a stream of the client's, which takes no place among the
      arguments. Its items are converted to T as they are read; one that does not fit raises `HubError` there.

    Args:
        cancellable: whether a method that returns a value is cancelled, in the same way, when its caller cancels the
            call or leaves. Otherwise it runs to its end.
    """
    if isinstance(name_or_method, str | None):
        if name_or_method is not None and not name_or_method:
            raise ValueError("The wire name of a hub method is empty; leave it out or give one.")
        return lambda method: _declare(method, name_or_method, cancellable)
    return _declare(name_or_method, None, False)


def _declare(method: HubFunction, given: str | None, cancellable: bool) -> HubFunction:
    name: str = getattr(method, "__name__", "") if given is None else given
    if not _is_async(method):
        # A plain function would hold up every connection of the process while it runs. One that returns an iterator
        # is refused too, so that there is one rule; `async def` with `return` does the same.
        raise TypeError(
            f"Hub method {name!r} must be written with 'async def'; run blocking work inside it with asyncio.to_thread."
        )
    setattr(method, _DECLARATION, _Declaration(name, cancellable))
    return method


def methods_of(hub: type) -> dict[str, HubMethod]:
    """The callable methods of a hub class by wire name, inherited and overridden ones included.

    An override without decorator keeps what was declared for the method it overrides; setting the attribute to None
    withdraws it.

    Raises: TypeError for two methods whose names differ in case at most, overloads, and decorated life-cycle hooks.
    """
    declared: dict[str, _Declaration] = {}
    for owner in reversed(hub.__mro__):
        for attribute, value in vars(owner).items():
            if isinstance(value, staticmethod | classmethod) and hasattr(value.__func__, _DECLARATION):
                raise TypeError(f"{owner.__qualname__}.{attribute} is a hub method and must be an ordinary method.")
            if _DECLARATION in getattr(value, "__dict__", ()):
                declared[attribute] = getattr(value, _DECLARATION)
    methods: dict[str, HubMethod] = {}
    attribute_by_key: dict[str, str] = {}
    for attribute, declaration in declared.items():
        function = inspect.getattr_static(hub, attribute)
        if function is None:
            continue
        where = f"{hub.__qualname__}.{attribute}"
        if attribute in ("connected", "disconnected"):
            raise TypeError(f"{where} is called by the server only; remove @hub_method.")
        if not _is_async(function):
            raise TypeError(f"{where} overrides a hub method and must be written with 'async def'.")
        if typing.get_overloads(function):
            raise TypeError(f"{where} is overloaded; give each variant a hub method of its own name.")
        name = declaration.name
        other = attribute_by_key.setdefault(name.lower(), attribute)
        if other != attribute:
            raise TypeError(
                f"{hub.__qualname__} has two hub methods named {name!r} ({other}, {attribute}); "
                "names are compared without regard to case, rename one."
            )
        # What a checker cannot know of a class attribute has just been shown.
        methods[name] = HubMethod(name, cast(HubFunction, function), declaration.is_cancellable)
    return methods


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
