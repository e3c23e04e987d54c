"""The published descriptions of the REST data plane, filled with the address of this service (OpenAPI).

The files are as they were published; the latest was put together from the one before and what was added since. Versions
between the two are the latest without what they did not have yet.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import msgspec

from hubwire.azure.routes import DATED_VERSIONS, V1, find

VERSIONS = (V1, *DATED_VERSIONS)
"""Each has a description."""

_PUBLISHED = frozenset({V1, DATED_VERSIONS[0], DATED_VERSIONS[-1]})
_BEARER = {
    "Bearer": {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "description": "Bearer, a space, and a token signed with an access key for the address without query.",
    }
}


def describe(version: str, public_url: str) -> bytes:
    """Return a description as JSON. Raises: KeyError for a version that there is not."""
    if version not in VERSIONS:
        raise KeyError(version)
    description: dict[str, Any] = msgspec.json.decode(
        _published(version if version in _PUBLISHED else DATED_VERSIONS[-1])
    )
    if version not in _PUBLISHED:
        description["info"]["version"] = version
        description["paths"] = _paths_of(description["paths"], version)
    if "openapi" in description:
        description["servers"] = [{"url": public_url}]
    else:
        base = urlsplit(public_url)
        del description["x-ms-parameterized-host"]
        description |= {"host": base.netloc, "schemes": [base.scheme], "basePath": base.path or "/"}
        description |= {"securityDefinitions": _BEARER, "security": [{"Bearer": []}]}
    return msgspec.json.encode(description)


def _paths_of(paths: dict[str, dict[str, Any]], version: str) -> dict[str, dict[str, Any]]:
    kept = {
        path: {method: item for method, item in methods.items() if _since(path, method) <= version}
        for path, methods in paths.items()
    }
    return {path: methods for path, methods in kept.items() if methods}


def _since(path: str, method: str) -> str:
    match = find(path)
    if match is None:
        raise LookupError(f"{path} stands in a description and not in the table of operations.")
    return match.routes[method.upper()].since


@cache
def _published(version: str) -> bytes:
    return (resources.files("hubwire.azure") / "descriptions" / f"{version}.json").read_bytes()
