"""The REST data plane's operations as one table, for the client that calls them and the server that answers them.

Paths, methods and statuses are those of the published descriptions. Knows no bodies, no tokens and no HTTP library.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

V1 = "v1"
"""The version without an `api-version`, under `/api/v1`."""
DATED_VERSIONS = ("2022-06-01", "2022-11-01", "2023-07-01", "2024-12-01")
"""Values of `api-version`, the oldest first; they compare as text."""

_FIRST, _TOKENS, _COMMANDS, _RESULTS = DATED_VERSIONS


class Operation(enum.Enum):
    """What can be asked of the data plane. The value is the operation's name in the published description."""

    GET_HEALTH = "HealthApi_GetServiceStatus"
    GET_ACCESS_KEY = "Auth_GetAccessKey"
    SEND_TO_ALL = "SignalR_Broadcast"
    SEND_TO_USER = "SignalR_SendToUser"
    SEND_TO_GROUP = "SignalR_GroupBroadcast"
    SEND_TO_CONNECTION = "SignalR_SendToConnection"
    CLOSE_ALL = "SignalR_CloseConnections"
    CLOSE_GROUP = "SignalR_CloseGroupConnections"
    CLOSE_USER = "SignalR_CloseUserConnections"
    CLOSE_CONNECTION = "SignalR_CloseConnection"
    CONNECTION_EXISTS = "SignalR_CheckConnectionExistence"
    GROUP_EXISTS = "SignalR_CheckGroupExistence"
    USER_EXISTS = "SignalR_CheckUserExistence"
    ADD_CONNECTION_TO_GROUP = "SignalR_AddConnectionToGroup"
    REMOVE_CONNECTION_FROM_GROUP = "SignalR_RemoveConnectionFromGroup"
    REMOVE_CONNECTION_FROM_ALL_GROUPS = "SignalR_RemoveConnectionFromAllGroups"
    USER_IN_GROUP_EXISTS = "SignalR_CheckUserExistenceInGroup"
    ADD_USER_TO_GROUP = "SignalR_AddUserToGroup"
    REMOVE_USER_FROM_GROUP = "SignalR_RemoveUserFromGroup"
    REMOVE_USER_FROM_ALL_GROUPS = "SignalR_RemoveUserFromAllGroups"
    GENERATE_TOKEN = "HubProxyV20221101_GenerateClientToken"  # noqa: S105 - no password, an operation
    EXECUTE = "HubProxyV20230701_Execute"
    INVOKE = "HubProxyV20241201_InvokeClientConnection"
    SEND_TO_STREAM = "HubProxyV20241201_SendToConnectionStream"
    COMPLETE_STREAM = "HubProxyV20241201_CompleteConnectionStream"
    LIST_GROUP_CONNECTIONS = "HubProxyV20241201_ListConnectionsInGroup"


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: how it is asked for, and what says that it was done."""

    operation: Operation
    method: str
    path: str
    """Below `/api`, with names in braces: `hub`, `user`, `group`, `connection`, `stream`."""
    status: int
    """Of success, in the dated versions."""
    since: str = _FIRST
    """The first version that has it."""
    v1_status: int | None = None
    """Of success under `/api/v1`; None: not described there."""
    query: tuple[str, ...] = ()
    """Parameters beside `api-version`."""
    other_paths: tuple[str, ...] = ()
    """Spellings that are accepted besides: those of v1, and the mirrored ones of the emulator."""


_HUB = "/hubs/{hub}"
_USER = _HUB + "/users/{user}"
_GROUP = _HUB + "/groups/{group}"
_CONNECTION = _HUB + "/connections/{connection}"
_STREAM = _CONNECTION + "/streams/{stream}"
_IN_GROUP = _GROUP + "/connections/{connection}"
_IN_GROUP_MIRRORED = _CONNECTION + "/groups/{group}"
_USER_IN_GROUP = _USER + "/groups/{group}"
_USER_IN_GROUP_V1 = _GROUP + "/users/{user}"

_APP = "application"
_SEND = "/:send"
_CLOSE = "/:closeConnections"

ROUTES: Mapping[Operation, Route] = {
    route.operation: route
    for route in (
        Route(Operation.GET_HEALTH, "HEAD", "/health", 200, v1_status=200),
        Route(Operation.GET_ACCESS_KEY, "GET", "/auth/accessKey", 200, _RESULTS, v1_status=200),
        Route(Operation.SEND_TO_ALL, "POST", _HUB + _SEND, 202, _FIRST, 202, (_APP, "excluded"), (_HUB,)),
        Route(Operation.SEND_TO_USER, "POST", _USER + _SEND, 202, _FIRST, 202, (_APP,), (_USER,)),
        Route(Operation.SEND_TO_GROUP, "POST", _GROUP + _SEND, 202, _FIRST, 202, (_APP, "excluded"), (_GROUP,)),
        Route(Operation.SEND_TO_CONNECTION, "POST", _CONNECTION + _SEND, 202, _FIRST, 202, (_APP,), (_CONNECTION,)),
        Route(Operation.CLOSE_ALL, "POST", _HUB + _CLOSE, 204, query=(_APP, "excluded", "reason")),
        Route(Operation.CLOSE_GROUP, "POST", _GROUP + _CLOSE, 204, query=(_APP, "excluded", "reason")),
        Route(Operation.CLOSE_USER, "POST", _USER + _CLOSE, 204, query=(_APP, "excluded", "reason")),
        Route(Operation.CLOSE_CONNECTION, "DELETE", _CONNECTION, 200, _FIRST, 202, (_APP, "reason")),
        Route(Operation.CONNECTION_EXISTS, "HEAD", _CONNECTION, 200, _FIRST, 200, (_APP,)),
        Route(Operation.GROUP_EXISTS, "HEAD", _GROUP, 200, _FIRST, 200, (_APP,)),
        Route(Operation.USER_EXISTS, "HEAD", _USER, 200, _FIRST, 200, (_APP,)),
        Route(Operation.ADD_CONNECTION_TO_GROUP, "PUT", _IN_GROUP, 200, _FIRST, 200, (_APP,), (_IN_GROUP_MIRRORED,)),
        Route(
            Operation.REMOVE_CONNECTION_FROM_GROUP,
            "DELETE",
            _IN_GROUP,
            200,
            _FIRST,
            200,
            (_APP,),
            (_IN_GROUP_MIRRORED,),
        ),
        Route(Operation.REMOVE_CONNECTION_FROM_ALL_GROUPS, "DELETE", _CONNECTION + "/groups", 200, query=(_APP,)),
        Route(Operation.USER_IN_GROUP_EXISTS, "HEAD", _USER_IN_GROUP, 200, _FIRST, 200, (_APP,), (_USER_IN_GROUP_V1,)),
        Route(
            Operation.ADD_USER_TO_GROUP, "PUT", _USER_IN_GROUP, 200, _FIRST, 202, (_APP, "ttl"), (_USER_IN_GROUP_V1,)
        ),
        Route(
            Operation.REMOVE_USER_FROM_GROUP, "DELETE", _USER_IN_GROUP, 204, _FIRST, 202, (_APP,), (_USER_IN_GROUP_V1,)
        ),
        Route(Operation.REMOVE_USER_FROM_ALL_GROUPS, "DELETE", _USER + "/groups", 204, _FIRST, 200, (_APP,)),
        Route(
            Operation.GENERATE_TOKEN,
            "POST",
            _HUB + "/:generateToken",
            200,
            _TOKENS,
            None,
            ("userId", "minutesToExpire"),
        ),
        Route(Operation.EXECUTE, "POST", _HUB + "/:execute", 202, _COMMANDS, None, ("filter",)),
        Route(Operation.INVOKE, "POST", _CONNECTION + "/:invoke", 200, _RESULTS, None, (_APP,)),
        Route(Operation.SEND_TO_STREAM, "POST", _STREAM + _SEND, 202, _RESULTS, None, (_APP, "completed")),
        Route(Operation.COMPLETE_STREAM, "POST", _STREAM + "/:complete", 202, _RESULTS, None, (_APP, "reason")),
        Route(
            Operation.LIST_GROUP_CONNECTIONS,
            "GET",
            _GROUP + "/connections",
            200,
            _RESULTS,
            None,
            (_APP, "maxpagesize", "top", "continuationToken"),
        ),
    )
}
"""Every operation."""


@dataclass(frozen=True, slots=True)
class Match:
    """A path that leads somewhere, whatever the method."""

    version: str | None
    """`V1`, or None where the query's `api-version` says it."""
    names: Mapping[str, str]
    """What stands in the path, unescaped: `hub`, `user`, `group`, `connection`, `stream`."""
    routes: Mapping[str, Route]
    """By method; GET stands wherever HEAD does."""


