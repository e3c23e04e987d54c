"""The shop's time: bounds of a day in its zone, and its strings as moments. Pure.

OpenCart sets PHP and the database connection to `config_timezone`, so its dates are local strings. A day is compared by
strings, which is right on days of 23 and 25 hours too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

FORMAT = "%Y-%m-%d %H:%M:%S"


def zone_of(name: str) -> tzinfo | None:
    """The zone of that name; None when there is none such."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # not found is a KeyError; odd names are the other two
        return None


@dataclass(frozen=True, slots=True)
class StoreDay:
    """One day of the store as strings: `start` <= date < `end`."""

    date: str
    start: str
    end: str


def store_day(moment: datetime, zone: tzinfo) -> StoreDay:
    """The store's day at an aware moment."""
    today = moment.astimezone(zone).date()
    tomorrow = today + timedelta(days=1)
    return StoreDay(date=today.isoformat(), start=f"{today} 00:00:00", end=f"{tomorrow} 00:00:00")


def store_months(moment: datetime, zone: tzinfo, count: int) -> tuple[list[str], str, str]:
    """The store's month at an aware moment and those before it.

    Returns: so many names `YYYY-MM`, oldest first, and the bounds of all of them as strings: start <= date < end.
    """
    today = moment.astimezone(zone).date()
    this = today.year * 12 + today.month - 1
    names = [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(this - count + 1, this + 2)]
    return names[:-1], f"{names[0]}-01 00:00:00", f"{names[-1]}-01 00:00:00"


def local_text(moment: datetime, zone: tzinfo) -> str:
    """An aware moment as the shop writes it."""
    return moment.astimezone(zone).strftime(FORMAT)


def parse_local(text: str | None, zone: tzinfo) -> datetime | None:
    """The moment that a string of the shop means, in UTC; None for no date and zero dates.

    In the repeated hour of a change from summer time the first of the two moments is taken: the shop does not say
    which.
    """
    if text is None:
        return None
    try:
        return datetime.strptime(text, FORMAT).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def iso_utc(moment: datetime) -> str:
    """ISO-8601 with a `Z`, milliseconds included."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
