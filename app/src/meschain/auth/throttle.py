"""Limits per address and per user, in a sliding window and in bounded memory. Pure but for the clock it is given."""

from __future__ import annotations

import ipaddress
import math
import unicodedata
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

MAXIMUM_KEYS: Final = 10_000
"""Addresses or names remembered at once; beyond it the one unused for longest is forgotten."""


class Throttled(Exception):
    """Too many attempts; `retry_after_seconds` is a whole number of at least 1."""

    def __init__(self, retry_after_seconds: float) -> None:
        self.retry_after_seconds = max(1, math.ceil(retry_after_seconds))
        super().__init__(f"Too many attempts; try again in {self.retry_after_seconds} seconds.")


class SlidingLimit:
    """At most so many hits of a key within the window."""

    def __init__(
        self,
        limit: int,
        window_seconds: float,
        monotonic: Callable[[], float],
        maximum_keys: int = MAXIMUM_KEYS,
    ) -> None:
        self._limit = limit
        self._window_seconds = window_seconds
        self._monotonic = monotonic
        self._maximum_keys = maximum_keys
        self._hits: OrderedDict[str, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hits)

    def hit(self, key: str) -> None:
        """Count one. Raises: Throttled, and then counts nothing."""
        self.check(key)
        hits = self._hits.setdefault(key, deque())
        hits.append(self._monotonic())
        self._hits.move_to_end(key)
        while len(self._hits) > self._maximum_keys:
            self._hits.popitem(last=False)

    def check(self, key: str) -> None:
        """Raises: Throttled when the next hit would be one too many."""
        hits = self._hits.get(key)
        if hits is None:
            return
        now = self._monotonic()
        while hits and hits[0] <= now - self._window_seconds:
            hits.popleft()
        if not hits:
            del self._hits[key]
        elif len(hits) >= self._limit:
            raise Throttled(hits[0] + self._window_seconds - now)

    def undo(self, key: str) -> None:
        """Take the latest hit back."""
        hits = self._hits.get(key)
        if hits:
            hits.pop()
            if not hits:
                del self._hits[key]

    def forget(self, key: str) -> None:
        self._hits.pop(key, None)


class LoginThrottle:
    """Counts failed log-ins per address and per user name.

    An attempt counts before the password is looked at and is taken back when it was right: otherwise a thousand
    attempts at once would all pass before the first of them has failed.
    """

    def __init__(self, per_user: SlidingLimit, per_address: SlidingLimit) -> None:
        self._per_user = per_user
        self._per_address = per_address

    def attempt(self, username: str, address: str) -> None:
        """Raises: Throttled, before any password is hashed."""
        user, network = _user_key(username), network_of(address)
        self._per_user.check(user)
        self._per_address.hit(network)
        self._per_user.hit(user)

    def undecided(self, username: str) -> None:
        """Nobody could tell whether the password was right: that is no failure of the user's."""
        self._per_user.undo(_user_key(username))

    def succeeded(self, username: str, address: str) -> None:
        """The password was right: the user's failures are forgotten, the address keeps its other ones."""
        self._per_user.forget(_user_key(username))
        self._per_address.undo(network_of(address))


def _user_key(username: str) -> str:
    """A user name as the most forgiving database compares it: without case, accents and spaces around."""
    parts = unicodedata.normalize("NFKD", username.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part)).strip()


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 one, which is a single customer's."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
