"""Numbers of a table that only grows."""

from __future__ import annotations

from meschain.opencart.capture.numbering import GAP_LIMIT, GAP_SECONDS, Numbering


def test_numbers_in_a_row_move_the_position() -> None:
    numbering = Numbering(5)
    numbering.see([6, 7], 0)
    assert (numbering.newest, numbering.position, numbering.missing(0)) == (7, 7, [])


def test_one_that_was_passed_by_is_looked_for_and_holds_the_position_back() -> None:
    numbering = Numbering(5)
    numbering.see([6, 9], 0)
    assert (numbering.newest, numbering.position, numbering.missing(1)) == (9, 6, [7, 8])
    numbering.see([7], 1)
    assert (numbering.position, numbering.missing(1)) == (7, [8])
    numbering.see([8], 2)
    assert (numbering.position, numbering.missing(2)) == (9, [])


def test_gaps_are_looked_for_for_a_while_only() -> None:
    numbering = Numbering(0)
    numbering.see([3], 0)
    assert numbering.missing(GAP_SECONDS - 1) == [1, 2]
    assert numbering.missing(GAP_SECONDS) == []
    assert numbering.position == 3


def test_a_gap_wider_than_the_limit_is_taken_for_a_deletion() -> None:
    numbering = Numbering(0)
    numbering.see([GAP_LIMIT + 2], 0)
    assert (numbering.missing(0), numbering.position) == ([], GAP_LIMIT + 2)


def test_gaps_are_kept_up_to_the_limit() -> None:
    numbering = Numbering(0)
    numbering.see([number * 2 for number in range(1, GAP_LIMIT + 20)], 0)
    assert len(numbering.missing(0)) == GAP_LIMIT
