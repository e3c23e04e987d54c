"""At most so many of something within any second, remembered so briefly that it fits one row. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

TICKS_PER_SECOND: Final = 50
"""Permits of one tick, 20 ms, are remembered together: fifty pairs of numbers at most for each second."""
SLACK_SECONDS: Final = 1.0
"""What was given later than that from now was given before the clock was set back, and counts no more."""

Given = tuple[int, int]
"""Tick, counted since 1970 and rounded up, and how many were given in it."""


def give(
    given: Sequence[Given], now: float, wanted: int, limit: int, window_seconds: float
) -> tuple[int, Sequence[Given]]:
    """How many of those wanted may be given now, and what is to be remembered.

    Args:
        now: seconds since 1970, by the clock of whoever remembers.
        limit: as many at most within any window.
    """
    first, last = now - window_seconds, now + SLACK_SECONDS
    recent = [each for each in given if first < each[0] / TICKS_PER_SECOND <= last]
    count = max(0, min(wanted, limit - sum(number for _, number in recent)))
    if count:
        recent.append((ceil(now * TICKS_PER_SECOND), count))
    return count, recent
