"""The address of the client behind a request. Forwarded headers count from trusted proxies only."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from starlette.requests import Request

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_REMEMBERED: Final = 4_096
"""Addresses that need not be read again: each request brings one or two, most of them the same."""

_LONGEST: Final = 100
"""Characters that an address has at most, with its zone and port; what is longer is not remembered either."""


class ClientAddress:
    """Finds it."""

    def __init__(self, trusted_proxies: Sequence[str] = ()) -> None:
        """Raises: ValueError for what is neither an address nor a network."""
        self._trusted = tuple(ipaddress.ip_network(network, strict=False) for network in trusted_proxies)

    def of(self, request: Request) -> str:
        """The nearest address that is no trusted proxy, read from the right: left of it may stand anything."""
        host = request.client.host if request.client else "unknown"
        peer = parse_address(host)
        address = host if peer is None else str(peer)
        if not self._trusted or not self.is_trusted(address):
            return address
        forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
        for hop in reversed([part.strip() for part in forwarded.split(",")]):
            parsed = parse_address(hop)
            if parsed is None:
                return address
            address = str(parsed)
            if not self.is_trusted(address):
                return address
        return address

    def is_trusted(self, text: str) -> bool:
        """Whether this address is a trusted proxy's."""
        address = parse_address(text)
        return address is not None and any(address in network for network in self._trusted)


def parse_address(text: str) -> _Address | None:
    """An address with or without port, as proxies write it; None: it is none."""
    return _parse(text) if len(text) <= _LONGEST else None


@lru_cache(_REMEMBERED)
def _parse(text: str) -> _Address | None:
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
