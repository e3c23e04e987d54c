"""Token buckets: how often something may happen, and how much of it at once. Pure: time is an argument.

Knows nothing of what is counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_LEAST_BURST = 4.0


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second in the long run, and that many at once after a pause."""

    per_second: float
    burst: float

    @classmethod
    def over(cls, per_second: float, burst_seconds: float) -> Rate:
        """What that many seconds allow may come at once, and never less than a few.

        So a rate of one a second lets a negotiate and its upgrade pass, and what is let through after a pause does not
        look like a bucket that has recovered.
        """
        return cls(per_second, max(_LEAST_BURST, per_second * burst_seconds))


class TokenBucket:
    """Fills at its rate up to its burst; whatever happens takes one out."""

    __slots__ = ("__weakref__", "_at", "_tokens", "rate", "short_since")

    def __init__(self, rate: Rate, now: float) -> None:
        self.rate = rate
        self._tokens = rate.burst
        self._at = now
        self.short_since = math.inf
        """When it was found empty without having been half full since; infinite: it was not."""

    def available(self, now: float) -> int:
        """How many there are."""
        rate = self.rate
        if now > self._at:
            self._tokens = min(rate.burst, self._tokens + (now - self._at) * rate.per_second)
            self._at = now
        if self._tokens * 2 >= rate.burst:
            self.short_since = math.inf
        if self._tokens >= 1.0:
            return int(self._tokens)
        if self.short_since == math.inf:
            self.short_since = now
        return 0

    def take(self, count: int) -> None:
        """Take that many out, which may be more than there are: then it is empty for longer."""
        self._tokens -= count

    @property
    def wait_seconds(self) -> float:
        """How long until there is one, counted from the last look."""
        return max(0.0, (1.0 - self._tokens) / self.rate.per_second)
