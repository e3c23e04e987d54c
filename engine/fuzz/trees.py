"""Changes inputs as what they mean, not as bytes: of what byte changes make of JSON, 95 % is no JSON at all (measured).

A parser in C tells the search nothing of how far an input came, so coverage alone does not lead it past that.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Trees:
    """How a harness' inputs become lists and dictionaries, and bytes again."""

    read: Callable[[bytes], object]
    write: Callable[[object], bytes]


def _write_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=str, skipkeys=True).encode("utf-8", "surrogatepass")


def _write_pair(pair: Any) -> bytes:
    return bytes([int(pair[0]) & 0xFF]) + _write_json(pair[1])


JSON = Trees(json.loads, _write_json)
JSON_BEHIND_A_BYTE = Trees(lambda data: [data[0], json.loads(data[1:])], _write_pair)
MSGPACK = Trees(msgspec.msgpack.decode, msgspec.msgpack.encode)

_LEAVES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 2**31, 2**53, 2**63, 2**64 - 1, -(2**63)),
    *(0.5, -0.0, 1e300, "", "0", "1", "a", "\x1e", "é", "😀", [], {}, [[]], {"": None}),
)
_DEEP = 70
"""Levels of a value that is too deep for a message."""


def mutated(trees: Trees, data: bytes, donors: Sequence[bytes], choose: random.Random) -> bytes | None:
    """Return the input with some parts replaced, moved, doubled or dropped; None where it has no parts."""
    try:
        root = [trees.read(data)]
        donor = trees.read(choose.choice(donors))
        for _ in range(choose.randint(1, 3)):
            _change(root, donor, choose)
        return trees.write(root[0])
    except Exception:  # noqa: BLE001 - no tree, or none that can be written: the caller changes bytes then
        return None


def _slots(root: Any) -> list[tuple[Any, Any]]:
    """Return every container with every key or index in it."""
    found: list[tuple[Any, Any]] = []
    waiting = [root]
    while waiting and len(found) < 500:
        container = waiting.pop()
        keys = range(len(container)) if isinstance(container, list) else list(container)
        for key in keys:
            found.append((container, key))
            if isinstance(container[key], list | dict):
                waiting.append(container[key])
    return found


def _change(root: list[Any], donor: Any, choose: random.Random) -> None:
    container, key = choose.choice(_slots(root))
    parts = _slots([donor])
    match choose.randint(0, 6):
        case 0 | 1:
            container[key] = choose.choice(_LEAVES)
        case 2:
            giver, given = choose.choice(parts)
            container[key] = copy.deepcopy(giver[given])
        case 3 if container is not root:
            del container[key]
        case 4 if isinstance(container, list) and container is not root:
            container.insert(choose.randint(0, len(container)), copy.deepcopy(container[key]))
        case 5 if isinstance(container, dict):
            giver, given = choose.choice(parts)
            container[given if isinstance(given, str) else str(given)] = copy.deepcopy(container[key])
        case _:
            for _ in range(choose.choice((1, 2, 60, _DEEP))):
                container[key] = choose.choice(([container[key]], {"a": container[key]}))
