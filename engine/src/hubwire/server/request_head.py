"""The head of an HTTP request, taken apart by httptools, which also reads all other requests of the port."""

from __future__ import annotations

from dataclasses import dataclass

import httptools


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What a head says, with names of fields as they came."""

    method: bytes
    version: str
    """`1.1`"""
    target: str
    """Path and query as they came."""
    fields: tuple[tuple[str, str], ...]

    def values(self) -> dict[str, str] | None:
        """The fields by their names in lower case; None: one came twice."""
        found = {name.lower(): value for name, value in self.fields}
        return found if len(found) == len(self.fields) else None


class _Parts:
    """What httptools calls."""

    __slots__ = ("fields", "target")

    def __init__(self) -> None:
        self.target = b""
        self.fields: list[tuple[str, str]] = []

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.decode("latin-1"), value.decode("latin-1")))


def read_head(head: bytes) -> RequestHead | None:
    """Take a complete head apart; None: it is malformed."""
    parts = _Parts()
    parser = httptools.HttpRequestParser(parts)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # behind the head something else follows
    except httptools.HttpParserError:
        return None
    return RequestHead(
        parser.get_method(), parser.get_http_version(), parts.target.decode("latin-1"), tuple(parts.fields)
    )
