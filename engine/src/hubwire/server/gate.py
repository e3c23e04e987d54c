"""How many newcomers are let in, and how fast: by what the loop can do, by all together, by their address.

`admission` says who may connect; this, whether there is room for one more. Knows addresses, no users and no hubs.
"""

from __future__ import annotations

import functools
import ipaddress
from collections import OrderedDict

from hubwire.clock import Clock
from hubwire.options import ServerOptions
from hubwire.rates import Rate, TokenBucket
from hubwire.server import answers
from hubwire.server.lateness import Lateness
from hubwire.server.requests import Networks

MAXIMUM_ADDRESSES = 10_000
"""Addresses whose rate is remembered; those that were away longest are forgotten first. 10,000: 3 MB."""

_IPV6_NETWORK = 64
"""Bits that make a client: providers hand out whole networks, so that a single address says nothing."""

_MAXIMUM_TEXT = 64
"""Characters kept of what a proxy calls an address and is none."""


class Gate:
    """Counts connects and connections."""

    __slots__ = ("_clock", "_connections", "_key", "_maximum", "_of_address", "_of_all", "_recent", "lateness")

    def __init__(self, options: ServerOptions, clock: Clock) -> None:
        self.lateness = Lateness(options.maximum_lateness_seconds)
        self._clock = clock
        self._maximum = options.maximum_connections_per_address
        seconds = options.connect_burst_seconds
        per_address, of_all = options.address_connects_per_second, options.connects_per_second
        self._of_address = None if per_address is None else Rate.over(per_address, seconds)
        self._of_all = None if of_all is None else TokenBucket(Rate.over(of_all, seconds), clock.monotonic())
        self._recent: OrderedDict[str, TokenBucket] = OrderedDict()  # by key, the longest away first
        self._connections: dict[str, int] = {}  # by key; an address without connections is not in it
        trusted = Networks(options.trusted_networks)
        # To take an address apart costs some microseconds, and the same ones come again.
        self._key = functools.lru_cache(maxsize=1024)(functools.partial(_counted_as, trusted))

    def check(self, address: str) -> None:
        """Count one negotiate, or one request that opens a connection. Raises: Refused."""
        if self.lateness.is_overloaded:
            raise answers.overloaded()
        now = self._clock.monotonic()
        bucket = self._bucket(address, now)
        if bucket is not None and not bucket.available(now):
            raise answers.too_many_from_address(bucket.wait_seconds)
        of_all = self._of_all
        if of_all is not None:
            if not of_all.available(now):
                raise answers.too_many_connects(of_all.wait_seconds)
            of_all.take(1)
        if bucket is not None:
            bucket.take(1)

    def check_room(self, address: str) -> None:
        """Whether the address may have one more connection. Raises: Refused."""
        if self._maximum is not None and self._connections.get(self._key(address) or "", 0) >= self._maximum:
            raise answers.too_many_from_address()

    def entered(self, address: str) -> None:
        """A connection of this address is open."""
        key = self._key(address)
        if key is not None and self._maximum is not None:
            self._connections[key] = self._connections.get(key, 0) + 1

    def left(self, address: str) -> None:
        """One that was open is gone."""
        key = self._key(address)
        if key is not None and self._maximum is not None:
            count = self._connections.pop(key) - 1
            if count:
                self._connections[key] = count

    @property
    def remembered(self) -> int:
        """Addresses that cost memory at present."""
        return len(self._recent) + len(self._connections)

    def _bucket(self, address: str, now: float) -> TokenBucket | None:
        key = self._key(address)
        if self._of_address is None or key is None:
            return None
        bucket = self._recent.get(key)
        if bucket is not None:
            self._recent.move_to_end(key)
            return bucket
        if len(self._recent) >= MAXIMUM_ADDRESSES:
            self._recent.popitem(last=False)
        bucket = self._recent[key] = TokenBucket(self._of_address, now)
        return bucket


def _counted_as(trusted: Networks, address: str) -> str | None:
    """Return what an address is counted under; None: it is not counted."""
    if not address or address in trusted:
        return None
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:_MAXIMUM_TEXT]
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed.packed, _IPV6_NETWORK), strict=False))