def address(operation: Operation, *names: str) -> tuple[str, str]:
    """Return method and path, from `/api` on, of an operation in the dated versions.

    Args:
        names: as they stand in the path, from left to right, not escaped; a hub's in lower case.

    Raises: ValueError, see `checked_name`.
    """
    route = ROUTES[operation]
    values = map(checked_name, names)
    parts = [quote(next(values), safe="") if part.startswith("{") else part for part in route.path.split("/")]
    return route.method, "/api" + "/".join(parts)


def checked_name(name: str) -> str:
    """The name, if it can stand in a path.

    However `.` and `..` are escaped, what stands between may take them for steps in the path: a message for the user
    `..` would become one for everybody.

    Raises: ValueError for these two, for an empty name, and for one that is no valid Unicode.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"The name {name!r} is no valid Unicode and cannot stand in an address; correct it.") from None
    if name in ("", ".", ".."):
        raise ValueError(f"The name {name!r} cannot stand in an address; choose another one.")
    return name


def find(path: str) -> Match | None:
    """Return where a path leads that is still escaped, query left out; None: nowhere (404).

    Raises: UnicodeDecodeError when what is escaped in it is no UTF-8.
    """
    segments = path.rstrip("/").split("/")
    if len(segments) < 3 or segments[0] or segments[1] != "api":
        return None
    version = None
    first = 2
    if segments[2] == V1:
        version = V1
        first = 3
    parts = segments[first:]
    found = _BY_SHAPE.get(_shape(parts))
    if found is None:
        return None
    keys, routes = found
    return Match(version, dict(zip(keys, map(_unescape, parts[1::2]), strict=False)), routes)


def _unescape(part: str) -> str:
    # Not replaced: two names that are no UTF-8 would become one.
    return unquote(part, errors="strict") if "%" in part else part


def _shape(parts: Sequence[str]) -> tuple[str, ...]:
    """What tells paths apart: their words at even places, and how many there are. `/auth/accessKey` is all words."""
    if parts and parts[0] == "auth":
        return tuple(parts)
    return (str(len(parts)), *parts[::2])


def _by_shape() -> dict[tuple[str, ...], tuple[tuple[str, ...], dict[str, Route]]]:
    table: dict[tuple[str, ...], tuple[tuple[str, ...], dict[str, Route]]] = {}
    for route in ROUTES.values():
        for path in (route.path, *route.other_paths):
            parts = path.split("/")[1:]
            keys = tuple(part[1:-1] for part in parts[1::2] if part.startswith("{"))
            _, methods = table.setdefault(_shape(parts), (keys, {}))
            methods[route.method] = route
            if route.method == "HEAD":
                methods["GET"] = route
    return table


_BY_SHAPE = _by_shape()
