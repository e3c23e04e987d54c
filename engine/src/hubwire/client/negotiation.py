"""Negotiate as a client sees it (signalr-protocol 1): addresses to ask, answers to read. Knows no HTTP client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urljoin, urlsplit, urlunsplit

import msgspec

from hubwire.client.errors import NegotiationFailed

VERSION = 1
"""The highest version of negotiate answers; a server that knows only version 0 answers with that."""
MAXIMUM_REDIRECTS = 100
"""As in the JavaScript, .NET and Java clients."""
MAXIMUM_ANSWER_BYTES = 64 * 1024
"""Tokens of some kilobytes fit; more is no negotiate answer."""

_HTTP_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class Redirection:
    """Negotiate again over there."""

    url: str
    access_token: str | None = field(repr=False)
    """Used instead of the application's own from there on; None: that stays."""


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What the server offers."""

    connection_id: str
    connection_token: str = field(repr=False)
    """What `?id=` takes; in version 0 the id itself."""
    transports: Mapping[str, frozenset[str]]
    """Names of transports and their transfer formats, `Text` and `Binary`, in the server's order."""
    stateful_reconnect: bool


class _Transport(msgspec.Struct, gc=False):
    transport: str
    transferFormats: list[str] = []  # noqa: N815 (wire name)


class _Answer(msgspec.Struct, gc=False):
    negotiateVersion: int = 0  # noqa: N815 (wire name)
    connectionId: str | None = None  # noqa: N815 (wire name)
    connectionToken: str | None = None  # noqa: N815 (wire name)
    availableTransports: list[_Transport] | None = None  # noqa: N815 (wire name)
    url: str | None = None
    accessToken: str | None = None  # noqa: N815 (wire name)
    error: str | None = None
    useStatefulReconnect: bool | None = None  # noqa: N815 (wire name)
    ProtocolVersion: Any = None


_decode = msgspec.json.Decoder(_Answer).decode


def base_url(url: str) -> str:
    """Return the hub's address as all requests extend it: scheme http or https, without a fragment.

    Raises: ValueError.
    """
    parts = urlsplit(url)
    scheme = _HTTP_SCHEMES.get(parts.scheme.lower())
    if scheme is None or not parts.hostname:
        raise ValueError(f"{url!r} is no address of a hub; give an absolute one with http, https, ws or wss.")
    return urlunsplit((scheme, parts.netloc, parts.path or "/", parts.query, ""))


def negotiate_url(url: str, *, stateful_reconnect: bool) -> str:
    """Return where to POST; the hub's own query is kept, and wins."""
    parts = urlsplit(url)
    path = f"{parts.path.removesuffix('/')}/negotiate"
    url = urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
    given = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    if "negotiateVersion" not in given:
        url = with_query(url, f"negotiateVersion={VERSION}")
    if stateful_reconnect and "useStatefulReconnect" not in given:
        url = with_query(url, "useStatefulReconnect=true")
    return url


def connect_url(url: str, connection_token: str) -> str:
    """Return the address of one connection. It is secret: whoever knows it is that client."""
    return with_query(url, f"id={quote(connection_token, safe='')}")


def with_query(url: str, parameter: str) -> str:
    """Add a parameter, encoded by the caller, behind those that are there."""
    return f"{url}{'&' if '?' in url else '?'}{parameter}"


def read_answer(body: bytes, *, asked_at: str, asked_stateful_reconnect: bool) -> Negotiated | Redirection:
    """Read the body of a 200 answer; unknown fields are for newer clients.

    Raises: NegotiationFailed.
    """
    try:
        answer = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NegotiationFailed(f"The server's negotiate answer cannot be read: {error}") from error
    if answer.error is not None:
        raise NegotiationFailed(answer.error)
    if answer.ProtocolVersion is not None:
        raise NegotiationFailed(
            "The server speaks the older ASP.NET SignalR, another protocol; this client needs ASP.NET Core SignalR."
        )
    if answer.url is not None:
        return _redirection(answer.url, answer.accessToken, asked_at)
    if answer.useStatefulReconnect and not asked_stateful_reconnect:
        raise NegotiationFailed("Client didn't negotiate Stateful Reconnect but the server did.")
    token = answer.connectionToken if answer.negotiateVersion > 0 else answer.connectionId
    if not answer.connectionId or not token:
        raise NegotiationFailed("The server's negotiate answer names no connection.")
    return Negotiated(
        answer.connectionId,
        token,
        {each.transport: frozenset(each.transferFormats) for each in answer.availableTransports or ()},
        bool(answer.useStatefulReconnect),
    )


def _redirection(url: str, access_token: str | None, asked_at: str) -> Redirection:
    try:
        target = base_url(urljoin(asked_at, url))
    except ValueError as error:
        raise NegotiationFailed(f"The server redirects to {url!r}, which is no address.") from error
    if asked_at.startswith("https:") and not target.startswith("https:"):
        raise NegotiationFailed(f"The server redirects from https to {url!r}; nothing is sent there in the clear.")
    return Redirection(target, access_token)
