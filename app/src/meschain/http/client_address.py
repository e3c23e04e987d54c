"""The address of the client behind a request. Forwarded headers count from trusted proxies only."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.requests import Request

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ClientAddress:
    """Finds it."""

    def __init__(self, trusted_proxies: Sequence[str] = ()) -> None:
        """Raises: ValueError for what is neither an address nor a network."""
        self._trusted = tuple(ipaddress.ip_network(network, strict=False) for network in trusted_proxies)

    def of(self, request: Request) -> str:
        """The nearest address that is no trusted proxy, read from the right: left of it may stand anything."""
        address = request.client.host if request.client else "unknown"
        if not self._trusted or not self._is_trusted(address):
            return address
        forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
        for hop in reversed([part.strip() for part in forwarded.split(",")]):
            parsed = _parse(hop)
            if parsed is None:
                return address
            address = str(parsed)
            if not self._is_trusted(address):
                return address
        return address

    def _is_trusted(self, text: str) -> bool:
        address = _parse(text)
        return address is not None and any(address in network for network in self._trusted)


def _parse(text: str) -> _Address | None:
    """An address with or without port, as proxies write it."""
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
