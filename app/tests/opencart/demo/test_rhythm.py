"""How busy the demo shop is, and what its orders look like before they are written."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from meschain.domain.marketplaces import MARKETPLACES
from meschain.opencart.demo.drafts import (
    FREE_SHIPPING_FROM,
    SHIPPING,
    customer,
    draft_order,
    marketplace_number,
    order_rows,
)
from meschain.opencart.demo.rhythm import (
    OPENING_SHARE,
    ORDERS_PER_DAY,
    YEAR,
    checkout_times,
    checkouts_per_hour,
    live_gap_seconds,
    mean_gap_seconds,
    size_of_shop,
)

MONDAY = datetime(2026, 6, 15, tzinfo=UTC)


def test_a_day_has_its_orders_and_its_peak() -> None:
    hours = [checkouts_per_hour(MONDAY + timedelta(hours=hour)) for hour in range(24)]
    assert sum(hours) == pytest.approx(ORDERS_PER_DAY)
    assert hours.index(max(hours)) == 20
    assert checkouts_per_hour(MONDAY + timedelta(days=6)) > checkouts_per_hour(MONDAY)


def test_checkouts_of_the_past_lie_within_it_and_in_order() -> None:
    since, until = MONDAY + timedelta(minutes=20), MONDAY + timedelta(days=2, minutes=40)
    times = checkout_times(since, until, UTC, Random(1))  # noqa: S311 - test data
    assert times == sorted(times)
    assert all(since <= moment < until for moment in times)
    assert 1.5 * ORDERS_PER_DAY < len(times) < 2.5 * ORDERS_PER_DAY
    assert checkout_times(until, since, UTC, Random(1)) == []  # noqa: S311 - test data


def test_the_shop_has_grown_over_its_year() -> None:
    now = MONDAY + timedelta(hours=12)
    times = checkout_times(now - YEAR, now, UTC, Random(1))  # noqa: S311 - test data
    months = Counter(moment.strftime("%Y-%m") for moment in times)
    assert [size_of_shop(age) for age in (timedelta(0), YEAR, 2 * YEAR)] == pytest.approx(
        [1, OPENING_SHARE, OPENING_SHARE]
    )
    assert months["2026-05"] > 1.5 * months["2025-07"]


def test_live_gaps_stay_within_their_limits_at_any_hour() -> None:
    random = Random(1)  # noqa: S311 - test data
    gaps = [live_gap_seconds(MONDAY + timedelta(hours=number % 24), random) for number in range(2000)]
    assert (min(gaps), max(gaps)) == (4.0, 60.0)
    assert mean_gap_seconds(MONDAY + timedelta(hours=3)) == 60.0
    assert 4 < mean_gap_seconds(MONDAY + timedelta(hours=20)) < 30


def test_drafts_add_up_and_ship_free_when_large() -> None:
    random = Random(2)  # noqa: S311 - test data
    drafts = [draft_order(random) for _ in range(300)]
    for draft in drafts:
        assert draft.shipping == (Decimal(0) if draft.sub_total >= FREE_SHIPPING_FROM else SHIPPING)
        rows = order_rows(draft, 7, "2026-06-15 10:00:00", "2026-06-15 10:00:30", 0)
        assert rows.order["total"] == sum(line["value"] for line in rows.totals if line["code"] != "total")
        assert (rows.link is None) == (draft.marketplace == "shop")
        assert len(rows.products) == len({row["product_id"] for row in rows.products})
    assert {draft.marketplace for draft in drafts} == {"shop", *MARKETPLACES}
    assert {draft.currency for draft in drafts} == {"TRY", "USD", "EUR"}
    assert {draft.buyer.customer_id == 0 for draft in drafts} == {True, False}


@pytest.mark.parametrize("code", MARKETPLACES)
def test_order_numbers_look_like_the_marketplaces(code: str) -> None:
    random = Random(3)  # noqa: S311 - test data
    numbers = {marketplace_number(random, code) for _ in range(50)}
    assert len(numbers) == 50
    assert all(number.replace("-", "").isdigit() for number in numbers)


def test_a_customer_is_always_the_same_person() -> None:
    assert customer(5) == customer(5)
    assert customer(5).email.isascii()
    assert customer(5).email.endswith("@example.com")
