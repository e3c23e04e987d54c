"""Which functions the server may call, and with what."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from typing import Any

import pytest

from hubwire.client.handlers import BoundHandler, Handlers
from hubwire.errors import BindingError
from hubwire.options import PropertyNames


def bind(function: Callable[..., Any], *arguments: object) -> tuple[object, ...]:
    return BoundHandler("target", function, PropertyNames.AS_DECLARED).bind(arguments)


def dated(day: datetime.date, count: int = 3) -> None: ...


def numbers(first: str, *rest: int) -> None: ...


def anything(*rest, **named) -> None: ...  # type: ignore[no-untyped-def] # without annotations on purpose


def test_arguments_become_the_annotated_types() -> None:
    assert bind(dated, "2026-02-01") == (datetime.date(2026, 2, 1),)
    assert bind(dated, "2026-02-01", 5) == (datetime.date(2026, 2, 1), 5)
    assert bind(numbers, "a", 1, 2) == ("a", 1, 2)
    assert bind(anything, 1, "x") == (1, "x")
    assert bind(functools.partial(dated, count=1), "2026-02-01") == (datetime.date(2026, 2, 1),)
    assert bind([].append, object) == (object,)


@pytest.mark.parametrize(
    ("function", "arguments", "text"),
    [
        (dated, (), "provides 0 argument.* expects 1 to 2"),
        (dated, ("2026-02-01", 1, 2), "provides 3 argument.* expects 1 to 2"),
        (numbers, (), "expects 1 or more"),
        (lambda: None, (1,), "expects 0"),
        (dated, ("tomorrow",), "Error binding arguments"),
        (numbers, ("a", "b"), "Error binding arguments"),
    ],
)
def test_what_does_not_fit_is_refused(function: Callable[..., Any], arguments: tuple[object, ...], text: str) -> None:
    with pytest.raises(BindingError, match=text):
        bind(function, *arguments)


def test_a_function_that_cannot_be_called_so_is_refused_at_once() -> None:
    def unknown(value: Nowhere) -> None: ...  # type: ignore[name-defined] # noqa: F821

    def named(*, value: int) -> None: ...

    def strange(value: complex) -> None: ...

    for function, text in ((unknown, "cannot be resolved"), (named, "by position"), (strange, "complex")):
        with pytest.raises(TypeError, match=text):
            bind(function)


def test_targets_are_found_in_any_case_and_functions_kept_once() -> None:
    handlers = Handlers(PropertyNames.AS_DECLARED)
    handlers.add("Order", dated)
    handlers.add("ORDER", numbers)
    handlers.add("order", dated)
    assert [each.function for each in handlers.of("oRDER")] == [dated, numbers]
    handlers.remove("order", anything)
    handlers.remove("order", dated)
    assert [each.function for each in handlers.of("Order")] == [numbers]
    handlers.remove("order", None)
    handlers.remove("order", None)
    assert handlers.of("Order") == ()
