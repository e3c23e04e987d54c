"""Turns what a lane knows of an HTTP request into a `ConnectRequest`. The one place that believes forwarded headers."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qs

from hubwire.model import ConnectRequest

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Networks:
    """A set of addresses, given as addresses and networks."""

    __slots__ = ("_networks",)

    def __init__(self, addresses: Sequence[str]) -> None:
        """Raises: ValueError for a text that is neither an address nor a network."""
        self._networks: tuple[_Network, ...] = tuple(ipaddress.ip_network(each, strict=False) for each in addresses)

    def __contains__(self, address: str) -> bool:
        if not self._networks:
            return False
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        return any(parsed in network for network in self._networks)


class TrustedProxies(Networks):
    """The addresses whose `X-Forwarded-For` and `X-Forwarded-Proto` count."""

    __slots__ = ()

    def client(self, peer: str, headers: dict[str, str], scheme: str) -> tuple[str, str]:
        """Return address and scheme of the client: the last hop that is not one of ours."""
        if peer not in self:
            return peer, scheme
        forwarded_scheme = headers.get("x-forwarded-proto", "").split(",")[-1].strip().lower()
        if forwarded_scheme in ("http", "https", "ws", "wss"):
            scheme = {"ws": "http", "wss": "https"}.get(forwarded_scheme, forwarded_scheme)
        address = peer
        for hop in reversed(headers.get("x-forwarded-for", "").split(",")):
            hop = hop.strip()
            if not hop:
                break
            address = hop
            if hop not in self:
                break
        return address, scheme


NO_PROXIES = TrustedProxies(())
"""For requests whose forwarded headers were read before, or never count."""


def make_request(
    method: str,
    path: str,
    query_string: str,
    headers: Iterable[tuple[str, str]],
    peer: str,
    scheme: str,
    proxies: TrustedProxies,
) -> ConnectRequest:
    """Build the lane-independent request. `path` is decoded already, `query_string` is not."""
    joined: dict[str, str] = {}
    for name, value in headers:
        name = sys.intern(name.lower())  # each connection keeps its request, and most have the same names
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    address, scheme = proxies.client(peer, joined, scheme)
    return ConnectRequest(method, path, _read_query(query_string), joined, address, scheme)


def _read_query(text: str) -> dict[str, list[str]]:
    """Read a query that is still encoded; a key without a value has an empty one."""
    if "%" in text or "+" in text:
        return parse_qs(text, keep_blank_values=True)
    query: dict[str, list[str]] = {}  # nothing is encoded, as usual: a tenth of the time
    for part in text.split("&"):
        if part:
            name, _, value = part.partition("=")
            query.setdefault(sys.intern(name), []).append(value)
    return query


def fields_of(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[str, str]]:
    """The header fields of an ASGI scope as texts."""
    return ((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)


def query_values(request: ConnectRequest, name: str) -> list[str]:
    """Every value of a query key, looked up without regard to case."""
    return [value for key, values in request.query.items() if key.lower() == name for value in values]


def bearer_token(request: ConnectRequest) -> str | None:
    """The token: header first, else the query, where browsers must put it for WebSockets. Never log the query."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        return token.strip() if scheme.lower() == "bearer" and token.strip() else None
    tokens = query_values(request, "access_token")
    return (tokens[-1] or None) if tokens else None  # the last one counts where it is repeated, as in Azure SignalR
