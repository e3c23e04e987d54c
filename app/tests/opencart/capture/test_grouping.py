"""Events are put side by side by marketplace, and those of one key stay in their order."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from meschain.domain.events import NewEvent
from meschain.opencart.capture.grouping import by_marketplace

NOW = datetime(2026, 6, 15, tzinfo=UTC)


def event(number: int, key: str, marketplace: str) -> NewEvent:
    return NewEvent(f"event-{number}", "inventory", key, marketplace, {}, NOW)


def test_sales_on_several_marketplaces_become_one_run_for_each() -> None:
    events = [event(number, f"product:{number}", ("n11", "ebay", "ozon")[number % 3]) for number in range(30)]
    found = by_marketplace(events)
    assert [code for code, _ in groupby(found, key=lambda each: each.marketplace)] == ["ebay", "n11", "ozon"]
    assert len(found) == len(events)


def test_a_product_of_several_marketplaces_keeps_its_order() -> None:
    events = [
        event(1, "product:1", "n11"),
        event(2, "product:1", "ebay"),
        event(3, "product:2", "n11"),
        event(4, "product:1", "n11"),
        event(5, "product:1", "ebay"),
    ]
    assert [each.event_id for each in by_marketplace(events)] == ["event-1", "event-2", "event-4", "event-5", "event-3"]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(("", "n11", "ebay", "shop")))))
def test_every_key_keeps_its_order(drawn: list[tuple[str, str]]) -> None:
    events = [event(number, key, marketplace) for number, (key, marketplace) in enumerate(drawn)]

    def of_each_key(some: list[NewEvent]) -> dict[str, list[str]]:
        found = defaultdict(list)
        for each in some:
            found[each.key].append(each.event_id)
        return found

    assert of_each_key(by_marketplace(events)) == of_each_key(events)
