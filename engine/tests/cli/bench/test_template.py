"""Templates of arguments."""

from __future__ import annotations

import pytest

from hubwire.cli.bench.template import filled

VALUES: dict[str, object] = {"text": "hello", "group": "group-1", "user": "ann", "number": 7, "items": 10}


@pytest.mark.parametrize(
    ("template", "arguments"),
    [
        (["{text}"], ["hello"]),
        (["{items}", "{number}"], [10, 7]),
        (["to {group} by {user}"], ["to group-1 by ann"]),
        ([{"body": ["{text}", 1]}, True, None], [{"body": ["hello", 1]}, True, None]),
        (["{unknown}", "{", "{}", "}{text}{"], ["{unknown}", "{", "{}", "}hello{"]),
        (["{text}{user}"], ["helloann"]),
        ([], []),
    ],
)
def test_templates_are_filled_and_the_rest_stays(template: list[object], arguments: list[object]) -> None:
    assert filled(template, VALUES) == arguments
