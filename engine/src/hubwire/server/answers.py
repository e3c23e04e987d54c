"""HTTP answers of hub endpoints, and the refusal that carries one. Knows no lane."""

from __future__ import annotations

from dataclasses import dataclass

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer."""

    status: int
    body: bytes = b""
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()

    def header_fields(self) -> list[tuple[str, str]]:
        """All headers, the length included. A 204 has no body and so neither type nor length."""
        fields = list(self.headers)
        if self.status != 204:
            fields += [("content-type", self.content_type), ("content-length", str(len(self.body)))]
        return fields


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
POST_ON_WEBSOCKET = "POST requests are not allowed for WebSocket connections."
DELETE_ON_WEBSOCKET = "Cannot terminate this connection using the DELETE endpoint."


def unsupported_transport(name: str) -> Refused:
    """The endpoint does not offer that transport."""
    return Refused(404, f"{name} transport not supported by this end point type")
