"""What counts as a difference between both sides, and what does not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meschain.domain.rollout import Side
from meschain.rollout.comparison import PATIENCE_SECONDS, SHOWN, Comparison

LATER = PATIENCE_SECONDS + 1


def event(number: int, **more: object) -> dict[str, object]:
    return {"eventId": f"e{number}", "position": number, "total": number * 10, **more}


def heard(comparison: Comparison, side: Side, payload: object, now: float = 1.0) -> None:
    comparison.heard(side, "hub", "orderNotification", payload, now)


def compared(blue: list[object], green: list[object]) -> Comparison:
    comparison = Comparison(counts_from=0.0)
    for payload in blue:
        heard(comparison, Side.BLUE, payload)
    for payload in green:
        heard(comparison, Side.GREEN, payload)
    comparison.settle(LATER)
    return comparison


@given(st.lists(st.integers(1, 30), unique=True).map(sorted), st.data())
def test_the_same_on_both_sides_is_no_difference_however_it_is_interleaved(
    numbers: list[int], data: st.DataObject
) -> None:
    comparison = Comparison(counts_from=0.0)
    left = {Side.BLUE: list(numbers), Side.GREEN: list(numbers)}
    while any(left.values()):
        side = data.draw(st.sampled_from([side for side in Side if left[side]]))
        heard(comparison, side, event(left[side].pop(0)))
    comparison.settle(LATER)
    assert (comparison.compared, comparison.different) == (len(numbers), 0)


def test_what_one_side_lacks_is_found_once_it_had_time() -> None:
    comparison = Comparison(counts_from=0.0)
    heard(comparison, Side.BLUE, event(1))
    heard(comparison, Side.BLUE, {"figures": 1})
    comparison.settle(1 + PATIENCE_SECONDS - 0.1)
    assert comparison.different == 0
    comparison.settle(1 + PATIENCE_SECONDS)
    assert comparison.different == 2
    assert comparison.shown[0] == "orderNotification e1 of hub came on blue and not on green"


def test_other_words_and_another_order_are_differences() -> None:
    assert list(compared([event(1)], [event(1, total=11)]).shown) == [
        "orderNotification e1 of hub is not the same on both sides"
    ]
    assert list(compared([event(1), event(2)], [event(2), event(1)]).shown) == [
        "orderNotification e1 of hub came on green behind what happened after it"
    ]


def test_an_event_that_is_told_again_on_both_sides_is_none_unless_it_says_something_else() -> None:
    assert compared([event(1), event(2), event(1)], [event(1), event(1), event(2)]).different == 0
    assert "other than before" in compared([event(1)] * 2, [event(1), event(1, total=0)]).shown[0]


def test_an_event_that_one_side_brings_once_more_is_a_difference() -> None:
    assert list(compared([event(1)], [event(1), event(1)]).shown) == [
        "orderNotification e1 of hub came once more on green than on blue"
    ]
    assert (
        list(compared([event(1)] * 3, [event(1)]).shown)
        == ["orderNotification e1 of hub came once more on blue than on green"] * 2
    )


def test_an_event_that_only_one_listened_to_may_be_told_again_to_both() -> None:
    comparison = Comparison(counts_from=2.0)
    heard(comparison, Side.BLUE, event(1), 1.0)
    comparison.settle(2.0 + PATIENCE_SECONDS)
    for side in Side:
        heard(comparison, side, event(1), 20.0)
    comparison.settle(20.0 + PATIENCE_SECONDS)
    assert (comparison.compared, comparison.different) == (1, 0)


def test_what_has_no_id_counts_as_often_as_it_comes() -> None:
    assert compared([{"a": 1}, {"a": 1}], [{"a": 1}, {"a": 1}]).compared == 2
    assert compared([{"a": 1}, {"a": 1}], [{"a": 1}]).different == 1


def test_what_came_before_both_listened_is_no_difference() -> None:
    comparison = Comparison()
    heard(comparison, Side.BLUE, event(1), 1.0)
    heard(comparison, Side.BLUE, event(2), 3.0)
    comparison.counts_from = 2.0
    heard(comparison, Side.GREEN, event(2), 4.0)
    heard(comparison, Side.GREEN, event(3), 4.0)
    comparison.settle(20.0)
    assert (comparison.compared, list(comparison.shown)) == (
        1,
        ["orderNotification e3 of hub came on green and not on blue"],
    )


def test_a_thousand_differences_are_counted_and_some_are_shown() -> None:
    comparison = compared([event(number) for number in range(1, 1001)], [])
    assert (comparison.different, len(comparison.shown)) == (1000, SHOWN)
