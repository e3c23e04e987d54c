"""What the order history says of orders."""

from __future__ import annotations

from meschain.opencart.capture.order_changes import HOLD_SECONDS, MOST_HELD, OrderChange, OrderChanges
from meschain.opencart.capture.rows import HistoryRow

VOID = 16


def row(history_id: int, status: int, order_id: int = 1, date: str | None = "2026-06-15 10:00:00") -> HistoryRow:
    return HistoryRow(history_id, order_id, status, date)


def known(*past: HistoryRow, most_known: int = 100) -> OrderChanges:
    changes = OrderChanges(most_known)
    changes.remember(1, past, VOID)
    return changes


def told(changes: list[OrderChange]) -> list[tuple[int, bool, bool]]:
    return [(change.row.history_id, change.is_first, change.is_suspension) for change in changes]


def test_orders_whose_past_is_wanted_are_named_with_their_first_row() -> None:
    changes = known()
    assert changes.unknown([row(5, 1), row(7, 1, 2), row(6, 1, 2)]) == {2: 6}


def test_a_row_that_comes_again_is_passed_by() -> None:
    changes = known()
    assert told(changes.take([row(1, 1), row(2, 2)], VOID, 0)) == [(1, True, False), (2, False, False)]
    assert changes.take([row(1, 1), row(2, 2)], VOID, 0) == []


def test_the_past_decides_whether_a_row_is_the_first() -> None:
    assert told(known(row(1, 0), row(2, VOID)).take([row(3, 1)], VOID, 0)) == [(3, True, False)]
    assert told(known(row(1, 1)).take([row(3, 1)], VOID, 0)) == []
    assert told(known(row(1, 1), row(2, VOID)).take([row(3, 1)], VOID, 0)) == [(3, False, False)]


def test_a_suspension_holds_the_position_until_it_is_decided() -> None:
    changes = known(row(1, 1))
    assert changes.take([row(2, VOID)], VOID, 0) == []
    assert changes.oldest_held == 2
    assert changes.due(HOLD_SECONDS - 0.1) == []
    assert told(changes.due(HOLD_SECONDS)) == [(2, False, True)]
    assert changes.take([row(3, VOID)], VOID, 9) == []


def test_nothing_is_held_when_all_is_decided() -> None:
    changes = known(row(1, 1))
    changes.take([row(2, VOID)], VOID, 0)
    changes.due(HOLD_SECONDS)
    assert changes.oldest_held is None


def test_an_edit_is_one_change() -> None:
    changes = known(row(1, 1))
    changes.take([row(2, VOID)], VOID, 0)
    assert told(changes.take([row(3, 1, date="2026-06-15 10:00:01")], VOID, 1)) == [(3, False, False)]
    assert changes.due(100) == []


def test_by_their_dates_two_rows_read_together_are_no_edit() -> None:
    changes = known(row(1, 1))
    found = changes.take([row(2, VOID), row(3, 1, date="2026-06-15 11:00:00")], VOID, 0)
    assert told(found) == [(2, False, True), (3, False, False)]


def test_a_zero_date_says_nothing_against_an_edit() -> None:
    changes = known(row(1, 1))
    assert told(changes.take([row(2, VOID, date=None), row(3, 2)], VOID, 0)) == [(3, False, False)]


def test_more_suspensions_than_wait_are_told_at_once() -> None:
    changes = OrderChanges()
    for order_id in range(MOST_HELD + 2):
        changes.remember(order_id, [row(order_id + 1, 1, order_id)], VOID)
    rows = [row(10_000 + order_id, VOID, order_id) for order_id in range(MOST_HELD + 2)]
    assert told(changes.take(rows, VOID, 0)) == [(10_000, False, True), (10_001, False, True)]


def test_orders_are_forgotten_above_the_limit() -> None:
    changes = OrderChanges(most_known=2)
    for order_id in (1, 2, 3):
        changes.remember(order_id, [], VOID)
    changes.take([row(7, 1, 3)], VOID, 0)
    assert changes.unknown([row(8, 1, 1), row(9, 1, 3)]) == {1: 8}
