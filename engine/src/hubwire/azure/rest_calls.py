"""One call of the REST data plane, taken apart and checked: operation, version, hub, names, query. Pure values.

Names of the path are case-sensitive except the hub's; those of the query are not, because the service's own tools write
one of them in two ways.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from hubwire.azure.client_url import checked_hub_name
from hubwire.azure.rest_errors import invalid
from hubwire.azure.routes import DATED_VERSIONS, V1, Match, Operation, Route

MAXIMUM_GROUP_CHARACTERS = 1024
MAXIMUM_STREAM_CHARACTERS = 100

_MAXIMUM_INTEGER = 2**31 - 1
_NOT_BLANK = re.compile(r"(?!\s+$).+")
_CLOSES_USER = Operation.CLOSE_USER


@dataclass(frozen=True, slots=True)
class RestRequest:
    """One HTTP request as it came, its body whole."""

    method: str
    path: str
    """Still escaped, without query."""
    query: str = field(default="", repr=False)
    """Still escaped, without question mark."""
    authorization: str | None = field(default=None, repr=False)
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class RestCall:
    """A request that was admitted, and is well-formed but for its body and its own parameters."""

    request: RestRequest
    route: Route
    version: str
    """`V1` or one of the dated ones."""
    hub: str
    """In lower case, the application's prefix included; empty where the operation has none."""
    names: Mapping[str, str]
    query: Query

    @property
    def is_v1(self) -> bool:
        """Whether it came under `/api/v1`."""
        return self.version == V1

    @property
    def success(self) -> int:
        """The status that says that it was done."""
        return self.route.v1_status if self.is_v1 and self.route.v1_status is not None else self.route.status


class Query:
    """The parameters behind the question mark."""

    __slots__ = ("_values",)

    def __init__(self, text: str) -> None:
        """Raises: RestError."""
        self._values: dict[str, list[str]] = {}
        try:
            # Not by `parse_qsl`, which takes 5 us for the one parameter that most calls have.
            for pair in filter(None, text.split("&")):
                name, _, value = pair.partition("=")
                self._values.setdefault(_unescape(name).lower(), []).append(_unescape(value))
        except UnicodeDecodeError as error:
            raise invalid("The query is no UTF-8; escape each parameter.") from error

    def all(self, name: str) -> Sequence[str]:
        """Every value of a parameter that may be repeated."""
        return self._values.get(name.lower(), ())

    def text(self, name: str) -> str | None:
        """Raises: RestError when it is repeated."""
        values = self._values.get(name.lower())
        if values is None:
            return None
        if len(values) > 1:
            raise invalid(f"The parameter {name} is given {len(values)} times; give it once.", name)
        return values[0]

    def integer(self, name: str, least: int, most: int = _MAXIMUM_INTEGER) -> int | None:
        """Raises: RestError for anything but a decimal number within the bounds."""
        text = self.text(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most):
            raise invalid(f"The parameter {name} is no whole number from {least} to {most}.", name)
        return int(text)

    def boolean(self, name: str) -> bool:
        """Raises: RestError for anything but true and false; absent is false."""
        text = (self.text(name) or "false").lower()
        if text not in ("true", "false"):
            raise invalid(f"The parameter {name} is neither true nor false.", name)
        return text == "true"


def _unescape(text: str) -> str:
    return unquote_plus(text, errors="strict") if "%" in text or "+" in text else text


def read_call(request: RestRequest, match: Match, route: Route) -> RestCall:
    """Take a request apart. Raises: RestError."""
    query = Query(request.query)
    version = _version(match, route, query)
    names = match.names
    _check_names(names, route)
    return RestCall(request, route, version, _hub(names["hub"], route, query) if "hub" in names else "", names, query)


def _version(match: Match, route: Route, query: Query) -> str:
    if match.version is not None:
        if route.v1_status is None and route.since != DATED_VERSIONS[0]:
            raise invalid(f"v1 has no such operation; ask for it under /api with api-version={route.since} or later.")
        return match.version
    version = query.text("api-version")
    if version not in DATED_VERSIONS:
        what = "missing" if version is None else "unknown"
        raise invalid(f"The api-version is {what}; give one of {', '.join(DATED_VERSIONS)}.", "api-version")
    if version < route.since:
        raise invalid(f"The api-version {version} has no such operation; it came with {route.since}.", "api-version")
    return version


def _hub(name: str, route: Route, query: Query) -> str:
    hub = _checked(name, "hub")
    application = query.text("application")
    if application is None:
        return hub
    if "application" not in route.query:
        raise invalid(
            "This operation takes no application; write it into the hub's name: application_hub.", "application"
        )
    return _checked(f"{_checked(application, 'application')}_{hub}", "application")


def _checked(name: str, what: str) -> str:
    try:
        return checked_hub_name(name)
    except ValueError as error:
        raise invalid(
            f"The {what} is no name of 1 to 128 characters (hub and application together), first a letter, the others "
            "letters, digits or one of _`,.[].",
            what,
        ) from error


def _check_names(names: Mapping[str, str], route: Route) -> None:
    group = names.get("group")
    if group is not None and not is_group_name(group):
        raise invalid(f"The group's name has not 1 to {MAXIMUM_GROUP_CHARACTERS} characters, or only blanks.", "group")
    user = names.get("user")
    if user is not None and (not user or (route.operation is _CLOSES_USER and len(user) > MAXIMUM_GROUP_CHARACTERS)):
        raise invalid("The user id is empty or too long.", "user")
    if names.get("connection") == "":
        raise invalid("The connection id is empty.", "connectionId")
    stream = names.get("stream")
    if stream is not None and (len(stream) > MAXIMUM_STREAM_CHARACTERS or not _NOT_BLANK.fullmatch(stream)):
        raise invalid(f"The stream id has not 1 to {MAXIMUM_STREAM_CHARACTERS} characters, or only blanks.", "streamId")


def is_group_name(name: str) -> bool:
    """Whether a group may be called so."""
    return len(name) <= MAXIMUM_GROUP_CHARACTERS and _NOT_BLANK.fullmatch(name) is not None
