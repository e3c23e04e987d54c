"""Limits per address and per user, in a sliding window and in bounded memory. Pure but for the clock it is given."""

from __future__ import annotations

import ipaddress
import json
import math
import unicodedata
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import lru_cache
from typing import Final

MAXIMUM_KEYS: Final = 10_000
"""Addresses or names remembered at once; beyond it the one unused for longest is forgotten."""

_REMEMBERED: Final = 4_096
"""Addresses whose network need not be found again."""


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
        self.add(key)

    def add(self, key: str) -> None:
        """Count one, whether or not it is one too many."""
        # The newest `limit` hits decide, so older ones need not be kept, however many others may tell of.
        hits = self._hits.setdefault(key, deque(maxlen=self._limit))
        now = self._monotonic()
        self._drop_old(hits, now)
        hits.append(now)
        self._hits.move_to_end(key)
        while len(self._hits) > self._maximum_keys:
            self._hits.popitem(last=False)

    def check(self, key: str) -> None:
        """Raises: Throttled when the next hit would be one too many."""
        hits = self._hits.get(key)
        if hits is None:
            return
        now = self._monotonic()
        self._drop_old(hits, now)
        if not hits:
            del self._hits[key]
        elif len(hits) >= self._limit:
            raise Throttled(hits[0] + self._window_seconds - now)

    def _drop_old(self, hits: deque[float], now: float) -> None:
        while hits and hits[0] <= now - self._window_seconds:
            hits.popleft()

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

    Args:
        tell: Is given each step in words, for the other processes of this service, whose `hear` takes it; so that a
            guesser has no more attempts with several processes than with one. None: there are none.
    """

    def __init__(
        self, per_user: SlidingLimit, per_address: SlidingLimit, tell: Callable[[str], None] | None = None
    ) -> None:
        self._per_user = per_user
        self._per_address = per_address
        self._tell = tell

    def attempt(self, username: str, address: str) -> None:
        """Raises: Throttled, before any password is hashed."""
        user, network = _user_key(username), network_of(address)
        self._per_user.check(user)
        self._per_address.check(network)
        self._step(_ATTEMPT, user, network)

    def undecided(self, username: str) -> None:
        """Nobody could tell whether the password was right: that is no failure of the user's."""
        self._step(_UNDECIDED, _user_key(username), "")

    def succeeded(self, username: str, address: str) -> None:
        """The password was right: the user's failures are forgotten, the address keeps its other ones."""
        self._step(_SUCCEEDED, _user_key(username), network_of(address))

    def hear(self, message: str) -> None:
        """Count what another process was asked for."""
        step, user, network = json.loads(message)
        self._count(step, user, network)

    def _step(self, step: str, user: str, network: str) -> None:
        self._count(step, user, network)
        if self._tell is not None:
            self._tell(json.dumps([step, user, network]))

    def _count(self, step: str, user: str, network: str) -> None:
        if step == _ATTEMPT:
            self._per_address.add(network)
            self._per_user.add(user)
        elif step == _UNDECIDED:
            self._per_user.undo(user)
        elif step == _SUCCEEDED:
            self._per_user.forget(user)
            self._per_address.undo(network)


_ATTEMPT: Final = "attempt"
_UNDECIDED: Final = "undecided"
_SUCCEEDED: Final = "succeeded"


def _user_key(username: str) -> str:
    """A user name as the most forgiving database compares it: without case, accents and spaces around."""
    parts = unicodedata.normalize("NFKD", username.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part)).strip()


@lru_cache(_REMEMBERED)
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
