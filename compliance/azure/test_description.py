"""schemathesis calls a running data plane as the published descriptions allow, and as they do not.

Whatever is sent, the service does not fail, answers with a status of the documented tables, and what it answers is as
described. A fixed seed and some examples for each operation; `REST_EXAMPLES=2000` searches for longer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

import pytest
import schemathesis
from compliance.azure.rest_service import GROUP, HUB, RestService, running_service
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)

from hubwire.azure.routes import V1

DESCRIPTIONS = ("v1", "2022-06-01", "2024-12-01")
EXAMPLES = int(os.environ.get("REST_EXAMPLES", "10"))
STATUSES = {200, 202, 204, 400, 401, 404, 405, 413}
"""Of the tables; those of a service that is full or cut off from its broker cannot come here."""
CHECKS: list[Any] = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

KNOWN = {"hub": HUB, "group": GROUP, "user": "ada", "id": "ada"}
"""Names by which somebody is reached; random ones reach nobody."""
PLACES = (*KNOWN, "connectionId")


@cache
def operations(version: str) -> dict[str, schemathesis.APIOperation[Any, Any, Any, Any]]:
    """Those of a description, by method and path."""
    text = (resources.files("hubwire.azure") / "descriptions" / f"{version}.json").read_text()
    schema = schemathesis.openapi.from_file(text)
    found = {}
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        found[f"{operation.method.upper()} {operation.path}"] = operation
    return found


NAMED = [(version, name) for version in DESCRIPTIONS for name in operations(version)]


@pytest.fixture(scope="module")
def service() -> Iterator[RestService]:
    with running_service() as service:
        assert service.connection_id() != "gone"
        yield service


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(("version", "name"), NAMED)
def test_an_operation(service: RestService, version: str, name: str, mode: GenerationMode) -> None:
    operation = operations(version)[name]

    @seed(5)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), known=st.frozensets(st.sampled_from(PLACES)))
    def calls(case: Case[Any], known: frozenset[str]) -> None:
        for place in known & case.path_parameters.keys():
            case.path_parameters[place] = KNOWN.get(place) or service.connection_id()
        if version != V1 and mode is GenerationMode.POSITIVE:
            case.query["api-version"] = version
        fields = case.as_transport_kwargs(base_url=service.url)
        fields.pop("headers_override", None)
        response = service.send(**fields)
        assert response.status_code in STATUSES, response.text
        assert (response.status_code >= 400) == ("x-ms-error-code" in response.headers)
        if response.status_code == 204:  # nothing that could be of a type
            assert not response.content
        else:
            case.validate_response(response, checks=CHECKS)

    calls()
