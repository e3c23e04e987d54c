"""Moments as vendors write them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from meschain.marketplaces.orders import moment_of, moment_of_milliseconds
from meschain.services.webhook_ports import Malformed

TURKEY = ZoneInfo("Europe/Istanbul")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-01T09:15:00Z", datetime(2026, 1, 1, 9, 15, tzinfo=UTC)),
        ("2026-01-01T09:15:00.120+03:00", datetime(2026, 1, 1, 6, 15, 0, 120_000, tzinfo=UTC)),
        ("2026-01-01T09:15:00", datetime(2026, 1, 1, 6, 15, tzinfo=UTC)),
        ("2026-01-01", datetime(2025, 12, 31, 21, tzinfo=UTC)),
    ],
)
def test_moments_are_told_in_utc_and_without_a_zone_in_the_vendors(text: str, moment: datetime) -> None:
    assert moment_of(text, "date", TURKEY) == moment


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "0001-01-01T00:00:00", "9999-12-31T23:59:59-09:00"])
def test_what_is_no_moment_is_malformed_and_named(text: str) -> None:
    with pytest.raises(Malformed, match="cancelDate is no moment"):
        moment_of(text, "cancelDate", TURKEY)


def test_milliseconds_are_since_1970() -> None:
    assert moment_of_milliseconds(1767225660000, "at") == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    for wrong in (10**18, -(10**18), 10**400):
        with pytest.raises(Malformed, match="at is no moment"):
            moment_of_milliseconds(wrong, "at")
