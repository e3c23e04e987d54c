"""What people read about the REST data plane's operations beside their table: for the page of a service and the docs.

Knows no HTML and no Markdown.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hubwire.azure.rest_errors import ErrorCode
from hubwire.azure.routes import Operation


class Section(enum.StrEnum):
    """Headings, in their order."""

    MESSAGES = "Messages"
    CLOSING = "Closing connections"
    EXISTENCE = "Who is there"
    GROUPS = "Connections in groups"
    USERS = "Users in groups"
    CLIENTS = "Single clients"
    SERVICE = "Tokens and health"


@dataclass(frozen=True, slots=True)
class Guide:
    """One operation in words."""

    section: Section
    summary: str
    body: str | None = None
    """An example in JSON; None: it takes no body."""
    absent: ErrorCode | None = None
    """Its own code for 404; None: there is no such answer."""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter in words."""

    kind: str
    meaning: str
    example: str


_MESSAGE = '{"target": "newMessage", "arguments": ["hello"]}'

GUIDES: Mapping[Operation, Guide] = {
    Operation.SEND_TO_ALL: Guide(Section.MESSAGES, "Call a method of every client of the hub.", _MESSAGE),
    Operation.SEND_TO_USER: Guide(Section.MESSAGES, "Call a method of all clients of one user.", _MESSAGE),
    Operation.SEND_TO_GROUP: Guide(Section.MESSAGES, "Call a method of every client in a group.", _MESSAGE),
    Operation.SEND_TO_CONNECTION: Guide(
        Section.MESSAGES, "Call a method of one client.", _MESSAGE, remark="A client that is not there is nobody."
    ),
    Operation.EXECUTE: Guide(
        Section.MESSAGES,
        "Run commands, in their order, on every client that matches a filter.",
        '[{"type": "JoinGroup", "group": "red"}, {"type": "SendMessage", "message": ' + _MESSAGE + "}]",
        remark="Commands are SendMessage, JoinGroup, LeaveGroup and CloseConnection (reason). All are checked before "
        "the first runs.",
    ),
    Operation.CLOSE_ALL: Guide(Section.CLOSING, "Close every connection of the hub."),
    Operation.CLOSE_GROUP: Guide(Section.CLOSING, "Close the connections in a group."),
    Operation.CLOSE_USER: Guide(Section.CLOSING, "Close the connections of one user."),
    Operation.CLOSE_CONNECTION: Guide(
        Section.CLOSING, "Close one connection.", absent=ErrorCode.CONNECTION_NOT_EXISTED, remark="v1 has no 404."
    ),
    Operation.CONNECTION_EXISTS: Guide(
        Section.EXISTENCE, "Whether a connection is open.", absent=ErrorCode.CONNECTION_NOT_EXISTED
    ),
    Operation.USER_EXISTS: Guide(
        Section.EXISTENCE, "Whether a user has a connection.", absent=ErrorCode.USER_NOT_EXISTED
    ),
    Operation.GROUP_EXISTS: Guide(
        Section.EXISTENCE, "Whether a group has a connection.", absent=ErrorCode.GROUP_NOT_EXISTED
    ),
    Operation.LIST_GROUP_CONNECTIONS: Guide(
        Section.EXISTENCE,
        "List the connections in a group, page by page.",
        remark="Take nextLink as it is; it needs a token for the same address.",
    ),
    Operation.ADD_CONNECTION_TO_GROUP: Guide(
        Section.GROUPS, "Let a connection join a group.", absent=ErrorCode.NO_SUCH_CONNECTION
    ),
    Operation.REMOVE_CONNECTION_FROM_GROUP: Guide(
        Section.GROUPS,
        "Let a connection leave a group.",
        absent=ErrorCode.NO_SUCH_CONNECTION,
        remark="From 2024-12-01 on there is no 404.",
    ),
    Operation.REMOVE_CONNECTION_FROM_ALL_GROUPS: Guide(Section.GROUPS, "Let a connection leave all groups."),
    Operation.ADD_USER_TO_GROUP: Guide(
        Section.USERS, "Let all connections of a user join a group, those of now and those to come."
    ),
    Operation.USER_IN_GROUP_EXISTS: Guide(
        Section.USERS, "Whether a user belongs to a group, connected or not.", absent=ErrorCode.USER_NOT_IN_GROUP
    ),
    Operation.REMOVE_USER_FROM_GROUP: Guide(Section.USERS, "Let a user leave a group, with all connections."),
    Operation.REMOVE_USER_FROM_ALL_GROUPS: Guide(
        Section.USERS,
        "Let a user leave all groups, with all connections.",
        remark="Also those that a connection joined by itself.",
    ),
    Operation.INVOKE: Guide(
        Section.CLIENTS,
        "Call a method of one client and return its result.",
        _MESSAGE,
        ErrorCode.NO_SUCH_CONNECTION,
        f"400 {ErrorCode.INVOCATION_FAILED}: the client answered with an error, which is the message. "
        f"500 {ErrorCode.INVOCATION_TIMEOUT}: it did not answer in time.",
    ),
    Operation.SEND_TO_STREAM: Guide(
        Section.CLIENTS,
        "Send an item of a stream that a client reads.",
        '{"price": 12.5}',
        remark="The body is the item.",
    ),
    Operation.COMPLETE_STREAM: Guide(
        Section.CLIENTS, "End a stream that a client reads, with an error if one is given."
    ),
    Operation.GENERATE_TOKEN: Guide(Section.SERVICE, "Make a token for a client of the hub."),
    Operation.GET_ACCESS_KEY: Guide(
        Section.SERVICE,
        "Make a temporary key for tokens, for holders of a Microsoft Entra token.",
        remark="Not offered here: every call is answered with 400 or 401 and says so.",
    ),
    Operation.GET_HEALTH: Guide(
        Section.SERVICE, "Whether the service is well.", remark="Needs neither token nor api-version."
    ),
}

