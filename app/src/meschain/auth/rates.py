"""How many things a key may do per minute, in bounded memory. Pure but for the clock it is given."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from meschain.auth.throttle import MAXIMUM_KEYS, Throttled


class WeightedLimit:
    """A bucket for each key: holds `per_minute`, fills at that rate, and what is done takes from it.

    Unlike `SlidingLimit` one request may count for many, and costs the same memory.
    """

    def __init__(self, per_minute: int, monotonic: Callable[[], float], maximum_keys: int = MAXIMUM_KEYS) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60.0
        self._monotonic = monotonic
        self._maximum_keys = maximum_keys
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, key: str, weight: int) -> None:
        """Count so many at once. Raises: Throttled, and then counts nothing; ValueError for what never fits."""
        if weight > self._capacity:
            raise ValueError(f"{weight} at once are more than a minute's {self._capacity:g}; send fewer.")
        now = self._monotonic()
        level, since = self._levels.get(key, (self._capacity, now))
        level = min(self._capacity, level + (now - since) * self._per_second)
        if level < weight:
            raise Throttled((weight - level) / self._per_second)
        self._levels[key] = (level - weight, now)
        self._levels.move_to_end(key)
        while len(self._levels) > self._maximum_keys:
            self._levels.popitem(last=False)
