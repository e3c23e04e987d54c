"""Arguments with places to fill in: `["{group}", {"body": "{text}"}]`. Knows no hub.

A text that is nothing but one place becomes its value, so `{items}` alone is a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def filled(template: Sequence[object], values: Mapping[str, object]) -> list[object]:
    """Return the arguments with every place filled."""
    return [_filled(part, values) for part in template]


def _filled(part: object, values: Mapping[str, object]) -> object:
    if isinstance(part, str):
        if "{" not in part:
            return part
        if part[1:-1] in values and part[0] == "{" and part[-1] == "}":
            return values[part[1:-1]]
        for name, value in values.items():
            part = part.replace(f"{{{name}}}", str(value))
        return part
    if isinstance(part, list):
        return filled(part, values)
    if isinstance(part, dict):
        return {name: _filled(value, values) for name, value in part.items()}
    return part
