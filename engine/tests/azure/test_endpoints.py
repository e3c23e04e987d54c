"""Which of several services a client is sent to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import pytest

from hubwire.azure.connection_string import ConnectionString, InvalidConnectionString
from hubwire.azure.endpoints import EndpointType, ServiceEndpoint, choose

TEXT = "Endpoint=https://shop.example;AccessKey=k"
PRIMARY, SECONDARY = EndpointType


@dataclass(frozen=True, slots=True)
class Seen:
    settings: ServiceEndpoint
    is_healthy: bool = True


def seen(name: str, kind: EndpointType = PRIMARY, *, region: str = "eu", weight: int = 1, well: bool = True) -> Seen:
    return Seen(ServiceEndpoint(ConnectionString.parse(TEXT), name, kind, region, weight), well)


CASES: dict[str, tuple[Sequence[Seen], str | None, set[str]]] = {
    "the only one": ([seen("a")], None, {"a"}),
    "the only one, though it is not well": ([seen("a", well=False)], None, {"a"}),
    "primary ones": ([seen("a"), seen("b"), seen("c", SECONDARY)], None, {"a", "b"}),
    "those that are well": ([seen("a"), seen("b", well=False), seen("c", SECONDARY)], None, {"a"}),
    "secondary ones, when no primary one is well": (
        [seen("a", well=False), seen("b", SECONDARY), seen("c", SECONDARY, well=False)],
        None,
        {"b"},
    ),
    "those of the region": ([seen("a"), seen("b", region="us"), seen("c", SECONDARY, region="us")], "us", {"b"}),
    "a primary one elsewhere rather than a secondary one near": (
        [seen("a"), seen("b", SECONDARY, region="us")],
        "us",
        {"a"},
    ),
    "a secondary one of the region": (
        [seen("a", well=False), seen("b", SECONDARY), seen("c", SECONDARY, region="us")],
        "us",
        {"c"},
    ),
    "any, in a region where there is none": ([seen("a"), seen("b")], "asia", {"a", "b"}),
    "none without weight": ([seen("a", weight=0), seen("b")], None, {"b"}),
    "a secondary one rather than one without weight": ([seen("a", weight=0), seen("b", SECONDARY)], None, {"b"}),
    "one without weight, when there is no other": ([seen("a", weight=0)], None, {"a"}),
    "all, when none is well": ([seen("a", well=False), seen("b", well=False)], None, {"a", "b"}),
    "primary ones, when none is well": ([seen("a", well=False), seen("b", SECONDARY, well=False)], None, {"a"}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_client_is_sent_to(name: str) -> None:
    candidates, region, expected = CASES[name]
    random = Random(1)  # noqa: S311 - no secret
    assert {choose(candidates, region, random).settings.name for _ in range(100)} == expected


def test_clients_are_shared_by_weight() -> None:
    candidates = [seen("a", weight=3), seen("b", weight=1)]
    random = Random(1)  # noqa: S311 - no secret
    counted = Counter(choose(candidates, None, random).settings.name for _ in range(4000))
    assert 2850 < counted["a"] < 3150


KEYS = {
    "a": ("a", PRIMARY),
    "a:primary": ("a", PRIMARY),
    "a:Secondary": ("a", SECONDARY),
    "a__secondary": ("a", SECONDARY),
    "": ("", PRIMARY),
}


@pytest.mark.parametrize("key", KEYS)
def test_endpoints_are_named_as_in_aspnets_configuration(key: str) -> None:
    endpoint = ServiceEndpoint.parse(key, TEXT)
    assert (endpoint.name, endpoint.type) == KEYS[key]
    assert endpoint.connection.endpoint == "https://shop.example"


def test_what_is_no_endpoint_is_refused() -> None:
    with pytest.raises(ValueError, match="write name:primary or name:secondary"):
        ServiceEndpoint.parse("a:tertiary", TEXT)
    with pytest.raises(InvalidConnectionString):
        ServiceEndpoint.parse("a", "nothing")
    with pytest.raises(ValueError, match="give a whole number from 0"):
        ServiceEndpoint(ConnectionString.parse(TEXT), weight=-1)
