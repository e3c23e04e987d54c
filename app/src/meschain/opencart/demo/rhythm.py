"""How busy the demo shop is at an hour of the week. Pure: time and randomness are arguments."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from random import Random
from typing import Final

ORDERS_PER_DAY: Final = 30
"""Checkouts begun on an ordinary weekday of these days."""
YEAR: Final = timedelta(days=365)
OPENING_SHARE: Final = 0.3
"""What of that the shop had a year ago; it has grown since."""
LIVE_FACTOR: Final = 64
"""How much faster the shop sells while it is watched: a shop of this size sells every three quarters of an hour, which
nobody would wait for in front of a demonstration."""
CONFIRMED_SHARE: Final = 0.88
"""Checkouts that become orders."""
VISITORS_PER_CHECKOUT: Final = 24

_HOURS: Final = (8, 4, 2, 2, 2, 4, 10, 20, 34, 48, 56, 58, 60, 62, 60, 58, 60, 64, 72, 84, 100, 96, 66, 28)
"""Weight of each local hour: quiet nights, a lunch plateau, the peak after dinner."""
_WEEKDAYS: Final = (1.0, 0.95, 0.97, 1.02, 1.08, 1.12, 1.25)
"""Weight of Monday to Sunday."""
_HOUR_SUM: Final = sum(_HOURS)
_MONTHS: Final = (0.94, 0.9, 1.0, 1.02, 1.08, 0.97, 0.9, 0.88, 1.0, 1.08, 1.25, 1.16)
"""Weight of January to December: a quiet summer, and November's sales."""


def checkouts_per_hour(local: datetime) -> float:
    """Checkouts begun per hour at that local time."""
    return ORDERS_PER_DAY * _WEEKDAYS[local.weekday()] * _HOURS[local.hour] / _HOUR_SUM


def size_of_shop(age: timedelta) -> float:
    """How large the shop was that long ago, compared with today."""
    return 1 - (1 - OPENING_SHARE) * min(1.0, age / YEAR)


def checkout_times(since: datetime, until: datetime, zone: tzinfo, random: Random) -> list[datetime]:
    """Moments at which checkouts begin in a stretch of the past, oldest first."""
    times: list[datetime] = []
    hour = since.replace(minute=0, second=0, microsecond=0)
    while hour < until:
        local = hour.astimezone(zone)
        rate = checkouts_per_hour(local) * _MONTHS[local.month - 1] * size_of_shop(until - hour)
        # Between nought and twice the rate, so that hours differ as they do.
        count = int(rate * random.uniform(0.4, 1.6) + random.random())
        times += [hour + timedelta(seconds=random.randrange(3600)) for _ in range(count)]
        hour += timedelta(hours=1)
    return sorted(moment for moment in times if since <= moment < until)


def mean_gap_seconds(local: datetime) -> float:
    """Mean seconds between two checkouts while the driver runs."""
    return _within_limits(3600 / (checkouts_per_hour(local) * LIVE_FACTOR))


def live_gap_seconds(local: datetime, random: Random) -> float:
    """Seconds until the next checkout while the driver runs."""
    return _within_limits(random.expovariate(1 / mean_gap_seconds(local)))


def _within_limits(seconds: float) -> float:
    """Neither a flood nor a silence that looks like a fault."""
    return min(60.0, max(4.0, seconds))
