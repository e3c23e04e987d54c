"""Reads JSON that vendors sent: within a depth, into a type, with errors that repeat nothing of it. Pure."""

from __future__ import annotations

import re
from typing import Final, TypeVar

import msgspec

from meschain.services.webhook_ports import Malformed

MAXIMUM_DEPTH: Final = 32
"""Arrays and objects within each other; the vendors' own messages have six at most."""

# A string that never ends is taken to the end at once: looking for its end from each of its quotes would be quadratic.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)

Read = TypeVar("Read")


def read_json(body: bytes, type_: type[Read]) -> Read:
    """The body as this type. Raises: Malformed."""
    # Most bodies open fewer than that in all, however they are nested.
    if body.count(b"[") + body.count(b"{") > MAXIMUM_DEPTH and depth_of(body) > MAXIMUM_DEPTH:
        raise Malformed(f"the body is nested deeper than {MAXIMUM_DEPTH} levels")
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        raise Malformed(f"the body is not what was expected: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed("the body is not JSON") from None


def depth_of(body: bytes) -> int:
    """How deep arrays and objects are within each other; of what is no JSON some number. Linear in the body."""
    depth = deepest = 0
    for found in _TOKEN.finditer(body):
        first = found.group()[:1]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest
