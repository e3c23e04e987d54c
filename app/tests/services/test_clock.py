from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from meschain.services.clock import SystemClock, iso_utc


def test_a_moment_is_written_in_utc_with_a_z() -> None:
    istanbul = timezone(timedelta(hours=3))
    assert iso_utc(datetime(2025, 3, 10, 1, 2, 3, 456789, istanbul)) == "2025-03-09T22:02:03.456Z"


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        iso_utc(datetime(2025, 3, 10))  # noqa: DTZ001 - the very mistake


async def test_the_system_clock_is_aware_and_goes_on() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0)
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() >= before
