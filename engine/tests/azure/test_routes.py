"""The table of REST operations (azure-serverless 3.4 to 3.6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.azure.routes import ROUTES, V1, Operation, address, find

NAMES = {"hub": "chat", "user": "ada/1", "group": "a b%", "connection": "c-1", "stream": "s1"}


def _names(path: str) -> dict[str, str]:
    return {part[1:-1]: NAMES[part[1:-1]] for part in path.split("/") if part.startswith("{")}


@pytest.mark.parametrize("operation", Operation)
def test_what_a_client_asks_for_is_found_again(operation: Operation) -> None:
    names = _names(ROUTES[operation].path)
    method, path = address(operation, *names.values())
    match = find(path)
    assert match is not None
    assert match.version is None
    assert match.names == names
    assert match.routes[method].operation is operation


def test_addresses_are_escaped() -> None:
    assert address(Operation.SEND_TO_USER, "chat", "ada/1?") == ("POST", "/api/hubs/chat/users/ada%2F1%3F/:send")


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("HEAD", "/api/v1/health", Operation.GET_HEALTH),
        ("POST", "/api/v1/hubs/chat", Operation.SEND_TO_ALL),
        ("POST", "/api/v1/hubs/chat/users/ada", Operation.SEND_TO_USER),
        ("POST", "/api/v1/hubs/chat/groups/red", Operation.SEND_TO_GROUP),
        ("POST", "/api/v1/hubs/chat/connections/c", Operation.SEND_TO_CONNECTION),
        ("GET", "/api/v1/hubs/chat/connections/c", Operation.CONNECTION_EXISTS),
        ("DELETE", "/api/v1/hubs/chat/connections/c", Operation.CLOSE_CONNECTION),
        ("PUT", "/api/v1/hubs/chat/groups/red/connections/c", Operation.ADD_CONNECTION_TO_GROUP),
        ("PUT", "/api/v1/hubs/chat/groups/red/users/ada", Operation.ADD_USER_TO_GROUP),
        ("DELETE", "/api/v1/hubs/chat/groups/red/users/ada", Operation.REMOVE_USER_FROM_GROUP),
        ("HEAD", "/api/v1/hubs/chat/groups/red/users/ada", Operation.USER_IN_GROUP_EXISTS),
        ("DELETE", "/api/v1/hubs/chat/users/ada/groups", Operation.REMOVE_USER_FROM_ALL_GROUPS),
    ],
)
def test_paths_of_v1(method: str, path: str, operation: Operation) -> None:
    match = find(path)
    assert match is not None
    assert match.version == V1
    assert match.routes[method].operation is operation
    assert match.routes[method].v1_status is not None


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("/api/hubs/chat/connections/c/groups/red", Operation.ADD_CONNECTION_TO_GROUP),
        ("/api/hubs/chat/groups/red/users/ada", Operation.ADD_USER_TO_GROUP),
    ],
)
def test_mirrored_paths_name_the_same(path: str, operation: Operation) -> None:
    match = find(path)
    assert match is not None
    assert match.routes["PUT"].operation is operation
    assert match.names["group"] == "red"


def test_a_slash_at_the_end_makes_no_difference() -> None:
    match = find("/api/hubs/chat/:send/")
    assert match is not None
    assert match.routes["POST"].operation is Operation.SEND_TO_ALL


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/api",
        "/api/",
        "/api/v1",
        "/api/auth",
        "/api/auth/other",
        "/api/hubs",
        "/api/hubs/chat/:other",
        "/hubs/chat",
    ],
)
def test_other_paths_lead_nowhere(path: str) -> None:
    assert find(path) is None


def test_get_stands_wherever_head_does() -> None:
    match = find("/api/hubs/chat/users/ada/groups/red")
    assert match is not None
    assert match.routes["GET"] is match.routes["HEAD"]


@pytest.mark.parametrize("name", ["", ".", "..", "\ud800"])
def test_a_name_that_would_lead_elsewhere_makes_no_address(name: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in an address"):
        address(Operation.SEND_TO_USER, "chat", name)


@given(st.text())
def test_a_name_leads_to_itself_or_nowhere(name: str) -> None:
    try:
        method, path = address(Operation.SEND_TO_USER, "chat", name)
    except ValueError:
        return
    match = find(path)
    assert match is not None
    assert match.routes[method].operation is Operation.SEND_TO_USER
    assert match.names == {"hub": "chat", "user": name}
