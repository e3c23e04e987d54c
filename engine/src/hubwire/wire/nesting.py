"""How deeply a message may be nested, for every codec. Knows no message and no bytes."""

from __future__ import annotations

from typing import Any

MAXIMUM_NESTING = 64
"""Arrays and objects inside each other, the message itself counted. 64: the reference server's limit for JSON.

Without a limit of ours the interpreter's own would be the first to be met, which differs between Python's versions and
with the depth of the stack; and what is decoded is walked again, to bind, to print and to send it on.
"""


def is_nested_deeper(value: object, levels: int) -> bool:
    """Tell whether more than that many lists and dictionaries lie inside each other. Does not recurse."""
    level: list[Any] = [value]
    while True:
        level = [item for item in level if type(item) is list or type(item) is dict]
        if not level:
            return False
        if not levels:
            return True
        levels -= 1
        level = [inner for item in level for inner in (item if type(item) is list else item.values())]
