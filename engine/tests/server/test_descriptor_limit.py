"""The limit of descriptors: raised as far as the system lets us, and looked at before a server listens."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from hubwire import HubServer, ServerOptions, make_server, server_config
from hubwire.errors import TooFewDescriptors
from hubwire.server.descriptors import check_descriptors, raise_descriptor_limit
from hubwire.server.sockets import room_among


@pytest.fixture
def hard_limit() -> Iterator[int]:
    """The process has a soft limit of 512 for the time of a test."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    yield before[1] if before[1] != resource.RLIM_INFINITY else 1_048_576
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_is_raised_to_the_hard_one(hard_limit: int) -> None:
    assert raise_descriptor_limit() == hard_limit
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard_limit
    room = room_among(hard_limit)
    assert check_descriptors(None) == check_descriptors(room) == room


def test_more_connections_than_fit_are_refused_with_what_to_do(hard_limit: int) -> None:
    with pytest.raises(TooFewDescriptors, match=f"maximum_connections to {room_among(hard_limit)},") as raised:
        check_descriptors(hard_limit)
    assert (raised.value.connections, raised.value.limit) == (hard_limit, hard_limit)


def test_a_server_is_not_made_that_could_not_hold_what_it_is_to(hard_limit: int) -> None:
    hubs = HubServer(ServerOptions(maximum_connections=hard_limit))
    with pytest.raises(TooFewDescriptors):
        make_server(server_config(hubs, hubs), hubs)
