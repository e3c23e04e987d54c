"""HTTP answers of hub endpoints, and the refusal that carries one. Knows no lane."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

TEXT = "text/plain"
JSON = "application/json"

RETRY_SECONDS = 5.0
"""When to come back where nothing tells how long it takes."""

_JITTER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer."""

    status: int
    body: bytes = b""
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()


class Refused(Exception):
    """The request ends with this status. The texts are the reference server's; some clients show them."""

    def __init__(self, status: int, text: str = "", headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.status = status
        self.text = text
        self.headers = headers
        super().__init__(f"{status} {text}".strip())

    def answer(self, more_headers: tuple[tuple[str, str], ...] = ()) -> Answer:
        """As it goes out."""
        return Answer(self.status, self.text.encode(), headers=self.headers + more_headers)


UNKNOWN_ID = "No Connection with that ID"
MISSING_ID = "Connection ID required"
OTHER_TRANSPORT = "Cannot change transports mid-connection"
POST_ON_WEBSOCKET = "POST requests are not allowed for WebSocket connections."
DELETE_ON_OTHERS = "Cannot terminate this connection using the DELETE endpoint."
WRONG_METHOD = "Method not allowed"
NOT_FOUND = "Not Found"


def unauthorized() -> Refused:
    """No token, or a wrong one. The body is empty: clients show it instead of the reason phrase."""
    return Refused(401, headers=(("www-authenticate", "Bearer"),))


def too_many_pending() -> Refused:
    """Too many connections were negotiated and not opened."""
    return Refused(429, "Too many pending connections", (retry_after(),))


def too_many_from_address(seconds: float = RETRY_SECONDS) -> Refused:
    """An address has too many connections, or makes them too fast; it may come back after that time."""
    return Refused(429, "Too many connections from your address", (retry_after(seconds),))


def too_many_connects(seconds: float) -> Refused:
    """All together connect too fast."""
    return Refused(429, "Too many clients connect", (retry_after(seconds),))


def too_many_hubs() -> Refused:
    """All places of hubs that are made when they are named are taken."""
    return Refused(429, "Too many hubs", (retry_after(),))


def full(status: int = 503) -> Refused:
    """There is no room for one more connection."""
    return Refused(status, "Too many connections", (retry_after(),))


def overloaded() -> Refused:
    """The server has more to do than it can."""
    return Refused(503, "The server is overloaded", (retry_after(),))


def retry_after(seconds: float = RETRY_SECONDS) -> tuple[str, str]:
    """Return the header. Whole seconds, never less than asked for, and up to five more at random.

    Those who are refused together must not come back together.
    """
    return "retry-after", str(max(1, math.ceil(seconds + random.random() * _JITTER_SECONDS)))  # noqa: S311 - no secret


def failed() -> Refused:
    """Code of the application failed; the log says how."""
    return Refused(500, "Internal Server Error")


def unsupported_transport(name: str) -> Refused:
    """The endpoint does not offer that transport."""
    return Refused(404, f"{name} transport not supported by this end point type")
