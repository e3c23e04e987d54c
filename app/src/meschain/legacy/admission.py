"""Who may open a connection on an old listener: by address, origin and number. Pure."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Set as AbstractSet

from meschain.legacy.options import LegacyOptions
from meschain.legacy_settings import LegacyListener


class Refused(Exception):
    """The upgrade is answered by this status; `reason` is one word, for the count of them."""

    def __init__(self, status: int, reason: str, text: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(text)


class Admission:
    """Of one listener.

    Args:
        own_origins: whose pages may always connect.
    """

    def __init__(self, listener: LegacyListener, own_origins: AbstractSet[str], options: LegacyOptions) -> None:
        self._origins = {*own_origins, *listener.allowed_origins}
        self._networks = [ipaddress.ip_network(network, strict=False) for network in listener.allowed_networks]
        self._options = options
        self._open: Counter[str] = Counter()

    def check(self, address: str, origin: str | None) -> None:
        """Raises: Refused."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            raise Refused(403, "address", "The client's address is not known.") from None
        if not any(parsed in network for network in self._networks):
            raise Refused(403, "address", "This address may not connect; see allowed_networks of the listener.")
        if origin is not None and origin not in self._origins:
            raise Refused(403, "origin", "Pages of this origin may not connect; see allowed_origins of the listener.")
        if self._open.total() >= self._options.connections:
            raise Refused(503, "full", "Too many connections are open.")
        if self._open[address] >= self._options.connections_per_address:
            raise Refused(429, "address full", "Too many connections are open from this address.")

    def opened(self, address: str) -> None:
        self._open[address] += 1

    def closed(self, address: str) -> None:
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]
