"""The stand-in's routes: which function answers, and what it is told of the path."""

from __future__ import annotations

import pytest
from app.tests.functions_host.host import seconds_between
from app.tests.functions_host.routes import Routes
from app.tests.functions_host.worker import IndexedFunction


def function(name: str, route: str, methods: list[str]) -> IndexedFunction:
    return IndexedFunction(name, {"route": route, "methods": methods}, [], None)


ROUTES = Routes(
    [
        function("rest", "{*path}", ["GET"]),
        function("one", "items/{id}", ["GET"]),
        function("all", "items/all", ["GET"]),
        function("below", "items/{*rest}", ["GET", "POST"]),
    ],
    "",
)


@pytest.mark.parametrize(
    ("method", "path", "name", "parameters"),
    [
        ("GET", "/items/all", "all", {}),
        ("GET", "/items/7", "one", {"id": "7"}),
        ("POST", "/items/7", "below", {"rest": "7"}),
        ("GET", "/items/7/parts", "below", {"rest": "7/parts"}),
        ("GET", "/ITEMS/ALL", "all", {}),
        ("GET", "/other", "rest", {"path": "other"}),
        ("GET", "/", "rest", {"path": ""}),
    ],
)
def test_the_most_exact_route_answers(method: str, path: str, name: str, parameters: dict[str, str]) -> None:
    found = ROUTES.find(method, path)
    assert found is not None
    assert (found.function.name, found.parameters) == (name, parameters)


def test_nobody_answers_a_method_that_no_route_has() -> None:
    assert ROUTES.find("DELETE", "/items/7") is None


def test_the_prefix_stands_before_every_route() -> None:
    routes = Routes([function("one", "items", ["GET"])], "api")
    assert routes.find("GET", "/items") is None
    assert routes.find("GET", "/api/items") is not None


def test_only_schedules_by_seconds_are_known() -> None:
    assert seconds_between("*/15 * * * * *") == 15
    with pytest.raises(ValueError, match="knows schedules"):
        seconds_between("0 */5 * * * *")
