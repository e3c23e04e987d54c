"""A histogram of durations with bounded memory and a known precision. Knows no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

SUB_BUCKETS = 64
"""Buckets for each doubling. A quantile is at most 1/64, which is 1.6 %, above the true one, and never below it."""
_BITS = SUB_BUCKETS.bit_length() - 1
MAXIMUM_MICROSECONDS = 2**36 - 1
"""19 hours; what is longer counts as this. So there are at most 1,984 buckets."""


class Histogram:
    """Durations in whole microseconds. Below 64 us a bucket is one microsecond wide, above that 1/64 of its value."""

    __slots__ = ("buckets", "count", "maximum")

    def __init__(self, buckets: Mapping[int, int] | None = None, count: int = 0, maximum: int = 0) -> None:
        self.buckets: dict[int, int] = dict(buckets or {})
        """How many durations fell into each bucket that is not empty."""
        self.count = count
        self.maximum = maximum
        """The largest duration, exactly."""

    def add(self, microseconds: int) -> None:
        """Count one duration; a negative one, which a clock's rounding may give, as 0."""
        value = min(max(microseconds, 0), MAXIMUM_MICROSECONDS)
        shift = max(value.bit_length() - _BITS - 1, 0)
        bucket = (shift << _BITS) + (value >> shift)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        self.count += 1
        if value > self.maximum:
            self.maximum = value

    def merge(self, others: Iterable[Histogram]) -> Histogram:
        """Count everything that others have counted; returns this one."""
        for other in others:
            for bucket, count in other.buckets.items():
                self.buckets[bucket] = self.buckets.get(bucket, 0) + count
            self.count += other.count
            self.maximum = max(self.maximum, other.maximum)
        return self

    def quantile(self, fraction: float) -> int | None:
        """Return the duration that this fraction of all did not exceed, or None if there was none at all."""
        if not self.count:
            return None
        remaining = max(-int(-fraction * self.count // 1), 1)  # rounded up: the p50 of two is the first
        for bucket in sorted(self.buckets):
            remaining -= self.buckets[bucket]
            if remaining <= 0:
                return min(_highest(bucket), self.maximum)
        return self.maximum

    def taken(self) -> Histogram:
        """Return what was counted, and begin anew."""
        taken = Histogram(self.buckets, self.count, self.maximum)
        self.buckets, self.count, self.maximum = {}, 0, 0
        return taken


def _highest(bucket: int) -> int:
    """The largest value that falls into a bucket."""
    shift = max((bucket >> _BITS) - 1, 0)
    return (((bucket - (shift << _BITS)) + 1) << shift) - 1
