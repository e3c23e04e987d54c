"""The served descriptions: they agree with the table of operations, and name this service."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hubwire.azure.rest_description import VERSIONS, describe
from hubwire.azure.routes import DATED_VERSIONS, ROUTES, V1, find

URL = "https://realtime.example.com:8443/base"
Described = dict[tuple[str, str], dict[str, Any]]


def _described(version: str) -> tuple[dict[str, Any], Described]:
    description = msgspec.json.decode(describe(version, URL))
    operations = {
        (method.upper(), path): operation
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }
    return description, operations


@pytest.mark.parametrize("version", VERSIONS)
def test_the_table_has_every_described_operation_with_its_status(version: str) -> None:
    _, operations = _described(version)
    for (method, path), operation in operations.items():
        match = find(path)
        assert match is not None, path
        route = match.routes[method]
        status = route.v1_status if version == V1 else route.status
        assert str(status) in operation["responses"], (method, path)
        assert version == V1 or operation["operationId"] == route.operation.value


@pytest.mark.parametrize("version", DATED_VERSIONS)
def test_every_operation_of_a_version_is_described(version: str) -> None:
    _, operations = _described(version)
    expected = {(route.method, f"/api{route.path}") for route in ROUTES.values() if route.since <= version}
    shapes = {(method, _without_names(path)) for method, path in operations}
    assert shapes == {(method, _without_names(path)) for method, path in expected}


@pytest.mark.parametrize("version", DATED_VERSIONS)
def test_parameters_are_those_of_the_table(version: str) -> None:
    _, operations = _described(version)
    for (method, path), operation in operations.items():
        match = find(path)
        assert match is not None
        described = {each["name"] for each in operation["parameters"] if each["in"] == "query"} - {"api-version"}
        assert described == set(match.routes[method].query), (method, path)


def _without_names(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_about_this_service(version: str) -> None:
    description, _ = _described(version)
    assert description["info"]["version"] == version
    if version == V1:
        assert description["servers"] == [{"url": URL}]
    else:
        assert description["host"] == "realtime.example.com:8443"
        assert (description["schemes"], description["basePath"]) == (["https"], "/base")
        assert description["security"] == [{"Bearer": []}]


def test_there_are_no_others() -> None:
    with pytest.raises(KeyError):
        describe("v1-preview", URL)