PARAMETERS: Mapping[str, Parameter] = {
    "hub": Parameter("path", "The hub, in any case: a letter, then letters, digits or one of _`,.[]", "chat"),
    "user": Parameter("path", "A user id, case-sensitive", "ada"),
    "group": Parameter("path", "A group, case-sensitive, 1 to 1024 characters", "red"),
    "connection": Parameter("path", "A connection id", "3Kx0"),
    "stream": Parameter("path", "The invocation id of the client's stream", "1"),
    "application": Parameter("query", "Prefix of the hub's name: application_hub", "shop"),
    "excluded": Parameter("query, repeated", "A connection id that is left out", "3Kx0"),
    "reason": Parameter("query", "A text that the client is told", "maintenance"),
    "ttl": Parameter("query, seconds", "How long later connections join; 0: none do. Absent: a year", "3600"),
    "filter": Parameter("query", "Who matches; absent: everybody", "startswith(userId, 'listener-')"),
    "completed": Parameter("query, true or false", "Whether this item is the last", "true"),
    "userId": Parameter("query", "Who the client is; absent: nobody", "ada"),
    "minutesToExpire": Parameter("query, from 1", "Life of the token; absent: 60", "60"),
    "maxpagesize": Parameter("query, 1 to 200", "Connections in a page; absent: 200", "100"),
    "top": Parameter("query, from 1", "Connections in all pages together; absent: all", "500"),
    "continuationToken": Parameter("query", "Stands in nextLink", ""),
}

COMMON_ANSWERS: Sequence[tuple[int, ErrorCode, str]] = (
    (400, ErrorCode.INVALID, "what was sent makes no sense; the message says why"),
    (401, ErrorCode.UNAUTHORIZED, "no token, or none for this address"),
    (404, ErrorCode.NO_SUCH_ADDRESS, "nothing is at this address"),
    (405, ErrorCode.WRONG_METHOD, "the address takes other methods"),
    (413, ErrorCode.TOO_LARGE, "a body of more than 1 MiB, or a head of more than 16 KiB, by default"),
    (429, ErrorCode.THROTTLED, "too many hubs, or too much at once"),
    (500, ErrorCode.UNKNOWN, "it failed, and may have been done all the same: do not send messages again"),
    (503, ErrorCode.UNAVAILABLE, "nothing was done: try again"),
)
"""Of every operation: status, code, meaning."""
