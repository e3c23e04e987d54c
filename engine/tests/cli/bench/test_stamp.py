"""The text that load carries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwire.cli.bench.stamp import MINIMUM_BYTES, Stamps


@given(st.integers(0, 10**19 - 1), st.integers(MINIMUM_BYTES, 500))
def test_a_text_has_its_size_and_tells_when_it_was_due(due_ns: int, size: int) -> None:
    stamps = Stamps("0123abcd", size)
    text = stamps.text(due_ns)
    assert len(text.encode()) == size
    assert stamps.due_ns([text]) == due_ns


@pytest.mark.parametrize(
    "arguments",
    [["{}"], [1, None, "{}"], [{"body": "{}", "by": "ann"}], [[["{}"]]], ["group-1", {"a": {"b": "{}"}}]],
)
def test_the_text_is_found_where_a_hub_has_put_it(arguments: list[object]) -> None:
    stamps = Stamps("0123abcd", 40)

    def put(part: object) -> object:
        if isinstance(part, list):
            return [put(each) for each in part]
        if isinstance(part, dict):
            return {name: put(each) for name, each in part.items()}
        return stamps.text(77) if part == "{}" else part

    assert stamps.due_ns([put(part) for part in arguments]) == 77


@pytest.mark.parametrize(
    "argument",
    [
        "hello",
        "",
        5,
        None,
        "hw0123abcd|short",
        "hw0123abcd|xxxxxxxxxxxxxxxxxxx|",
        [[[["hw0123abcd|" + "0" * 19 + "|"]]]],
    ],
)
def test_what_is_none_of_ours_is_left_alone(argument: object) -> None:
    assert Stamps("0123abcd", 40).due_ns([argument]) is None


def test_what_another_run_left_in_the_server_is_none_of_ours() -> None:
    assert Stamps("0123abcd", 40).due_ns([Stamps("ffffffff", 40).text(1)]) is None
