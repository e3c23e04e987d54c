"""Errors by kind, bounded."""

from __future__ import annotations

from hubwire.cli.bench.tally import MAXIMUM_EXAMPLE_CHARACTERS, MAXIMUM_KINDS, OTHERS, Tally


def test_errors_are_counted_by_kind_with_the_first_example() -> None:
    tally = Tally()
    tally.add("dropped", "first")
    tally.add("dropped", "second", 2)
    other = Tally()
    other.add("dropped", "third")
    other.add("refused", "why")
    tally.merge(other.kinds)
    assert {kind: (each.count, each.example) for kind, each in tally.kinds.items()} == {
        "dropped": (4, "first"),
        "refused": (1, "why"),
    }
    assert tally.total == 5


def test_a_server_with_ever_new_texts_costs_bounded_memory() -> None:
    tally = Tally()
    for number in range(3 * MAXIMUM_KINDS):
        tally.add(f"kind {number}", "x" * 10_000)
    assert len(tally.kinds) == MAXIMUM_KINDS + 1
    assert tally.kinds[OTHERS].count == 2 * MAXIMUM_KINDS
    assert tally.total == 3 * MAXIMUM_KINDS
    assert max(len(each.example) for each in tally.kinds.values()) == MAXIMUM_EXAMPLE_CHARACTERS
