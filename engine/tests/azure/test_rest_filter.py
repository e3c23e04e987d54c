"""Filters of `:execute`: what matches, what is refused, and that whatever comes is one of the two."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.azure.rest_errors import RestError
from hubwire.azure.rest_filter import MAXIMUM_CHARACTERS, MAXIMUM_CLAUSES, MAXIMUM_DEPTH, parse_filter
from hubwire.model import Connected

PEOPLE = [Connected("a1", "ada"), Connected("a2", "Ada"), Connected("b1", "bob's"), Connected("n1")]
GROUPS = {"red": {"a1", "n1"}, "it's": {"b1"}}


@pytest.mark.parametrize(
    ("text", "matching"),
    [
        ("userId eq 'ada'", "a1"),
        ("USERID EQ 'ada'", "a1"),
        ("'ada' eq userId", "a1"),
        ("userId ne 'ada'", "a2 b1 n1"),
        ("userId eq null", "n1"),
        ("userId ne null", "a1 a2 b1"),
        ("userId eq 'bob''s'", "b1"),
        ("connectionId eq 'a2'", "a2"),
        ("connectionId eq userId", ""),
        ("startswith(userId, 'a')", "a1"),
        ("startswith(userId,'')", "a1 a2 b1"),
        ("endswith(userId, 'da')", "a1 a2"),
        ("contains(connectionId, '1')", "a1 b1 n1"),
        ("contains('xxada', userId)", "a1"),
        ("startswith(userId, null)", ""),
        ("not startswith(userId, 'a')", "a2 b1 n1"),
        ("not not startswith(userId, 'a')", "a1"),
        ("not (userId eq 'ada')", "a2 b1 n1"),
        ("'red' in groups", "a1 n1"),
        ("'it''s' in GROUPS", "b1"),
        ("not ('red' in groups)", "a2 b1"),
        ("userId in ('ada', 'bob''s')", "a1 b1"),
        ("userId in (null)", "n1"),
        ("connectionId in ('a1','b1') and 'red' in groups", "a1"),
        ("userId eq 'ada' or userId eq 'Ada' and connectionId eq 'x'", "a1"),
        ("(userId eq 'ada' or userId eq 'Ada') and connectionId eq 'a2'", "a2"),
        ("userId eq 'ada' or not (startswith(userId,'b')) and connectionId eq 'n1'", "a1 n1"),
        ("  ( ( userId eq 'ada' ) )  ", "a1"),
    ],
)
def test_who_matches(text: str, matching: str) -> None:
    found = parse_filter(text)
    assert " ".join(each.connection_id for each in PEOPLE if found.matches(each, GROUPS)) == matching


def test_the_groups_that_a_filter_names_are_told() -> None:
    assert parse_filter("'red' in groups or not ('it''s' in groups)").groups == {"red", "it's"}


@pytest.mark.parametrize(
    ("text", "character"),
    [
        ("userId", 7),
        ("userId eq", 10),
        ("userId eq ada", 11),
        ("userId eq 'ada", 11),
        ("userId = 'ada'", 8),
        ("userId gt 'ada'", 8),
        ("length(userId) eq 3", 1),
        ("userId eq 'ada' and", 20),
        ("userId eq 'ada' userId", 17),
        ("(userId eq 'ada'", 17),
        ("startswith(userId)", 18),
        ("startswith userId", 12),
        ("not userId eq 'ada'", 5),
        ("userId in groups", 11),
        ("'red' in ()", 11),
        ("'red' in ('a' 'b')", 15),
        ("true", 1),
        ("groups eq 'a'", 1),
        ("userId eq 3", 11),
        (")", 1),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, character: int) -> None:
    with pytest.raises(RestError, match=f"at character {character}, ") as refused:
        parse_filter(text)
    assert (refused.value.status, refused.value.target) == (400, "filter")


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        ("userId eq '{}'".format("x" * (MAXIMUM_CHARACTERS - 12)), "userId eq '{}'".format("x" * MAXIMUM_CHARACTERS)),
        (
            " or ".join(["userId eq 'a'"] * MAXIMUM_CLAUSES),
            " or ".join(["userId eq 'a'"] * (MAXIMUM_CLAUSES + 1)),
        ),
        (
            "(" * MAXIMUM_DEPTH + "userId eq 'a'" + ")" * MAXIMUM_DEPTH,
            "(" * (MAXIMUM_DEPTH + 1) + "userId eq 'a'" + ")" * (MAXIMUM_DEPTH + 1),
        ),
        ("not " * MAXIMUM_DEPTH + "contains(userId,'a')", "not " * (MAXIMUM_DEPTH + 2) + "contains(userId,'a')"),
        ("userId eq 'a'", "(" * 8_000),
    ],
)
def test_limits(within: str, beyond: str) -> None:
    parse_filter(within)
    with pytest.raises(RestError):
        parse_filter(beyond)


Expected = Callable[[Connected], bool]
_TEXTS = st.sampled_from(["a1", "ada", "Ada", "b", "bob's", "", "1"])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _comparisons(text: str) -> list[tuple[str, Expected]]:
    quoted = _quoted(text)
    return [
        (f"userId eq {quoted}", lambda each: each.user_id == text),
        (f"connectionId ne {quoted}", lambda each: each.connection_id != text),
        (f"contains(connectionId,{quoted})", lambda each: text in each.connection_id),
        (f"startswith(userId,{quoted})", lambda each: each.user_id is not None and each.user_id.startswith(text)),
        ("'red' in groups", lambda each: each.connection_id in GROUPS["red"]),
    ]


_CONDITIONS: st.SearchStrategy[tuple[str, Expected]] = st.recursive(
    _TEXTS.flatmap(lambda text: st.sampled_from(_comparisons(text))),
    lambda inner: (
        st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]}) and ({two[1][0]})", lambda each: two[0][1](each) and two[1][1](each))
        )
        | st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]}) or ({two[1][0]})", lambda each: two[0][1](each) or two[1][1](each))
        )
        | inner.map(lambda one: (f"not ({one[0]})", lambda each: not one[1](each)))
    ),
    max_leaves=8,
)


@given(_CONDITIONS)
def test_conditions_mean_what_they_say(condition: tuple[str, Expected]) -> None:
    text, expected = condition
    found = parse_filter(text)
    assert [found.matches(each, GROUPS) for each in PEOPLE] == [expected(each) for each in PEOPLE]


_WORDS = [
    "userId",
    "connectionId",
    "groups",
    "null",
    "'a'",
    "''",
    "'",
    "(",
    ")",
    ",",
    "and",
    "or",
    "not",
    "eq",
    "in",
    " ",
]


@given(st.text() | st.lists(st.sampled_from(_WORDS), max_size=30).map(" ".join))
def test_whatever_comes_is_a_filter_or_refused(text: str) -> None:
    with suppress(RestError):
        found = parse_filter(text)
        groups: dict[str, set[str]] = {name: set() for name in found.groups}
        for each in PEOPLE:
            assert found.matches(each, groups) in (True, False)
