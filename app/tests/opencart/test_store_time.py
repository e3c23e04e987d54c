"""Days and moments of the store."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from meschain.opencart.store_time import StoreDay, iso_utc, local_text, parse_local, store_day, store_months, zone_of

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_day_is_the_one_on_the_stores_calendar() -> None:
    moment = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    assert store_day(moment, BERLIN) == StoreDay("2027-01-01", "2027-01-01 00:00:00", "2027-01-02 00:00:00")
    assert store_day(moment, UTC) == StoreDay("2026-12-31", "2026-12-31 00:00:00", "2027-01-01 00:00:00")


def test_months_are_those_of_the_stores_calendar() -> None:
    moment = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    assert store_months(moment, BERLIN, 1) == (["2027-01"], "2027-01-01 00:00:00", "2027-02-01 00:00:00")
    names, start, end = store_months(moment, UTC, 14)
    assert (names[0], names[1], names[2], names[-1], len(names)) == ("2025-11", "2025-12", "2026-01", "2026-12", 14)
    assert (start, end) == ("2025-11-01 00:00:00", "2027-01-01 00:00:00")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-07-01 12:00:00", datetime(2026, 7, 1, 10, 0, tzinfo=UTC)),
        ("2026-01-01 12:00:00", datetime(2026, 1, 1, 11, 0, tzinfo=UTC)),
        ("2026-10-25 02:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("0000-00-00 00:00:00", None),
        ("2026-13-01 00:00:00", None),
        ("0001-01-01 00:00:00", None),
        ("", None),
        (None, None),
    ],
)
def test_strings_of_the_shop_are_moments_or_none(text: str | None, moment: datetime | None) -> None:
    assert parse_local(text, BERLIN) == moment


def test_moments_are_written_as_the_shop_writes_them() -> None:
    moment = datetime(2026, 7, 1, 10, 0, 0, 123456, tzinfo=UTC)
    assert local_text(moment, BERLIN) == "2026-07-01 12:00:00"
    assert iso_utc(moment) == "2026-07-01T10:00:00.123Z"


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "Europe", "UTC\0"])
def test_what_is_no_zone_is_none(name: str) -> None:
    assert zone_of(name) is None


def test_zones_are_found_by_name() -> None:
    assert zone_of("Europe/Istanbul") is not None
