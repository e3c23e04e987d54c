"""What a connection is known to be in: never of another one, and not beyond its end."""

from __future__ import annotations

from meschain.hubs.entered_groups import EnteredGroups


def test_only_what_is_not_known_is_lacking() -> None:
    known = EnteredGroups()
    assert known.lacking(("hub", "1"), ["a", "b", "a"]) == ["a", "b"]
    known.entered(("hub", "1"), ["a"])
    assert known.lacking(("hub", "1"), ["a", "b"]) == ["b"]
    assert known.lacking(("hub", "2"), ["a"]) == ["a"]
    assert known.lacking(("other", "1"), ["a"]) == ["a"]
    known.ended(("hub", "1"))
    known.ended(("hub", "1"))
    assert known.lacking(("hub", "1"), ["a"]) == ["a"]


def test_of_many_the_eldest_are_forgotten() -> None:
    known = EnteredGroups()
    for number in range(20_001):
        known.entered(("hub", str(number)), ["a"])
    assert known.lacking(("hub", "0"), ["a"]) == ["a"]
    assert known.lacking(("hub", "1"), ["a"]) == []
